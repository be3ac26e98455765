//! One call to OpenBao: what the client library has no endpoint for, or reads into types that need fields OpenBao
//! leaves out.

use std::fmt;

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;

/// A method, a path below `/v1/`, and a JSON body.
pub(super) struct Call {
    method: RequestMethod,
    path: String,
    query: Vec<(&'static str, u32)>,
    body: Option<serde_json::Result<Vec<u8>>>,
}

impl Call {
    fn new(method: RequestMethod, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(RequestMethod::GET, path)
    }

    pub fn list(path: impl Into<String>) -> Self {
        Self::new(RequestMethod::LIST, path)
    }

    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(RequestMethod::DELETE, path)
    }

    pub fn post(path: impl Into<String>, body: &impl Serialize) -> Self {
        Self {
            body: Some(serde_json::to_vec(body)),
            ..Self::new(RequestMethod::POST, path)
        }
    }

    pub fn put(path: impl Into<String>, body: &impl Serialize) -> Self {
        Self {
            body: Some(serde_json::to_vec(body)),
            ..Self::new(RequestMethod::PUT, path)
        }
    }

    pub fn with_query(mut self, name: &'static str, value: u32) -> Self {
        self.query.push((name, value));
        self
    }

    /// Whether the path reaches OpenBao byte for byte as written. Paths are built from checked types; this is the
    /// second wall, as URL parsing drops `..` and lets a tab before it climb out of a mount.
    pub fn is_plain(&self) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        self.path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain))
    }
}

/// Before or after a call, as tests name the place.
pub(super) struct Place<'a, E>(pub &'static str, pub &'a E);

impl<E: Endpoint> fmt::Display for Place<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(side, call) = self;
        write!(f, "{side} {:?} {}", call.method(), call.path())
    }
}

impl Endpoint for Call {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Ok((!pairs.is_empty()).then(|| pairs.join("&")))
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        match &self.body {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes.clone())),
            Some(Err(error)) => Err(ClientError::DataParseError {
                source: anyhow::anyhow!(error.to_string()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_sent() {
        assert!(Call::get("acme1-store/0123456789abcdef").is_plain());
        assert!(Call::get("sys/policies/acl/acme1.site-write").is_plain());
        for bad in [
            "a/../b",
            "a/\t../b",
            "a//b",
            "/a",
            "a/",
            "a/%2e%2e/b",
            "a/b?c",
            "a/b#c",
            "a/é",
            "a/ b",
            "a\\b",
            "",
        ] {
            assert!(!Call::get(bad).is_plain(), "{bad:?}");
        }
    }
}
