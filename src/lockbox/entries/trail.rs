//! What is kept of each use: an event, and for changes a row of history beside it. Never a value.

use jiff::Timestamp;
use serde_json::json;

use super::{Entry, EntryId};
use crate::auth::User;
use crate::db::{self, GenericClient};
use crate::events::{Event, Outcome};

/// What an event says of an entry.
pub(super) struct About<'a> {
    /// `None` where there is none yet.
    pub id: Option<EntryId>,
    pub client_id: &'a str,
    pub kind: &'a str,
}

impl<'a> From<&'a Entry> for About<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            id: Some(entry.id),
            client_id: &entry.client_id,
            kind: entry.kind.as_str(),
        }
    }
}

/// Records what a user did with an entry, or (with the code of the refusal) was not let do.
pub(super) async fn record(
    client: &impl GenericClient,
    by: &User,
    (action, outcome): (&'static str, Outcome),
    about: About<'_>,
    now: Timestamp,
) -> db::Result<()> {
    let actor = by.account.actor();
    let mut event = Event::done(action, Some(by.vendor.id), &actor);
    event.outcome = outcome;
    event.details = json!({ "entry": about.id, "clientId": about.client_id, "type": about.kind });
    event.record(client, now).await
}

/// The outcome of what only members of a group may.
pub(super) const GROUP_REQUIRED: Outcome = Outcome::Refused("group_required");
/// The outcome where what is stored cannot be trusted.
pub(super) const INTEGRITY: Outcome = Outcome::Failed("integrity");
