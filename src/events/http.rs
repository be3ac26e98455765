//! Middleware that keeps refusals.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};

use super::refused::{self, Asked};
use crate::app::App;
use crate::error::Error;
use crate::telemetry;
use crate::types::SecretId;

/// Keeps each refusal before it is answered, whoever made it: a handler, an extractor or other middleware.
///
/// # Errors
/// Those of the request.
pub async fn keep_refusals(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let app = request.app_data::<web::Data<App>>().cloned();
    let asked = Asked {
        method: request.method().to_string(),
        route: request.match_pattern().unwrap_or_default(),
    };
    let done = next.call(request).await;
    if let Ok(response) = &done {
        note_site(response.request());
    }
    let error = match &done {
        Ok(response) => response.response().error(),
        Err(error) => Some(error),
    };
    let error = error.and_then(|error| error.as_error::<Error>());
    if let (Some(app), Some(error)) = (app, error) {
        refused::keep(&app.into_inner(), error, asked).await;
    }
    done
}

/// A refusal stands in the log of the site that the path names. A delete key stands there too, and is no site's name.
fn note_site(request: &HttpRequest) {
    let named = request.match_info().get("secretId");
    let named = named.filter(|text| !text.starts_with("gdk_"));
    if let Some(id) = named.and_then(|text| SecretId::parse(text).ok()) {
        telemetry::current().seen.note_site(&id);
    }
}
