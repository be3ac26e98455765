//! The one error of requests, its table of codes, and the problem document (RFC 9457) it becomes.
//!
//! [`Error::entry`] is the whole error contract: each refusal has a `code` of its own that never changes. Trouble with
//! OpenBao or PostgreSQL is always 503 with `Retry-After`; what they said is logged once, where the answer is built,
//! and never shown.

mod problem;

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::types::Namespace;
use crate::{db, vault};

/// Result of a request.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not JSON, or not text at all.
    #[error("the body is not valid JSON")]
    MalformedBody,
    /// Well-formed, but a field breaks a rule.
    #[error("a field breaks a rule")]
    InvalidField(Vec<FieldError>),
    /// As [`Error::InvalidField`] for a namespace, with one that could be taken instead.
    #[error("the namespace breaks a rule")]
    InvalidNamespace {
        /// The rule.
        field: FieldError,
        /// Made from the vendor's name.
        suggestion: Option<Namespace>,
    },
    /// A query parameter or header breaks a rule.
    #[error("invalid parameter: {0}")]
    InvalidParameter(&'static str),
    /// Not `application/json`.
    #[error("the body's media type is not supported")]
    UnsupportedMediaType,
    /// Larger than the limit.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// No credentials where some are needed.
    #[error("no credentials were sent")]
    CredentialsMissing,
    /// Credentials of no known form, or that name nobody.
    #[error("the credentials are not valid")]
    CredentialsInvalid,
    /// As [`Error::CredentialsInvalid`] in TrustedLogin's dialect, which says 403.
    #[error("the vendor's credentials are not valid")]
    ConnectorRefused,
    /// The webhook's signature, time or id does not hold.
    #[error("the webhook signature is not valid: {0}")]
    SignatureInvalid(&'static str),
    /// The claim token was not made by this service.
    #[error("the claim token is not valid")]
    ClaimInvalid,
    /// The claim token is older than it may be.
    #[error("the claim token has expired")]
    ClaimExpired,
    /// The private key it was exchanged for is in use.
    #[error("the claim token was used")]
    ClaimUsed,
    /// A caller of a kind that may never do this.
    #[error("this kind of caller may not do this")]
    CallerNotAllowed,
    /// The vendor is suspended.
    #[error("the vendor is suspended")]
    VendorSuspended,
    /// The vendor was cancelled.
    #[error("the vendor was cancelled")]
    VendorCancelled,
    /// The vendor accepts tokens for one site only.
    #[error("the vendor refuses store-wide write tokens")]
    StoreWideRefused,
    /// The site is registered, and the public key alone does not suffice.
    #[error("the site is registered and its access key was not shown")]
    AccessKeyRequired,
    /// Look-ups are paused.
    #[error("support access of this vendor is paused")]
    SupportPaused,
    /// No such thing, or not the caller's.
    #[error("not found")]
    NotFound,
    /// The path exists, not for this method.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The methods that are.
        allow: String,
    },
    /// Another vendor has it, or had it once.
    #[error("the namespace is taken")]
    NamespaceTaken,
    /// The webhook's id was used for another body.
    #[error("the webhook id was used for another body")]
    WebhookIdReused,
    /// The token to bind belongs to a site already.
    #[error("the issuance cannot be bound to this site")]
    IssuanceNotBindable,
    /// The site or the key was changed by another request at the same moment.
    #[error("changed by another request at the same time")]
    Conflict,
    /// Over a rate limit.
    #[error("too many requests")]
    RateLimited {
        /// Seconds.
        retry_after: u64,
    },
    /// The whole request took too long.
    #[error("the request took too long")]
    RequestTimeout,
    /// What is held in memory may be out of date: the database has been out of sight.
    #[error("the database is out of sight")]
    Stale,
    /// The service has not read its keys yet.
    #[error("the service is starting")]
    Starting,
    /// The queue of ledger rows is full.
    #[error("the ledger is busy")]
    LedgerBusy,
    /// The site is being removed, and OpenBao is still to follow.
    #[error("the site is being removed")]
    RemovalPending,
    /// The vendor's store or policies are not complete.
    #[error("the vendor is not provisioned yet")]
    NotProvisioned,
    /// OpenBao holds something else at a path that should be the vendor's.
    #[error("OpenBao holds something else at the vendor's path: {0}")]
    ForeignMount(String),
    /// A call to OpenBao failed.
    #[error("OpenBao: {0}")]
    Vault(#[from] vault::Error),
    /// A use of PostgreSQL failed.
    #[error("PostgreSQL: {0}")]
    Db(#[from] db::Error),
    /// A bug.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What is wrong with one field. The value is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// The rule it breaks.
    pub detail: String,
    /// The JSON type of what was found there, where something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_type: Option<&'static str>,
}

impl FieldError {
    /// For a field at the top of the body.
    #[must_use]
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self::at(format!("/{field}"), detail)
    }

    /// For the place a JSON pointer names.
    #[must_use]
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
            value_type: None,
        }
    }

    /// With the type of what was found there.
    #[must_use]
    pub fn found(mut self, value: Option<&Value>) -> Self {
        self.value_type = value.map(|value| match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        });
        self
    }
}

/// A row of the table: what a caller is told.
pub struct Entry {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable name.
    pub code: &'static str,
    /// What happened, and what to do.
    pub detail: String,
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Db(error.into())
    }
}

impl Error {
    /// A single field that breaks a rule.
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::InvalidField(vec![FieldError::new(field, detail)])
    }

    /// The table: status, code and fixed text of each error.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table, to be read as one")]
    pub fn entry(&self) -> Entry {
        let (status, code, detail) = match self {
            Self::MalformedBody => (
                400,
                "malformed_body",
                "The body is not valid JSON in UTF-8.",
            ),
            Self::InvalidField(_) => (
                422,
                "invalid_field",
                "A field of the body breaks a rule: see errors.",
            ),
            Self::InvalidNamespace { .. } => (
                422,
                "invalid_namespace",
                "The namespace breaks a rule: see errors.",
            ),
            Self::InvalidParameter(what) => (400, "invalid_parameter", *what),
            Self::UnsupportedMediaType => (
                415,
                "unsupported_media_type",
                "The body must be application/json in UTF-8, not compressed.",
            ),
            Self::BodyTooLarge => (413, "body_too_large", "The body is larger than allowed."),
            Self::BodyTimeout => (408, "body_timeout", "The body did not arrive in time."),
            Self::CredentialsMissing => {
                (401, "credentials_missing", "This call needs credentials.")
            }
            Self::CredentialsInvalid => {
                (401, "credentials_invalid", "The credentials are not valid.")
            }
            Self::ConnectorRefused => {
                (403, "credentials_invalid", "The credentials are not valid.")
            }
            Self::SignatureInvalid(what) => (401, "signature_invalid", *what),
            Self::ClaimInvalid => (401, "claim_invalid", "The claim token is not valid."),
            Self::ClaimExpired => (
                410,
                "claim_expired",
                "The claim token has expired. Ask the operator for a key pair.",
            ),
            Self::ClaimUsed => (
                410,
                "claim_used",
                "The private key was used already, so it can be claimed no more.",
            ),
            Self::CallerNotAllowed => (
                403,
                "caller_not_allowed",
                "These credentials are of a kind that may not do this.",
            ),
            Self::VendorSuspended => (403, "vendor_suspended", "The vendor is suspended."),
            Self::VendorCancelled => (403, "vendor_cancelled", "The vendor was cancelled."),
            Self::StoreWideRefused => (
                403,
                "store_wide_refused",
                "This vendor hands out write tokens for one site only: name its secretId.",
            ),
            Self::AccessKeyRequired => (
                403,
                "access_key_required",
                "The site is registered: show its accessKey, or act as the vendor.",
            ),
            Self::SupportPaused => (
                423,
                "support_paused",
                "Support access of this vendor is paused.",
            ),
            Self::NotFound => (
                404,
                "not_found",
                "There is no such thing, or it is not yours.",
            ),
            Self::MethodNotAllowed { .. } => (
                405,
                "method_not_allowed",
                "The path does not answer to this method.",
            ),
            Self::NamespaceTaken => (409, "namespace_taken", "The namespace is taken."),
            Self::WebhookIdReused => (
                409,
                "webhook_id_reused",
                "A webhook of this id was handled with another body.",
            ),
            Self::IssuanceNotBindable => (
                409,
                "issuance_not_bindable",
                "The issuance is no live store-wide write token, or belongs to another site.",
            ),
            Self::Conflict => (
                409,
                "conflict",
                "Another request changed the same thing at the same time. Try again.",
            ),
            Self::RateLimited { .. } => (
                429,
                "rate_limited",
                "Too many requests. Wait as long as Retry-After says.",
            ),
            Self::RequestTimeout => (
                503,
                "request_timeout",
                "The request took too long. Try again.",
            ),
            Self::Stale => (
                503,
                "database_out_of_sight",
                "The service cannot see its database. Try again.",
            ),
            Self::Starting => (503, "starting", "The service is starting. Try again."),
            Self::LedgerBusy => (503, "ledger_busy", "The service is busy. Try again."),
            Self::RemovalPending => (
                503,
                "removal_pending",
                "The site is being removed. Try again.",
            ),
            Self::NotProvisioned => (
                503,
                "not_provisioned",
                "The vendor's store is not complete yet. Try again.",
            ),
            Self::ForeignMount(_) => (
                503,
                "store_conflict",
                "The vendor's store cannot be made. An operator must look.",
            ),
            Self::Vault(error) => return vault_entry(error),
            Self::Db(error) if error.is_bug() => {
                (500, "internal", "Something went wrong in the service.")
            }
            Self::Db(_) => (
                503,
                "database_unavailable",
                "The database cannot be used at the moment. Try again.",
            ),
            Self::Internal(_) => (500, "internal", "Something went wrong in the service."),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Entry {
            status,
            code,
            detail: detail.to_owned(),
        }
    }

    fn retry_after(&self, status: StatusCode) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(rand::random_range(1..=5)),
            _ => None,
        }
    }

    fn field_errors(&self) -> &[FieldError] {
        match self {
            Self::InvalidField(errors) => errors,
            Self::InvalidNamespace { field, .. } => std::slice::from_ref(field),
            _ => &[],
        }
    }
}

fn vault_entry(error: &vault::Error) -> Entry {
    use vault::Error as V;
    let (code, detail) = match error {
        V::Sealed => ("openbao_sealed", "OpenBao is sealed. Try again later."),
        V::TimedOut => (
            "openbao_timeout",
            "OpenBao did not answer in time. Try again.",
        ),
        V::Throttled => (
            "openbao_throttled",
            "OpenBao is limiting the rate of calls. Try again.",
        ),
        V::Denied(_) | V::NoAppToken => (
            "openbao_denied",
            "The service lacks a right in OpenBao. An operator must look.",
        ),
        V::Unavailable(_) => ("openbao_unavailable", "OpenBao is out of reach. Try again."),
        V::BeingUpgraded => (
            "not_provisioned",
            "The vendor's store is not complete yet. Try again.",
        ),
        V::NotFound
        | V::PathInUse
        | V::VersionMoved
        | V::InvalidAccessor
        | V::Rejected(_)
        | V::Malformed(_) => (
            "openbao_unexpected",
            "OpenBao answered unexpectedly. Try again; if it stays so, an operator must look.",
        ),
    };
    Entry {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code,
        detail: detail.to_owned(),
    }
}

/// An error with all its causes, in one line.
#[must_use]
pub fn cause_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
