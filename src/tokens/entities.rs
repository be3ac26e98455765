//! Entities of site-scoped tokens, in OpenBao: deleted when no live token of any vendor uses them.
//!
//! They are marked in the database first. A token that is minted for a marked one is refused by the ledger and minted
//! again, so that no token is ever handed out whose entity is about to go.

use super::store;
use crate::app::App;
use crate::error::Result;
use crate::vault::identity;

/// How many one call deletes.
pub const BATCH: i64 = 200;

/// Deletes a few that are marked, of any vendor, and gives how many those were.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn delete_marked(app: &App) -> Result<usize> {
    let client = app.db.all().await?;
    let due = store::entities_to_delete(&client, BATCH).await?;
    drop(client);
    for id in &due {
        app.vault
            .revoker
            .call(|handle| async move { identity::delete_entity(&handle, id).await })
            .await?;
        let client = app.db.all().await?;
        store::mark_entity_gone(&client, id, app.clock.now()).await?;
    }
    Ok(due.len())
}
