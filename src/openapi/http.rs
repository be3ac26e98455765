//! The handlers that serve the API description.

use actix_web::HttpResponse;

use super::page;
use crate::console::http::shown;
use crate::error::Result;

/// `GET /openapi.json`.
///
/// # Errors
/// Where it cannot be written out.
pub async fn document() -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().json(super::document()?))
}

/// `GET /docs`: the same for people.
///
/// # Errors
/// Where it cannot be written out.
pub async fn docs() -> Result<HttpResponse> {
    shown(page::page()?)
}
