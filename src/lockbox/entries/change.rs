//! Replaces and deletes entries: under the lock of the entry's row, so that the group that is asked for is the one that
//! is stored.

use std::sync::Arc;

use jiff::Timestamp;

use super::create::sealed;
use super::trail::{self, GROUP_REQUIRED};
use super::{Draft, Entry, EntryId, admit, store, whole_seconds};
use crate::app::App;
use crate::auth::User;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Outcome;
use crate::lockbox::{Keys, Under, with_keys};

/// Which entry, and which version of it is to be changed.
#[derive(Clone, Copy)]
pub struct Target {
    /// Which entry.
    pub id: EntryId,
    /// The version that the caller has seen; `None` for whichever there is.
    pub version: Option<u32>,
}

/// Replaces all of an entry.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxLocked`], [`Error::NotFound`], [`Error::GroupRequired`] where the
/// user is not in the stored group or in the new one, [`Error::VersionConflict`], [`Error::EntryExists`], or trouble with
/// the database.
pub async fn replace(app: &Arc<App>, by: &User, target: Target, draft: &Draft) -> Result<Entry> {
    with_keys(app, &by.vendor, move |keys| async move {
        let change = Change {
            app,
            by,
            target,
            draft: Some(draft),
            action: "lockbox.entry_updated",
        };
        change.attempt(&keys).await
    })
    .await
}

/// Deletes an entry. Its history stays.
///
/// # Errors
/// As [`replace`].
pub async fn delete(app: &Arc<App>, by: &User, target: Target) -> Result<()> {
    let deleted = with_keys(app, &by.vendor, move |keys| async move {
        let change = Change {
            app,
            by,
            target,
            draft: None,
            action: "lockbox.entry_deleted",
        };
        change.attempt(&keys).await
    });
    deleted.await.map(|_| ())
}

struct Change<'a> {
    app: &'a App,
    by: &'a User,
    target: Target,
    /// `None` to delete.
    draft: Option<&'a Draft>,
    action: &'static str,
}

impl Change<'_> {
    async fn attempt(&self, keys: &Keys) -> Result<Under<Entry>> {
        let (vendor, now) = (self.by.vendor.id, self.app.clock.now());
        let mut client = self.app.db.of(vendor).await?;
        let transaction = client.transaction().await?;
        if !store::hold_open(&transaction, vendor, keys.epoch).await? {
            return Ok(Under::Moved);
        }
        let found = store::hold(&transaction, vendor, self.target.id).await?;
        let found = found.ok_or(Error::NotFound)?;
        if let Err(refused) = self.admit(&found) {
            let outcome = (self.action, GROUP_REQUIRED);
            trail::record(&transaction, self.by, outcome, (&found).into(), now).await?;
            transaction.commit().await?;
            return Err(refused);
        }
        let current = u32::try_from(found.version).unwrap_or(0);
        if self.target.version.is_some_and(|seen| seen != current) {
            return Err(Error::VersionConflict { current });
        }
        let next = self.write(&transaction, keys, &found, now).await?;
        trail::record(
            &transaction,
            self.by,
            (self.action, Outcome::Done),
            (&next).into(),
            now,
        )
        .await?;
        transaction.commit().await?;
        Ok(Under::Epoch(next))
    }

    fn admit(&self, found: &Entry) -> Result<()> {
        admit(self.by, &found.required_group)?;
        self.draft
            .map_or(Ok(()), |draft| admit(self.by, &draft.required_group))
    }

    async fn write(
        &self,
        client: &impl GenericClient,
        keys: &Keys,
        found: &Entry,
        now: Timestamp,
    ) -> Result<Entry> {
        let vendor = self.by.vendor.id;
        let mut next = Entry {
            version: found.version.saturating_add(1),
            updated_at: whole_seconds(now),
            updated_by: self.by.account.name.to_string(),
            ..found.clone()
        };
        let Some(draft) = self.draft else {
            store::remove(client, vendor, found.id).await?;
            store::note(client, vendor, "deleted", &next).await?;
            return Ok(next);
        };
        if store::is_taken(client, vendor, draft, Some(found.id)).await? {
            return Err(Error::EntryExists);
        }
        next.client_id.clone_from(&draft.client_id);
        next.required_group.clone_from(&draft.required_group);
        next.key.clone_from(&draft.key);
        next.kind = draft.kind;
        store::replace(client, vendor, &next, &sealed(keys, &next, draft)?).await?;
        store::note(client, vendor, "updated", &next).await?;
        Ok(next)
    }
}
