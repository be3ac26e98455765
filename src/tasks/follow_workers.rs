//! Brings the policies of workers in OpenBao up to date that could not be written at once, and forgets sessions that
//! have ended.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::users::accounts;
use crate::users::workers::keys::store;
use crate::users::workers::policy;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let (written, failed) = policy::pass(&app).await?;
    let client = app.db.all().await?;
    let now = app.clock.now();
    let sessions = store::purge_sessions(&client, now).await?;
    let of_users = accounts::sessions::store::purge(&client, accounts::USERS, now).await?;
    let of_operators = accounts::sessions::store::purge(&client, accounts::OPERATORS, now).await?;
    let ended = sessions + of_users + of_operators;
    Ok(json!({ "followed": written, "failed": failed, "sessionsEnded": ended }))
}
