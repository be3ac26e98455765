//! Removes token roles of sets of networks that no live token needs.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::tokens::bound::tidy;

pub(super) async fn pass(app: Arc<App>) -> Report {
    Ok(json!({ "removed": tidy::unused(&app).await? }))
}
