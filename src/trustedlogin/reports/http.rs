//! Handlers on what clients report of log-ins.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::fields::Body;
use super::read;
use crate::app::App;
use crate::auth::PluginOrVendor;
use crate::error::{Error, Result};
use crate::http::limit::Report;
use crate::http::{Answer, Json, SiteId, client_address, in_background};
use crate::sites::attempts;
use crate::types::{AttemptId, SecretId};

/// A lockdown was noted.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginReported)]
pub struct ReportedView {
    success: bool,
}

/// A log-in that failed was noted.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginAttempt)]
pub struct NotedView {
    id: AttemptId,
}

/// Somebody may log in still.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginVerified)]
pub struct VerifiedView {
    verified: bool,
}

/// `POST /api/v1/report-brute-force`: a site's lockdown. 200.
pub async fn lockdown(
    app: web::Data<App>,
    caller: PluginOrVendor,
    request: HttpRequest,
    body: Json<Body>,
) -> Result<Answer<ReportedView>> {
    let from = client_address(&app, &request);
    let vendor = caller.vendor().id;
    app.limits.check_report(vendor, Report::Lockdown, from)?;
    let attempt = read::seen(&body.0)?;
    let report = in_background(&app, move |app| async move {
        attempts::lockdown(&app, &caller, attempt).await
    });
    report.await?;
    Ok(Answer::ok(ReportedView { success: true }))
}

/// `POST /api/v1/sites/{secretId}/login-attempts`: a log-in that failed. 201.
pub async fn failed(
    app: web::Data<App>,
    caller: PluginOrVendor,
    request: HttpRequest,
    id: SiteId,
    body: Json<Body>,
) -> Result<Answer<NotedView>> {
    let from = client_address(&app, &request);
    let vendor = caller.vendor().id;
    app.limits.check_report(vendor, Report::Attempt, from)?;
    let id = SecretId::parse(&id.0).map_err(|_| Error::NotFound)?;
    let attempt = read::failed(&body.0)?;
    let id = attempts::failed(&app, &caller, id, attempt).await?;
    Ok(Answer::created(NotedView { id }))
}

/// `POST /api/v1/sites/{secretId}/verify-identifier`: whether somebody may log in still. Clients look at the status only.
pub async fn verify(
    app: web::Data<App>,
    caller: PluginOrVendor,
    id: SiteId,
    body: Json<Body>,
) -> Result<Answer<VerifiedView>> {
    let id = SecretId::parse(&id.0).map_err(|_| Error::NotFound)?;
    read::seen(&body.0)?;
    let verified = in_background(&app, move |app| async move {
        attempts::verify(&app, &caller, &id).await
    });
    verified.await?;
    Ok(Answer::ok(VerifiedView { verified: true }))
}
