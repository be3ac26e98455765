//! Removes what is left of vendors that were cancelled.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::vendors::cancel;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let passed = cancel::pass(&app).await?;
    Ok(json!({
        "finished": passed.finished,
        "checked": passed.checked,
        "waiting": passed.waiting,
    }))
}
