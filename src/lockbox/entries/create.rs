//! Adds entries.

use std::sync::Arc;

use super::store::{self, Sealed};
use super::trail::{self, About, GROUP_REQUIRED};
use super::{Draft, Entry, admit, whole_seconds};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::events::Outcome;
use crate::lockbox::crypto::EntryContext;
use crate::lockbox::{Keys, Under, with_keys};

const ACTION: &str = "lockbox.entry_created";

/// Adds an entry.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxLocked`], [`Error::GroupRequired`] for a group the user is not in,
/// [`Error::EntryExists`], or trouble with the database.
pub async fn create(app: &Arc<App>, by: &User, draft: &Draft) -> Result<Entry> {
    with_keys(app, &by.vendor, move |keys| async move {
        attempt(app, by, draft, &keys).await
    })
    .await
}

async fn attempt(app: &App, by: &User, draft: &Draft, keys: &Keys) -> Result<Under<Entry>> {
    let (vendor, now) = (by.vendor.id, app.clock.now());
    let mut client = app.db.of(vendor).await?;
    if let Err(refused) = admit(by, &draft.required_group) {
        let about = About {
            id: None,
            client_id: &draft.client_id,
            kind: draft.kind.as_str(),
        };
        if !store::is_open(&client, vendor, keys.epoch).await? {
            return Ok(Under::Moved);
        }
        trail::record(&client, by, (ACTION, GROUP_REQUIRED), about, now).await?;
        return Err(refused);
    }
    let transaction = client.transaction().await?;
    let Some(id) = store::next_id(&transaction, vendor, keys.epoch).await? else {
        return Ok(Under::Moved);
    };
    if store::is_taken(&transaction, vendor, draft, None).await? {
        return Err(Error::EntryExists);
    }
    let (at, name) = (whole_seconds(now), by.account.name.to_string());
    let entry = Entry {
        id,
        client_id: draft.client_id.clone(),
        required_group: draft.required_group.clone(),
        key: draft.key.clone(),
        kind: draft.kind,
        version: 1,
        created_at: at,
        created_by: name.clone(),
        updated_at: at,
        updated_by: name,
    };
    let sealed = sealed(keys, &entry, draft)?;
    store::insert(&transaction, vendor, &entry, &sealed).await?;
    store::note(&transaction, vendor, "created", &entry).await?;
    trail::record(
        &transaction,
        by,
        (ACTION, Outcome::Done),
        (&entry).into(),
        now,
    )
    .await?;
    transaction.commit().await?;
    Ok(Under::Epoch(entry))
}

/// What a value belongs to.
pub(super) fn context(entry: &Entry) -> EntryContext<'_> {
    EntryContext {
        id: entry.id.0,
        version: entry.version,
        required_group: &entry.required_group,
        client_id: &entry.client_id,
        key: &entry.key,
        kind: entry.kind.as_str(),
    }
}

/// The value of a draft, sealed for what the entry is to be.
pub(super) fn sealed(keys: &Keys, entry: &Entry, draft: &Draft) -> Result<Sealed> {
    let value = draft.value.expose().as_bytes();
    let (generation, bytes) = keys.seal(&context(entry), value)?;
    Ok(Sealed { generation, bytes })
}
