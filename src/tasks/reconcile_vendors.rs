//! Compares vendors with what OpenBao has of them, and makes whole what drifted or was deleted by hand.

use std::sync::Arc;

use super::Report;
use crate::app::App;
use crate::vendors::repair;

pub(super) async fn pass(app: Arc<App>) -> Report {
    Ok(serde_json::to_value(repair::pass(&app).await?)?)
}
