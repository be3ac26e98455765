//! Lists entries, sorted and filtered as RPort does it. No value is read.

pub mod page;
pub mod query;
pub mod store;

pub use page::Position;
pub use query::{Field, Filter, Match, Query, Sort};

use std::sync::Arc;

use serde_json::json;

use super::Entry;
use crate::app::App;
use crate::auth::User;
use crate::error::Result;
use crate::events::Event;
use crate::lockbox::{Under, with_keys};

/// Which rows of a list.
pub struct Part {
    /// What comes after this one.
    pub after: Option<Position>,
    /// How many rows at most.
    pub limit: i64,
}

/// Entries in the order that was asked for; all of them, or one part.
///
/// # Errors
/// [`crate::error::Error::LockboxUninitialized`], [`crate::error::Error::LockboxLocked`], or trouble with the database.
pub async fn list(
    app: &Arc<App>,
    by: &User,
    query: &Query,
    part: Option<&Part>,
) -> Result<Vec<Entry>> {
    with_keys(app, &by.vendor, move |keys| async move {
        let (vendor, epoch) = (by.vendor.id, keys.epoch);
        let client = app.db.of(vendor).await?;
        let rows = store::rows(&client, vendor, epoch, query, part).await?;
        // No rows may mean that nothing was looked at.
        if rows.is_empty() && !super::store::is_open(&client, vendor, epoch).await? {
            return Ok(Under::Moved);
        }
        let actor = by.account.actor();
        let mut event = Event::done("lockbox.listed", Some(vendor), &actor);
        event.details = json!({ "entries": rows.len() });
        event.record(&client, app.clock.now()).await?;
        Ok(Under::Epoch(rows))
    })
    .await
}
