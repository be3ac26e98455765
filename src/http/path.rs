//! Identifiers in paths. One that breaks its grammar names nothing: 404, as for one that is unknown.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::error::{Error, Result};
use crate::types::{Namespace, SecretId};

/// `{secretId}` as it stands in the path, not checked yet: it may be a delete key.
pub struct SiteId(pub String);

/// `{namespace}`.
pub struct NamespacePath(pub Namespace);

/// `{namespace}` and `{secretId}`.
pub struct NamespaceSitePath(pub Namespace, pub SecretId);

fn segment(request: &HttpRequest, name: &str) -> Result<String> {
    request
        .match_info()
        .get(name)
        .map(ToOwned::to_owned)
        .ok_or(Error::NotFound)
}

fn namespace(request: &HttpRequest) -> Result<Namespace> {
    Namespace::parse(&segment(request, "namespace")?).map_err(|_| Error::NotFound)
}

fn secret_id(request: &HttpRequest) -> Result<SecretId> {
    SecretId::parse(&segment(request, "secretId")?).map_err(|_| Error::NotFound)
}

impl FromRequest for SiteId {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(segment(request, "secretId").map(Self))
    }
}

impl FromRequest for NamespacePath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(namespace(request).map(Self))
    }
}

impl FromRequest for NamespaceSitePath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(namespace(request).and_then(|ns| secret_id(request).map(|id| Self(ns, id))))
    }
}
