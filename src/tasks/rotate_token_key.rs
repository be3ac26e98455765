//! Replaces the key that access tokens are signed with when it is old, and forgets revoked tokens that are over.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::oauth::keys::rotate;
use crate::oauth::revoke;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let forgotten = revoke::purge(&app).await?;
    let rotated = rotate::rotate_old(&app, "task:rotate_token_key").await?;
    Ok(json!({ "rotated": rotated, "forgotten": forgotten }))
}
