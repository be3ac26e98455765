//! Revokes tokens of our roles that are on no record.

use std::sync::Arc;

use super::Report;
use crate::app::App;
use crate::tokens::sweep::sweep;

pub(super) async fn pass(app: Arc<App>) -> Report {
    Ok(serde_json::to_value(sweep(&app).await?)?)
}
