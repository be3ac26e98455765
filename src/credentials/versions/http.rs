//! Handlers on versions.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{CredentialReader, VendorAdmin};
use crate::credentials::access::Caller;
use crate::credentials::http::{CredentialView, if_match, with_version};
use crate::credentials::{change, read, remove};
use crate::error::{Error, Result};
use crate::http::{Answer, Data, Json, KeyPath, KeyVersionPath, in_background};

/// A version as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CredentialVersion)]
pub struct VersionView {
    version: u32,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; `null` while it can be read.
    #[schema(required)]
    deleted_at: Option<String>,
    /// Whether it is gone for good.
    destroyed: bool,
}

/// The versions of a credential.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialVersions)]
pub struct VersionsView {
    versions: Vec<VersionView>,
}

/// `GET /api/credentials/{key}/versions`: those that OpenBao still keeps, newest first.
pub async fn list(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
) -> Result<Answer<VersionsView>> {
    let by = Caller::from(by);
    let metadata = in_background(&app, move |app| async move {
        read::record(&app, &by, &path.0).await?;
        remove::metadata(&app, &by, &path.0).await
    });
    let metadata = metadata.await?.ok_or(Error::NotFound)?;
    let versions = metadata
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
    Ok(Answer::ok(VersionsView { versions }))
}

/// `GET /api/credentials/{key}/versions/{version}`.
pub async fn show(
    app: web::Data<App>,
    by: CredentialReader,
    path: KeyVersionPath,
) -> Result<Answer<Data<CredentialView>>> {
    let by = Caller::from(by);
    let found = in_background(&app, move |app| async move {
        read::read(&app, &by, &path.0, Some(path.1)).await
    })
    .await?;
    let view = CredentialView::with_value(found.record, found.version, found.value);
    Ok(Answer::ok(Data { data: view }))
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
) -> Result<Answer<Data<CredentialView>>> {
    let (by, replaces) = (Caller::from(by), if_match(&request)?);
    let record = in_background(&app, move |app| async move {
        change::roll_back(&app, &by, &path.0, body.0.version, replaces).await
    });
    with_version(StatusCode::OK, record.await?)
}

/// The body of `POST /api/credentials/{key}/undelete`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndeleteRequest {
    version: Option<u32>,
}

/// What was brought back.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialUndeleted)]
pub struct UndeletedView {
    /// The versions that can be read again.
    undeleted: Vec<u32>,
}

/// `POST /api/credentials/{key}/undelete`: one version, or all.
pub async fn undelete(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
    body: Json<UndeleteRequest>,
) -> Result<Answer<UndeletedView>> {
    let by = Caller::from(by);
    let undeleted = in_background(&app, move |app| async move {
        remove::undelete(&app, &by, &path.0, body.0.version).await
    });
    Ok(Answer::ok(UndeletedView {
        undeleted: undeleted.await?,
    }))
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

/// It was destroyed.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialDestroyed)]
pub struct DestroyedView {
    destroyed: bool,
}

/// `POST /api/credentials/{key}/destroy`: some versions for good, or all with the key.
pub async fn destroy(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
    body: Json<DestroyRequest>,
) -> Result<Answer<DestroyedView>> {
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
    Ok(Answer::ok(DestroyedView { destroyed: true }))
}
