//! What every answer gets, and what no request may exceed.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;

use crate::error::Error;

const WHOLE_REQUEST: Duration = Duration::from_secs(10);
/// For the one call whose body is a backup.
const WHOLE_RESTORE: Duration = Duration::from_mins(2);
/// For what Connectors call: they wait 5 seconds. A refusal may take a moment more to be put on record.
const OF_CONNECTORS: Duration = Duration::from_secs(4);
/// For a report of a failed log-in: clients wait 3 seconds.
const OF_REPORTS: Duration = Duration::from_secs(2);

/// Every answer is kept out of caches that does not say otherwise, says its type and means it, and names its request.
///
/// # Errors
/// Those of the request.
pub async fn harden(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = super::request_id(request.request());
    match next.call(request).await {
        Ok(mut response) => {
            dress(response.headers_mut(), &id);
            Ok(response)
        }
        Err(error) => Err(answered(error, |headers| dress(headers, &id))),
    }
}

fn dress(headers: &mut HeaderMap, request_id: &str) {
    // What everybody may read says so itself.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000"),
    );
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

/// An error that middleware made, with its answer built here, where what belongs into it is still known.
#[must_use]
pub fn answered(error: actix_web::Error, change: impl FnOnce(&mut HeaderMap)) -> actix_web::Error {
    let mut response = error.error_response();
    change(response.headers_mut());
    InternalError::from_response(error, response).into()
}

/// No request takes longer than 10 seconds, a restore of a lockbox no longer than two minutes, and what TrustedLogin's
/// plugins call no longer than they wait. What it began in a tracked task of its own goes on to its end.
///
/// # Errors
/// [`Error::RequestTimeout`], or those of the request.
pub async fn time_limit(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let limit = limit_of(request.path());
    match tokio::time::timeout(limit, next.call(request)).await {
        Ok(done) => done,
        Err(_) => Err(Error::RequestTimeout.into()),
    }
}

fn limit_of(path: &str) -> Duration {
    let Some(path) = path.strip_prefix("/api/v1/") else {
        return match path {
            "/api/lockbox/restore" => WHOLE_RESTORE,
            _ => WHOLE_REQUEST,
        };
    };
    if path.starts_with("sites/") && path.ends_with("/login-attempts") {
        OF_REPORTS
    } else if path.starts_with("accounts/") || path.ends_with("/get-envelope") {
        OF_CONNECTORS
    } else {
        WHOLE_REQUEST
    }
}
