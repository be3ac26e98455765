//! The answer an error becomes: a problem document (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Dialect, Entry, Error, FieldError, LineError, cause_chain, dialect};
use crate::console;
use crate::types::Namespace;

impl Error {
    /// The answer with the request id in it. 5xx are logged here with their cause, and nowhere else.
    #[must_use]
    pub fn into_response(&self, request_id: &str, dialect: Dialect) -> HttpResponse {
        let entry = self.entry();
        if entry.status.is_server_error() {
            let cause = cause_chain(self);
            if entry.status == StatusCode::INTERNAL_SERVER_ERROR {
                tracing::error!(error.code = entry.code, error.cause = %cause, "The request failed");
            } else {
                tracing::warn!(error.code = entry.code, error.cause = %cause, "The request could not be served");
            }
        }
        if dialect == Dialect::Console {
            let retry_after = self.retry_after(entry.status);
            return self.page(&entry, request_id, retry_after);
        }
        let status = dialect.status(self, entry.status.as_u16());
        let status = StatusCode::from_u16(status).unwrap_or(entry.status);
        let retry_after = self.retry_after(status);
        let mut response = HttpResponseBuilder::new(status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(seconds) = retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, dialect.challenge()));
        }
        if let Self::MethodNotAllowed { allow } = self {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        match dialect {
            Dialect::RPort => response.json(dialect::rport(self, &entry, request_id)),
            Dialect::TrustedLogin => response.json(dialect::trustedlogin(self, &entry, request_id)),
            Dialect::OAuth => response.json(dialect::oauth(self, &entry, request_id)),
            Dialect::Own | Dialect::Console => {
                let mut response = response.json(self.problem(&entry, request_id, retry_after));
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/problem+json"),
                );
                response
            }
        }
    }

    /// As people read it.
    fn page(&self, entry: &Entry, request_id: &str, retry_after: Option<u64>) -> HttpResponse {
        let mut page = console::http::error_page(entry, request_id, retry_after);
        let headers = page.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Self::MethodNotAllowed { allow } = self
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            headers.insert(header::ALLOW, allow);
        }
        page
    }

    fn problem<'a>(
        &'a self,
        entry: &'a Entry,
        request_id: &'a str,
        retry_after: Option<u64>,
    ) -> Problem<'a> {
        Problem {
            uri: format!("urn:gatehouse:problem:{}", entry.code),
            title: entry.status.canonical_reason().unwrap_or_default(),
            status: entry.status.as_u16(),
            code: entry.code,
            message: &entry.detail,
            detail: &entry.detail,
            request_id,
            errors: self.field_errors(),
            suggestion: match self {
                Self::InvalidNamespace { suggestion, .. } => suggestion.as_ref(),
                _ => None,
            },
            current_version: match self {
                Self::VersionConflict { current } => Some(*current),
                _ => None,
            },
            reason: match self {
                Self::LeaseBudget { reason, .. } => Some(reason.as_str()),
                _ => None,
            },
            lines: match self {
                Self::InvalidLines(lines) => lines,
                _ => &[],
            },
            retry_after,
        }
    }
}

/// The body of an error, RFC 9457. `message` repeats `detail` for clients that read only that.
#[derive(Serialize, ToSchema)]
pub(super) struct Problem<'a> {
    /// A URN that ends in the code.
    #[serde(rename = "type")]
    uri: String,
    title: &'a str,
    status: u16,
    /// Stable.
    code: &'a str,
    /// What happened, and what to do.
    detail: &'a str,
    message: &'a str,
    request_id: &'a str,
    /// What is wrong with fields of the body.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// Of `invalid_namespace`: one that could be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'a Namespace>,
    /// Of `version_conflict`: the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<u32>,
    /// Of `lease_budget_exhausted`: whose budget it is, `address`, `public_key`, `vendor` or `service`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What is wrong with lines of a file.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lines: &'a [LineError],
    /// Seconds, as `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.entry().status
    }

    fn error_response(&self) -> HttpResponse {
        let current = crate::telemetry::current();
        self.into_response(&current.request_id, current.dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_headers_follow_the_dialect() {
        let answer = |error: &Error, dialect| {
            let response = error.into_response("id", dialect);
            let has = |name| response.headers().contains_key(name);
            let hints = (has(header::RETRY_AFTER), has(header::WWW_AUTHENTICATE));
            (response.status().as_u16(), hints)
        };
        let (own, rport) = (Dialect::Own, Dialect::RPort);
        let field = Error::field("key", "is required");
        let expected = [
            (field, 422, 400, (false, false)),
            (Error::LockboxLocked, 423, 409, (false, false)),
            (Error::Starting, 503, 503, (true, false)),
            (
                Error::RateLimited { retry_after: 1 },
                429,
                429,
                (true, false),
            ),
            (Error::CredentialsMissing, 401, 401, (false, true)),
            (Error::GroupRequired, 403, 403, (false, false)),
            (Error::BodyTooLarge, 413, 413, (false, false)),
        ];
        for (error, ours, theirs, hints) in expected {
            assert_eq!(answer(&error, own), (ours, hints), "{error}");
            assert_eq!(answer(&error, rport), (theirs, hints), "{error}");
        }
        let wrong = Error::LockboxPasswordWrong;
        assert_eq!(answer(&wrong, own), (403, (false, false)));
        assert_eq!(answer(&wrong, rport), (401, (false, true)));
    }
}
