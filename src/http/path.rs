//! Identifiers in paths. One that breaks its grammar names nothing: 404, as for one that is unknown.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::auth::{UserAdmin, VendorAdmin};
use crate::error::{Error, Result};
use crate::lockbox::entries::EntryId;
use crate::types::{
    CredentialKey, DeliveryId, Namespace, SecretId, SessionId, UserLogin, UserName, WebhookId,
    WorkerId, WorkerLogin,
};

/// `{secretId}` as it stands in the path, not checked yet: it may be a delete key.
pub struct SiteId(pub String);

/// `{namespace}`.
pub struct NamespacePath(pub Namespace);

/// `{namespace}` and `{secretId}`.
pub struct NamespaceSitePath(pub Namespace, pub SecretId);

/// `{login}`.
pub struct WorkerPath(WorkerLogin);

impl WorkerPath {
    /// The worker, if the log-in name is of this vendor.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not.
    pub fn of(&self, by: &VendorAdmin) -> Result<WorkerId> {
        if self.0.namespace == by.vendor.namespace {
            Ok(self.0.id)
        } else {
            Err(Error::NotFound)
        }
    }
}

/// `{user}`: a bare name, or `name@namespace`.
pub struct UserPath(UserLogin);

impl UserPath {
    /// The user's name, if it can be of this vendor.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it is not.
    pub fn of(&self, by: &UserAdmin) -> Result<UserName> {
        match &self.0.namespace {
            Some(namespace) if *namespace != by.by.vendor.namespace => Err(Error::NotFound),
            _ => Ok(self.0.name.clone()),
        }
    }
}

/// `{session}`; `None` for `current`.
pub struct SessionPath(pub Option<SessionId>);

/// `{user}` and `{session}`.
pub struct UserSessionPath(pub UserPath, pub SessionId);

/// `{key}`.
pub struct KeyPath(pub CredentialKey);

/// `{key}` and `{version}`.
pub struct KeyVersionPath(pub CredentialKey, pub u32);

/// `{webhook}`.
pub struct WebhookPath(pub WebhookId);

/// `{webhook}` and `{delivery}`.
pub struct DeliveryPath(pub WebhookId, pub DeliveryId);

/// `{entry}`.
pub struct EntryPath(pub EntryId);

impl FromRequest for EntryPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let entry = segment(request, "entry").map(|text| EntryId::parse(&text));
        ready(entry.and_then(|entry| entry.map(Self).ok_or(Error::NotFound)))
    }
}

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

fn webhook(request: &HttpRequest) -> Result<WebhookId> {
    WebhookId::parse(&segment(request, "webhook")?).ok_or(Error::NotFound)
}

impl FromRequest for WebhookPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(webhook(request).map(Self))
    }
}

impl FromRequest for DeliveryPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let delivery = segment(request, "delivery")
            .and_then(|text| DeliveryId::parse(&text).ok_or(Error::NotFound));
        ready(webhook(request).and_then(|id| delivery.map(|delivery| Self(id, delivery))))
    }
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

/// What stands at the end of the path where the route is `{key}` or a word that is a key too.
fn key(request: &HttpRequest) -> Result<CredentialKey> {
    let last = || request.path().rsplit('/').next().map(str::to_owned);
    let text = segment(request, "key").ok().or_else(last);
    text.and_then(|text| CredentialKey::parse(&text).ok())
        .ok_or(Error::NotFound)
}

impl FromRequest for WorkerPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let login = segment(request, "login").map(|text| WorkerLogin::parse(&text));
        ready(login.and_then(|login| login.map(Self).ok_or(Error::NotFound)))
    }
}

fn user(request: &HttpRequest) -> Result<UserPath> {
    let login = UserLogin::parse(&segment(request, "user")?);
    login.map(UserPath).ok_or(Error::NotFound)
}

fn session(request: &HttpRequest) -> Result<SessionId> {
    SessionId::parse(&segment(request, "session")?).ok_or(Error::NotFound)
}

impl FromRequest for UserPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(user(request))
    }
}

impl FromRequest for SessionPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match segment(request, "session").as_deref() {
            Ok("current") => Ok(Self(None)),
            _ => session(request).map(|id| Self(Some(id))),
        })
    }
}

impl FromRequest for UserSessionPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(user(request).and_then(|user| session(request).map(|id| Self(user, id))))
    }
}

impl FromRequest for KeyPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(key(request).map(Self))
    }
}

impl FromRequest for KeyVersionPath {
    type Error = Error;
    type Future = Ready<Result<Self>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let version = segment(request, "version").and_then(|text| {
            let plain = !text.starts_with(['+', '0']);
            let number = text.parse().ok().filter(|_| plain);
            number.ok_or(Error::NotFound)
        });
        ready(key(request).and_then(|key| version.map(|version| Self(key, version))))
    }
}
