//! The OpenBao nodes whose audit logs are read, as operators see them.

pub mod http;
pub(super) mod store;

use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;

/// A shipper that is silent for so long is gone.
const SILENT: SignedDuration = SignedDuration::from_hours(1);

/// Forgets a node that is no more. One whose shipper still works is kept: it would begin its file anew, and store each
/// line again.
///
/// # Errors
/// [`Error::NotFound`], [`Error::AuditNodeAlive`], or trouble with the database.
pub async fn remove(app: &App, node: &str, actor: &str) -> Result<()> {
    // Shippers go by real time.
    let now = Timestamp::now();
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let found = store::find_for_update(&transaction, node).await?;
    let found = found.ok_or(Error::NotFound)?;
    if now.duration_since(found.seen_at) < SILENT {
        return Err(Error::AuditNodeAlive);
    }
    store::remove(&transaction, node).await?;
    record(&transaction, app, node, actor).await?;
    transaction.commit().await?;
    Ok(())
}

async fn record(client: &impl GenericClient, app: &App, node: &str, actor: &str) -> Result<()> {
    let mut event = Event::done("audit.node_removed", None, actor);
    event.details = serde_json::json!({ "node": node });
    Ok(event.record(client, app.clock.now()).await?)
}
