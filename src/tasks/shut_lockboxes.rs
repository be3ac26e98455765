//! Locks lockboxes that nobody uses, where their vendor wants that, and those whose key no replica has any more.

use std::sync::Arc;

use serde_json::json;

use super::Report;
use crate::app::App;
use crate::events::Event;
use crate::lockbox::replicas;

pub(super) async fn pass(app: Arc<App>) -> Report {
    let now = app.clock.now();
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let shut = replicas::shut(&transaction).await?;
    for one in &shut {
        let mut event = Event::done("lockbox.locked", Some(one.vendor), "task:shut_lockboxes");
        let reason = if one.idle {
            "not used"
        } else {
            "no replica has the key"
        };
        event.details = json!({ "reason": reason });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    replicas::tidy(&client).await?;
    Ok(json!({ "locked": shut.len() }))
}
