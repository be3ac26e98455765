//! Middleware that keeps refusals.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;

use super::refused::{self, Asked};
use crate::app::App;
use crate::error::Error;

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
