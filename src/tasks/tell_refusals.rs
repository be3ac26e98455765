//! Puts counted refusals on record.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::events::refused;

pub(super) async fn pass(app: Arc<App>) -> Report {
    Ok(json!({ "refusals": refused::tell(&app).await? }))
}
