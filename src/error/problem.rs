//! The answer an error becomes: a problem document (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;

use super::{Error, FieldError, LineError, cause_chain};
use crate::types::Namespace;

impl Error {
    /// The answer with the request id in it. 5xx are logged here with their cause, and nowhere else.
    #[must_use]
    pub fn into_response(&self, request_id: &str) -> HttpResponse {
        let entry = self.entry();
        if entry.status.is_server_error() {
            let cause = cause_chain(self);
            if entry.status == StatusCode::INTERNAL_SERVER_ERROR {
                tracing::error!(error.code = entry.code, error.cause = %cause, "The request failed");
            } else {
                tracing::warn!(error.code = entry.code, error.cause = %cause, "The request could not be served");
            }
        }
        let retry_after = self.retry_after(entry.status);
        let problem = Problem {
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
            lines: match self {
                Self::InvalidLines(lines) => lines,
                _ => &[],
            },
            retry_after,
        };
        let mut response = HttpResponseBuilder::new(entry.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(seconds) = retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if entry.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, r#"Bearer realm="gatehouse""#));
        }
        if let Self::MethodNotAllowed { allow } = self {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        let mut response = response.json(problem);
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

/// The body of an error, RFC 9457. `message` repeats `detail` for clients that read only that.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    uri: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    message: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'a Namespace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lines: &'a [LineError],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.entry().status
    }

    fn error_response(&self) -> HttpResponse {
        self.into_response(&crate::telemetry::current_request_id())
    }
}
