//! Brings the policies of workers in OpenBao up to date that could not be written at once, and forgets sessions that
//! have ended.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::users::workers::keys::store;
use crate::users::workers::policy;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let (written, failed) = policy::pass(&app).await?;
    let client = app.db.get().await?;
    let sessions = store::purge_sessions(&client, app.clock.now()).await?;
    Ok(json!({ "followed": written, "failed": failed, "sessionsEnded": sessions }))
}
