//! The handler of files.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use crate::console::http::POLICY;
use crate::error::{Error, Result};

/// `GET /console/assets/{name}`: kept by browsers for a year, as another content has another name.
pub async fn show(request: HttpRequest) -> Result<HttpResponse> {
    let asset = super::at(request.path()).ok_or(Error::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type(asset.media_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .body(asset.bytes))
}
