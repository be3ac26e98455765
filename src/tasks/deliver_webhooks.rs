//! Sends what waits for webhooks.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::webhooks::deliver;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let passed = deliver::pass(&app).await?;
    Ok(json!({
        "delivered": passed.delivered,
        "putOff": passed.put_off,
        "dead": passed.dead,
        "failed": passed.failed,
    }))
}
