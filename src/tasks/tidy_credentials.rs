//! Removes what a crash left of credentials that were being made, and says which should be changed soon.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::credentials::tidy;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let (removed, failed) = tidy::unfinished(&app).await?;
    let reminded = tidy::remind(&app).await?;
    Ok(json!({ "removed": removed, "failed": failed, "reminded": reminded }))
}
