//! The handler that serves the API description.

use actix_web::HttpResponse;

use crate::error::Result;

/// `GET /openapi.json`.
///
/// # Errors
/// Where it cannot be written out.
pub async fn document() -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(super::document()?))
}
