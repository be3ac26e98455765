//! Typed credentials.

mod fields;
mod models;
mod write;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use fields::Fields;
pub(crate) use write::Wire;

use crate::error::Result;
use crate::secret::Secret;

/// A credential of one of the four types.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Of an FTP server.
    Ftp(Ftp),
    /// Of an S3 bucket.
    S3(S3),
    /// An HTTP request.
    Http(Http),
    /// Anything else.
    Generic(Generic),
}

impl Credential {
    /// The type's name: `ftp`, `s3`, `http` or `generic`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Ftp(_) => "ftp",
            Self::S3(_) => "s3",
            Self::Http(_) => "http",
            Self::Generic(_) => "generic",
        }
    }

    /// The credential as JSON, in the form it is stored in: `type` beside the fields, `headers` a string of JSON.
    ///
    /// # Errors
    /// [`crate::Error::InvalidArgument`] for a generic credential with a field named `type`.
    pub fn to_json(&self) -> Result<Secret> {
        write::json(self)
    }
}

/// The way into an FTP server.
#[derive(Clone, Debug)]
pub struct Ftp {
    /// The server.
    pub hostname: String,
    /// Its port, 21 where nothing else was said.
    pub port: u16,
    /// Whether the connection is made with TLS.
    pub secure: bool,
    /// Who logs in; nobody where it is left out.
    pub username: Option<String>,
    /// With which password.
    pub password: Option<Secret>,
}

impl Ftp {
    /// A server without a log-in, on port 21, without TLS.
    #[must_use]
    pub fn new(hostname: &str) -> Self {
        Self {
            hostname: hostname.to_owned(),
            port: 21,
            secure: false,
            username: None,
            password: None,
        }
    }
}

/// The way into S3, or into a service that is compatible with it.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The endpoint; Amazon's own where it is left out.
    pub hostname: Option<String>,
    /// The public half of the key.
    pub access_key_id: String,
    /// The secret half of the key.
    pub secret_access_key: Secret,
    /// The region, `us-east-1` where nothing else was said.
    pub region: String,
}

impl S3 {
    /// A key for `us-east-1` at Amazon.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: Secret) -> Self {
        Self {
            hostname: None,
            access_key_id: access_key_id.to_owned(),
            secret_access_key,
            region: "us-east-1".to_owned(),
        }
    }
}

/// An HTTP request with what it needs to be let in.
#[derive(Clone)]
pub struct Http {
    /// The URL. It may hold a secret in its query, so `Debug` hides it.
    pub endpoint: String,
    /// The method, GET where nothing else was said.
    pub method: Method,
    /// Headers by name.
    pub headers: BTreeMap<String, Secret>,
    /// The body, empty where there is none.
    pub body: Secret,
}

impl Http {
    /// A GET without headers and body.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            method: Method::Get,
            headers: BTreeMap::new(),
            body: Secret::from(""),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// The method of an HTTP credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// PUT.
    Put,
    /// POST.
    Post,
    /// HEAD.
    Head,
    /// OPTIONS.
    Options,
}

impl Method {
    const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Post, Self::Head, Self::Options];

    /// As it stands in a request: `GET` and so on.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }

    /// The method of this name, in upper case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// Fields by name; a field may be null.
pub type Generic = BTreeMap<String, Option<Secret>>;
