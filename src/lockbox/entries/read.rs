//! Reads an entry's value, and its history.

use std::sync::Arc;

use super::create::context;
use super::store::{self, Past, Sealed};
use super::trail::{self, About, GROUP_REQUIRED, INTEGRITY};
use super::{Entry, EntryId, Opened, admit};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::events::Outcome;
use crate::lockbox::{Keys, Under, with_keys};
use crate::types::Secret;

const READ: &str = "lockbox.entry_read";

/// Reads an entry with its value. Who was given it is on record before.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxLocked`], [`Error::NotFound`], [`Error::GroupRequired`],
/// [`Error::Integrity`], or trouble with the database.
pub async fn read(app: &Arc<App>, by: &User, id: EntryId) -> Result<Opened> {
    with_keys(app, &by.vendor, move |keys| async move {
        attempt(app, by, id, &keys).await
    })
    .await
}

async fn attempt(app: &App, by: &User, id: EntryId, keys: &Keys) -> Result<Under<Opened>> {
    let now = app.clock.now();
    let client = app.db.of(by.vendor.id).await?;
    let Some(found) = store::find(&client, by.vendor.id, keys.epoch, id).await? else {
        return Ok(Under::Moved);
    };
    let (entry, sealed) = found.ok_or(Error::NotFound)?;
    if let Err(refused) = admit(by, &entry.required_group) {
        trail::record(&client, by, (READ, GROUP_REQUIRED), (&entry).into(), now).await?;
        return Err(refused);
    }
    let opened = open(keys, &entry, &sealed);
    let outcome = if opened.is_ok() {
        Outcome::Done
    } else {
        INTEGRITY
    };
    trail::record(&client, by, (READ, outcome), (&entry).into(), now).await?;
    let value = opened?;
    Ok(Under::Epoch(Opened { entry, value }))
}

fn open(keys: &Keys, entry: &Entry, sealed: &Sealed) -> Result<Secret> {
    let mut value = keys.open(&context(entry), sealed.generation, &sealed.bytes)?;
    let text = String::from_utf8(std::mem::take(&mut *value));
    let text = text.map_err(|_| Error::Integrity("an entry of a lockbox"))?;
    Ok(Secret::new(text))
}

/// What became of an entry, the newest first, of versions before `before`; one row more than asked where there is more.
/// It outlives the entry.
///
/// # Errors
/// As [`read`].
pub async fn history(
    app: &Arc<App>,
    by: &User,
    id: EntryId,
    (before, limit): (Option<i32>, i64),
) -> Result<Vec<Past>> {
    with_keys(app, &by.vendor, move |keys| async move {
        let page = (before.unwrap_or(i32::MAX), limit);
        let (vendor, now) = (by.vendor.id, app.clock.now());
        let client = app.db.of(vendor).await?;
        let newest = store::history(&client, vendor, keys.epoch, id, (i32::MAX, 1)).await?;
        let rows = store::history(&client, vendor, keys.epoch, id, page).await?;
        if !store::is_open(&client, vendor, keys.epoch).await? {
            return Ok(Under::Moved);
        }
        let newest = newest.first().ok_or(Error::NotFound)?;
        let about = || About {
            id: Some(id),
            client_id: &newest.client_id,
            kind: &newest.type_name,
        };
        let action = "lockbox.history_read";
        if let Err(refused) = admit(by, &newest.required_group) {
            trail::record(&client, by, (action, GROUP_REQUIRED), about(), now).await?;
            return Err(refused);
        }
        trail::record(&client, by, (action, Outcome::Done), about(), now).await?;
        Ok(Under::Epoch(rows))
    })
    .await
}
