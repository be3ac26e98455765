//! Deletes the entities of site-scoped tokens when no live token of any vendor uses them.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::Report;
use crate::app::App;
use crate::tokens::{entities, store};

/// A token on its way into the ledger need not be minted again.
const UNUSED_FOR: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn pass(app: Arc<App>) -> Report {
    let now = app.clock.now();
    let (since, most) = (now.checked_sub(UNUSED_FOR)?, entities::BATCH);
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let marked = store::claim_unused_entities(&transaction, now, since, most).await?;
    transaction.commit().await?;
    drop(client);
    let deleted = entities::delete_marked(&app).await?;
    Ok(json!({ "marked": marked.len(), "deleted": deleted }))
}
