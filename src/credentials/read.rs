//! Reads credentials in somebody's name.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::access::Caller;
use super::{Record, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::CredentialKey;
use crate::vault::kv2;

/// A credential with its value.
pub struct Found {
    /// What is known of it.
    pub record: Record,
    /// Which version.
    pub version: u32,
    /// Its fields, `type` among them.
    pub value: Map<String, Value>,
}

/// The newest version, or the one named.
///
/// # Errors
/// [`Error::NotFound`] where it is not there or deleted, [`Error::KeyNotAllowed`], or trouble with OpenBao or the
/// database.
pub async fn read(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    version: Option<u32>,
) -> Result<Found> {
    let (found, openbao) = fetch(app, by, key, version).await?;
    let client = app.db.of(by.vendor.id).await?;
    let now = app.clock.now();
    store::mark_used(&client, by.vendor.id, found.record.id, now).await?;
    let more = json!({ "version": found.version, "openbaoRequestId": openbao });
    by.event("credential.read", key, more)
        .record(&client, now)
        .await?;
    Ok(found)
}

/// The newest version for the service itself, which hands it to nobody: no use, and no event of its own. Also gives
/// OpenBao's id of the call.
///
/// # Errors
/// As [`read`].
pub async fn fetch(
    app: &Arc<App>,
    by: &Caller,
    key: &CredentialKey,
    version: Option<u32>,
) -> Result<(Found, String)> {
    by.refuse_key(key)?;
    let client = app.db.of(by.vendor.id).await?;
    let record = store::find(&client, by.vendor.id, key).await?;
    drop(client);
    let record = record
        .filter(|record| record.deleted_at.is_none())
        .ok_or(Error::NotFound)?;
    let namespace = &by.vendor.namespace;
    let read = by
        .reading(app, |handle| async move {
            kv2::read(&handle, namespace, key, version).await
        })
        .await?;
    let read = read.ok_or(Error::NotFound)?;
    let found = Found {
        record,
        version: read.version,
        value: read.fields,
    };
    Ok((found, read.request_id))
}

/// A credential's record.
///
/// # Errors
/// [`Error::NotFound`] where it is not there, or trouble with the database.
pub async fn record(app: &App, by: &Caller, key: &CredentialKey) -> Result<Record> {
    let client = app.db.of(by.vendor.id).await?;
    let record = store::find(&client, by.vendor.id, key).await?;
    record.ok_or(Error::NotFound)
}
