//! Wipes answers to requests with an idempotency key that are not given again, and drops keys a day old.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::idempotency::{KEEP, store};

pub(super) async fn pass(app: Arc<App>) -> Report {
    let now = app.clock.now();
    let client = app.db.all().await?;
    let (wiped, dropped) = store::purge(&client, now, now.checked_sub(KEEP)?).await?;
    Ok(json!({ "wiped": wiped, "dropped": dropped }))
}
