//! Revokes tokens that are marked for it and could not be revoked at once.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::tokens::revoke;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let passed = revoke::pass(&app).await?;
    Ok(json!({ "revoked": passed.revoked, "failed": passed.failed }))
}
