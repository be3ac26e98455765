//! What can go wrong between this service and OpenBao, told apart.

use vaultrs::error::ClientError;

/// A failed call to OpenBao. Nothing of OpenBao's own words is shown to callers of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// OpenBao is sealed or not initialised.
    #[error("OpenBao is sealed")]
    Sealed,
    /// No active node answers: connection refused, a standby's redirect, a lost leader.
    #[error("OpenBao is out of reach: {0}")]
    Unavailable(String),
    /// No answer within the time limit: whether the call took effect is unknown.
    #[error("OpenBao did not answer in time")]
    TimedOut,
    /// OpenBao limits our rate.
    #[error("OpenBao is limiting the rate of calls")]
    Throttled,
    /// The token is gone, or lacks the right.
    #[error("OpenBao refused the call: {0}")]
    Denied(String),
    /// Nothing stands at that path.
    #[error("nothing stands at that path")]
    NotFound,
    /// A mount of that name exists.
    #[error("a mount stands at that path already")]
    PathInUse,
    /// Another version is the newest than the one that was to be replaced.
    #[error("another version is the newest")]
    VersionMoved,
    /// A fresh engine is being made ready.
    #[error("the engine is being made ready")]
    BeingUpgraded,
    /// The accessor names no live token.
    #[error("the accessor names no live token")]
    InvalidAccessor,
    /// There is no token role of that name.
    #[error("there is no such token role: {0}")]
    UnknownRole(String),
    /// OpenBao found fault with the request.
    #[error("OpenBao found the request wrong: {0}")]
    Rejected(String),
    /// An answer that does not have the documented shape. Its text is dropped, as it may hold a token.
    #[error("OpenBao gave an answer of another shape than documented: {0}")]
    Malformed(String),
    /// A token of the service's own that it does not run with.
    #[error("the token is not used: {0}")]
    Unfit(#[from] super::Unfit),
    /// This service holds no token of its own at the moment.
    #[error("no app token is held")]
    NoAppToken,
}

impl Error {
    /// Whether the call may have taken effect although it failed.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::Unavailable(_) | Self::Malformed(_)
        )
    }

    pub(super) fn from_status(code: u16, errors: &[String]) -> Self {
        let said = errors.join("; ");
        match code {
            400 if said.contains("path is already in use") => Self::PathInUse,
            400 if said.contains("unknown role") => Self::UnknownRole(said),
            400 if said.contains("check-and-set") => Self::VersionMoved,
            400 if said.contains("Upgrading from non-versioned") => Self::BeingUpgraded,
            400 | 403 | 404 if said.contains("invalid accessor") => Self::InvalidAccessor,
            // A token that is just ending, as a used one-use token is.
            400 if said.contains("token not found") => Self::InvalidAccessor,
            // The token was good when the call came, and revoked before it was carried out.
            400 if said.contains("parent token lookup failed") => Self::Denied(said),
            400 if said.contains("leadership lost") => {
                Self::Unavailable("leadership lost".to_owned())
            }
            403 => Self::Denied(said),
            404 => Self::NotFound,
            429 => Self::Throttled,
            501 => Self::Sealed,
            503 if said.contains("sealed") || said.is_empty() => Self::Sealed,
            400..=499 => Self::Rejected(said),
            300..=399 => {
                Self::Unavailable(format!("status {code}: a standby that does not forward"))
            }
            _ => Self::Unavailable(format!("status {code}: {said}")),
        }
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::APIError { code, errors } => Self::from_status(code, &errors),
            ClientError::RestClientError { source } => source.into(),
            ClientError::ResponseEmptyError | ClientError::ResponseDataEmptyError => {
                Self::Malformed("no data".to_owned())
            }
            other => Self::Malformed(other.to_string()),
        }
    }
}

impl From<rustify::errors::ClientError> for Error {
    fn from(error: rustify::errors::ClientError) -> Self {
        use rustify::errors::ClientError as Rest;
        match error {
            Rest::ServerResponseError { code, content } => {
                #[derive(serde::Deserialize)]
                struct Body {
                    #[serde(default)]
                    errors: Vec<String>,
                }
                let body = content.and_then(|text| serde_json::from_str::<Body>(&text).ok());
                Self::from_status(code, &body.map(|b| b.errors).unwrap_or_default())
            }
            Rest::RequestError { source, .. } | Rest::ResponseError { source } => {
                match source.downcast_ref::<reqwest::Error>() {
                    Some(e) if e.is_connect() => Self::Unavailable("cannot connect".to_owned()),
                    Some(e) if e.is_timeout() => Self::TimedOut,
                    _ => Self::Unavailable("the connection broke".to_owned()),
                }
            }
            other => Self::Malformed(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_that_ends_in_the_middle_of_a_call_is_a_lost_one() {
        let said = ["parent token lookup failed: no parent found".to_owned()];
        assert!(matches!(Error::from_status(400, &said), Error::Denied(_)));
        let other = ["something else".to_owned()];
        assert!(matches!(
            Error::from_status(400, &other),
            Error::Rejected(_)
        ));
    }
}
