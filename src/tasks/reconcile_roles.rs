//! Looks for token roles that somebody changed, and for policies that our roles would give and that are no vendor's.

use std::sync::Arc;

use super::Report;
use crate::app::App;
use crate::vendors::repair;

pub(super) async fn pass(app: Arc<App>) -> Report {
    Ok(serde_json::to_value(repair::platform_pass(&app).await?)?)
}
