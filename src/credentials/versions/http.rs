//! Handlers on versions.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{CredentialReader, VendorAdmin};
use crate::credentials::access::Caller;
use crate::credentials::http::{CredentialView, if_match, with_version};
use crate::credentials::{change, read, remove};
use crate::error::{Error, Result};
use crate::http::{Json, KeyPath, KeyVersionPath, in_background};

/// A version as answers show it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionView {
    version: u32,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; `null` while it can be read.
    deleted_at: Option<String>,
    /// Whether it is gone for good.
    destroyed: bool,
}

/// `GET /api/credentials/{key}/versions`: those that OpenBao still keeps, newest first.
pub async fn list(app: web::Data<App>, by: VendorAdmin, path: KeyPath) -> Result<HttpResponse> {
    let by = Caller::from(by);
    let metadata = in_background(&app, move |app| async move {
        read::record(&app, &by, &path.0).await?;
        remove::metadata(&app, &by, &path.0).await
    });
    let metadata = metadata.await?.ok_or(Error::NotFound)?;
    let versions: Vec<_> = metadata
        .versions
        .into_iter()
        .rev()
        .map(|(version, kept)| VersionView {
            version,
            created_at: kept.created_time,
            deleted_at: Some(kept.deletion_time).filter(|at| !at.is_empty()),
            destroyed: kept.destroyed,
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "versions": versions })))
}

/// `GET /api/credentials/{key}/versions/{version}`.
pub async fn show(
    app: web::Data<App>,
    by: CredentialReader,
    path: KeyVersionPath,
) -> Result<HttpResponse> {
    let by = Caller::from(by);
    let found = in_background(&app, move |app| async move {
        read::read(&app, &by, &path.0, Some(path.1)).await
    })
    .await?;
    let view = CredentialView::with_value(found.record, found.version, found.value);
    Ok(HttpResponse::Ok().json(json!({ "data": view })))
}

/// The body of `POST /api/credentials/{key}/rollback`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    version: u32,
}

/// `POST /api/credentials/{key}/rollback`: the value of an older version as a new one.
pub async fn roll_back(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
    request: HttpRequest,
    body: Json<RollbackRequest>,
) -> Result<HttpResponse> {
    let (by, replaces) = (Caller::from(by), if_match(&request)?);
    let record = in_background(&app, move |app| async move {
        change::roll_back(&app, &by, &path.0, body.0.version, replaces).await
    });
    Ok(with_version(HttpResponse::Ok(), record.await?))
}

/// The body of `POST /api/credentials/{key}/undelete`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndeleteRequest {
    version: Option<u32>,
}

/// `POST /api/credentials/{key}/undelete`: one version, or all.
pub async fn undelete(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
    body: Json<UndeleteRequest>,
) -> Result<HttpResponse> {
    let by = Caller::from(by);
    let undeleted = in_background(&app, move |app| async move {
        remove::undelete(&app, &by, &path.0, body.0.version).await
    });
    Ok(HttpResponse::Ok().json(json!({ "undeleted": undeleted.await? })))
}

/// The body of `POST /api/credentials/{key}/destroy`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestroyRequest {
    versions: Option<Vec<u32>>,
    /// The credential itself, with all of them.
    #[serde(default)]
    all: bool,
}

/// `POST /api/credentials/{key}/destroy`: some versions for good, or all with the key.
pub async fn destroy(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
    body: Json<DestroyRequest>,
) -> Result<HttpResponse> {
    match &body.0.versions {
        Some(_) if body.0.all => return Err(Error::field("all", "cannot be said with versions")),
        Some(versions) if !(1..=100).contains(&versions.len()) => {
            return Err(Error::field("versions", "must hold 1 to 100 versions"));
        }
        None if !body.0.all => {
            return Err(Error::field(
                "versions",
                "must name some, or all must be true",
            ));
        }
        _ => {}
    }
    let by = Caller::from(by);
    in_background(&app, move |app| async move {
        match &body.0.versions {
            Some(versions) => remove::destroy_versions(&app, &by, &path.0, versions).await,
            None => remove::destroy(&app, &by, &path.0).await,
        }
    })
    .await?;
    Ok(HttpResponse::Ok().json(json!({ "destroyed": true })))
}
