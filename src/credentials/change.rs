//! Writes new versions of a credential.
//!
//! Writers of one credential come one after the other, and each write names the version it replaces. A caller who names
//! none replaces whichever is the newest.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::access::Caller;
use super::alone::{self, Claimed};
use super::models::Credential;
use super::store::{self, NewVersion};
use super::{Record, read, remove};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::CredentialKey;
use crate::vault::{self, kv2};

/// A value to be written.
pub struct Change {
    /// The value.
    pub value: Credential,
    /// When its owner wants it changed again.
    pub rotate_by: Option<Timestamp>,
    /// The version it replaces; `None` for the newest.
    pub replaces: Option<u32>,
}

/// Writes a new version.
///
/// # Errors
/// [`Error::NotFound`] where the credential is not there or deleted, [`Error::VersionConflict`] where another version
/// is the newest than the one to be replaced, or trouble with OpenBao or the database.
pub async fn update(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    change: &Change,
) -> Result<Record> {
    write(app, by, key, change, "credential.updated").await
}

/// Writes an older version's value as a new one.
///
/// # Errors
/// As [`update`]; [`Error::NotFound`] also where that version is not there.
pub async fn roll_back(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    to: u32,
    replaces: Option<u32>,
) -> Result<Record> {
    // OpenBao takes 0 for the newest.
    if to == 0 {
        return Err(Error::NotFound);
    }
    let old = read::read(app, by, key, Some(to)).await?;
    let change = Change {
        value: Credential::from_stored(old.value)?,
        rotate_by: old.record.rotate_by,
        replaces,
    };
    write(app, by, key, &change, "credential.rolled_back").await
}

async fn write(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    change: &Change,
    action: &'static str,
) -> Result<Record> {
    let claimed = alone::claim(app, by, key).await?;
    let written = write_alone(app, by, &claimed, change, action).await;
    alone::settle(app, by, &claimed, &written).await;
    written
}

async fn write_alone(
    app: &Arc<App>,
    by: &Caller,
    claimed: &Claimed,
    change: &Change,
    action: &'static str,
) -> Result<Record> {
    let record = &claimed.record;
    if record.deleted_at.is_some() {
        return Err(Error::NotFound);
    }
    let (namespace, key) = (&by.vendor.namespace, &record.key);
    let fields = &change.value.stored()?;
    let put = async |cas| {
        by.writing(app, |handle| async move {
            kv2::write(&handle, namespace, key, fields, Some(cas)).await
        })
        .await
    };
    let written = match put(change.replaces.unwrap_or(record.version)).await {
        Err(Error::Vault(vault::Error::VersionMoved)) => {
            let current = current_version(app, by, key).await?;
            if change.replaces.is_some() {
                return Err(Error::VersionConflict { current });
            }
            // The note of a write before was lost.
            put(current).await?
        }
        written => written?,
    };
    let more = json!({
        "version": written.version,
        "type": change.value.type_name(),
        "openbaoRequestId": written.request_id,
    });
    note(app, by, claimed, change, written.version, (action, more)).await
}

async fn current_version(app: &Arc<App>, by: &Caller, key: &CredentialKey) -> Result<u32> {
    let metadata = remove::metadata(app, by, key).await?;
    Ok(metadata.ok_or(Error::NotFound)?.current_version)
}

async fn note(
    app: &App,
    by: &Caller,
    claimed: &Claimed,
    change: &Change,
    version: u32,
    (action, more): (&'static str, serde_json::Value),
) -> Result<Record> {
    let now = app.clock.now();
    let (record, vendor) = (&claimed.record, by.vendor.id);
    let new = NewVersion {
        version,
        type_name: change.value.type_name(),
        rotate_by: change.rotate_by,
    };
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::advance(&transaction, vendor, record.id, &new, claimed.claim, now).await? {
        return Err(Error::Conflict);
    }
    by.event(action, &record.key, more)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(Record {
        version,
        type_name: new.type_name.to_owned(),
        rotate_by: new.rotate_by,
        updated_at: now,
        ..record.clone()
    })
}
