//! Deletes the entities of site-scoped tokens when no live token of any vendor uses them.
//!
//! They are marked in the database first. A token that is minted for a marked one is refused by the ledger and minted
//! again, so that no token is ever handed out whose entity is about to go.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::Report;
use crate::app::App;
use crate::tokens::store;
use crate::vault::identity;

const BATCH: i64 = 200;
/// A token on its way into the ledger must not lose its entity.
const UNUSED_FOR: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn pass(app: Arc<App>) -> Report {
    let now = app.clock.now();
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    let marked =
        store::claim_unused_entities(&transaction, now, now.checked_sub(UNUSED_FOR)?, BATCH)
            .await?;
    transaction.commit().await?;
    let due = store::entities_to_delete(&client, BATCH).await?;
    drop(client);
    for id in &due {
        app.vault
            .revoker
            .call(|handle| async move { identity::delete_entity(&handle, id).await })
            .await?;
        let client = app.db.get().await?;
        store::mark_entity_gone(&client, id, app.clock.now()).await?;
    }
    Ok(json!({ "marked": marked.len(), "deleted": due.len() }))
}
