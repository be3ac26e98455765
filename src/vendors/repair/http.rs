//! Handlers by which operators compare vendors with OpenBao, and make them whole.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Drift, Finding, examine, repair, store};
use crate::app::App;
use crate::auth::Operator;
use crate::error::Result;
use crate::http::{Answer, NamespacePath, Page, PageRequest, in_background};
use crate::vendors::create;

/// What was found of a vendor.
#[derive(Serialize, ToSchema)]
#[schema(as = Repair)]
pub struct RepairView {
    namespace: String,
    /// Whether all is as it should be now.
    whole: bool,
    found: Vec<Drift>,
}

impl RepairView {
    fn new(namespace: String, found: Vec<Drift>) -> Self {
        Self {
            namespace,
            whole: found.iter().all(|drift| drift.mended),
            found,
        }
    }
}

/// `GET /api/admin/vendors/{namespace}/repair`: what a repair would find. Changes nothing.
pub async fn show(
    app: web::Data<App>,
    _operator: Operator,
    path: NamespacePath,
) -> Result<Answer<RepairView>> {
    let vendor = create::named(&app, &path.0).await?;
    vendor.refuse_cancelled()?;
    let found = examine(&app, &vendor).await?;
    Ok(Answer::ok(RepairView::new(path.0.to_string(), found)))
}

/// `POST /api/admin/vendors/{namespace}/repair`: makes whole what is missing of a vendor in OpenBao, or was changed there.
pub async fn run(
    app: web::Data<App>,
    operator: Operator,
    path: NamespacePath,
) -> Result<Answer<RepairView>> {
    let vendor = create::named(&app, &path.0).await?;
    let actor = operator.actor();
    let found = in_background(
        &app,
        |app| async move { repair(&app, &vendor, &actor).await },
    )
    .await?;
    Ok(Answer::ok(RepairView::new(path.0.to_string(), found)))
}

/// `GET /api/admin/findings`: what was found in OpenBao that the service leaves alone, the oldest first.
pub async fn findings(
    app: web::Data<App>,
    _operator: Operator,
    page: PageRequest,
) -> Result<Answer<Page<Finding>>> {
    let after: Option<i64> = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.all().await?;
    let rows = store::findings(&client, after.unwrap_or(0), page.limit).await?;
    let page = Page::from_rows(rows, page.limit, |finding| finding.id, |finding| finding);
    Ok(Answer::ok(page))
}
