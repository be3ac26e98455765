//! Removes sites whose time is over, and finishes removals that OpenBao was not there for.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::sites::remove;

const BATCH: i64 = 200;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let (done, failed) = remove::pass(&app, BATCH).await?;
    Ok(json!({ "removed": done, "waiting": failed }))
}
