//! Handlers on what clients reported of log-ins, for the vendor or an operator.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::net::IpAddr;

use actix_web::web;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Reported, store};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::error::{Error, Result};
use crate::http::{Answer, Page, PageRequest, SiteId};
use crate::types::{AttemptId, SecretId, SiteUrl};

/// A log-in that failed, or a lockdown, as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LoginAttempt)]
pub struct AttemptView {
    id: AttemptId,
    /// When the report came.
    reported_at: Timestamp,
    /// When it happened, by the client's clock.
    #[schema(required)]
    attempted_at: Option<Timestamp>,
    /// `null` for a lockdown of a site that is not known.
    #[schema(required)]
    secret_id: Option<SecretId>,
    #[schema(required)]
    site_url: Option<SiteUrl>,
    code: String,
    #[schema(required)]
    reason: Option<String>,
    #[schema(required, value_type = Option<String>)]
    address: Option<IpAddr>,
    #[schema(required)]
    user_agent: Option<String>,
    #[schema(required)]
    identifier_hash: Option<String>,
}

impl From<Reported> for AttemptView {
    fn from(reported: Reported) -> Self {
        let attempt = reported.attempt;
        Self {
            id: reported.id,
            reported_at: reported.at,
            attempted_at: attempt.at,
            secret_id: reported.secret_id,
            site_url: attempt.site_url,
            code: attempt.code,
            reason: attempt.reason,
            address: attempt.address,
            user_agent: attempt.user_agent,
            identifier_hash: attempt.identifier_hash,
        }
    }
}

/// `GET /api/login-attempts`: a page, the newest first.
pub async fn of_vendor(
    app: web::Data<App>,
    by: VendorAdmin,
    page: PageRequest,
) -> Result<Answer<Page<AttemptView>>> {
    list(&app, &by, None, page).await
}

/// `GET /sites/{secretId}/login-attempts`: the same of one site, also of one that was removed.
pub async fn of_site(
    app: web::Data<App>,
    by: VendorAdmin,
    id: SiteId,
    page: PageRequest,
) -> Result<Answer<Page<AttemptView>>> {
    let id = SecretId::parse(&id.0).map_err(|_| Error::NotFound)?;
    list(&app, &by, Some(&id), page).await
}

async fn list(
    app: &App,
    by: &VendorAdmin,
    site: Option<&SecretId>,
    page: PageRequest,
) -> Result<Answer<Page<AttemptView>>> {
    let before = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.vendor.id).await?;
    let before = before.map(AttemptId);
    let rows = store::page(&client, by.vendor.id, site, before, page.limit).await?;
    let page = Page::from_rows(rows, page.limit, |row| row.id.0, AttemptView::from);
    Ok(Answer::ok(page))
}
