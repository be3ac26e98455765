//! What can go wrong, under codes that stay.

use std::fmt;
use std::time::Duration;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed. No variant ever holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument or a setting is wrong; nothing was sent.
    #[error("{0}")]
    InvalidArgument(String),
    /// No answer came: the server cannot be reached, or the connection broke.
    #[error("no answer from {host}: {reason}")]
    Transport {
        /// The server.
        host: String,
        /// What happened.
        reason: String,
    },
    /// The server's certificate is not trusted, or no TLS comes about.
    #[error("no TLS with {host}: {reason}")]
    Tls {
        /// The server.
        host: String,
        /// What happened.
        reason: String,
    },
    /// No answer came in time.
    #[error("no answer from {host} in time")]
    Timeout {
        /// The server.
        host: String,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The answer is not what it should be.
    #[error("the answer cannot be read: {0}")]
    Malformed(String),
    /// The token has ended, and there is no way to another.
    #[error("{0}")]
    Expired(String),
}

impl Error {
    /// Names the variant: `invalid_argument`, `transport`, `tls`, `timeout`, `refused`, `malformed` or `expired`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidArgument(_) => "invalid_argument",
            Self::Transport { .. } => "transport",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Refused(_) => "refused",
            Self::Malformed(_) => "malformed",
            Self::Expired(_) => "expired",
        }
    }

    /// The code that never changes: the server's own for a refusal (`not_found`, `rate_limited` …), else the kind.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            _ => self.kind(),
        }
    }

    /// The refusal, where it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The HTTP status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }
}

/// What the server says when it refuses.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code, which never changes.
    pub code: String,
    /// One sentence for people.
    pub detail: String,
    /// What to tell the operators of Gatehouse. OpenBao gives none.
    pub request_id: Option<String>,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The version that is there, where another was expected (`version_conflict`).
    pub current_version: Option<u32>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.detail)?;
        for error in &self.errors {
            write!(f, "; {} {}", error.pointer, error.detail)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct FieldError {
    /// The field, as a JSON pointer.
    #[serde(default)]
    pub pointer: String,
    /// What is wrong.
    #[serde(default)]
    pub detail: String,
}
