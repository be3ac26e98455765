//! Seals entries of lockboxes with their new data key, after it was changed.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::lockbox::reseal;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let report = reseal::pass(&app).await?;
    Ok(json!({
        "resealed": report.resealed,
        "broken": report.broken,
        "finished": report.finished,
    }))
}
