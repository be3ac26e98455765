//! Keeps when vendors' keys were last shown to this replica.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::vendors::keys::uses;

pub(super) async fn pass(app: Arc<App>) -> Report {
    Ok(json!({ "pairs": uses::keep(&app).await? }))
}
