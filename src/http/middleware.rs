//! What every answer gets, and what no request may exceed.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;

use crate::console;
use crate::error::{Dialect, Error};

/// The HTTP library itself takes 96 headers, and 128 KiB of the whole head. What is beyond that it answers with a bare 431.
const MOST_HEADERS: usize = 64;
const HEADER_BYTES: usize = 32 * 1024;
const TARGET_BYTES: usize = 16 * 1024;
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
    let is_console = Dialect::of(request.path()) == Dialect::Console;
    let dress = move |headers: &mut HeaderMap| {
        dress(headers, &id);
        if is_console {
            console::http::guard(headers);
        }
    };
    match next.call(request).await {
        Ok(mut response) => {
            dress(response.headers_mut());
            Ok(response)
        }
        Err(error) => Err(answered(error, dress)),
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

/// No request's head has more than 64 headers, 32 KiB in them, or a target of more than 16 KiB.
///
/// # Errors
/// [`Error::HeadersTooLarge`], [`Error::TargetTooLong`], or those of the request.
pub async fn head_limit(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    judge_head(&request)?;
    next.call(request).await
}

fn judge_head(request: &ServiceRequest) -> Result<(), Error> {
    let target = request.path().len() + request.query_string().len();
    if target > TARGET_BYTES {
        return Err(Error::TargetTooLong);
    }
    let headers = request.headers();
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > MOST_HEADERS || bytes > HEADER_BYTES {
        return Err(Error::HeadersTooLarge);
    }
    Ok(())
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
