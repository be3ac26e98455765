//! Makes credentials: one, or all of a file. Either all of them are there in the end, or none.
//!
//! Their keys are taken in one transaction, then the values are written to OpenBao, then one transaction makes them
//! visible. Where the second step fails, what was written is removed; where the process dies, a task does it.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::access::Caller;
use super::models::Credential;
use super::store::{self, Reserved};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::{CredentialId, CredentialKey};
use crate::vault::{self, kv2};

/// After this, a key that was taken and not used counts as left by a crash.
pub const STALE: SignedDuration = SignedDuration::from_mins(2);
const AT_ONCE: usize = 8;

/// A credential to be made.
pub struct New {
    /// Its name.
    pub key: CredentialKey,
    /// Its value.
    pub value: Credential,
    /// When its owner wants it changed.
    pub rotate_by: Option<Timestamp>,
}

struct Taken<'a> {
    id: CredentialId,
    new: &'a New,
}

/// Makes all of them.
///
/// # Errors
/// [`Error::CredentialExists`] where a key is taken, and trouble with OpenBao or the database: then there is none.
pub async fn all(app: &Arc<App>, by: &Caller, news: &[New]) -> Result<()> {
    let now = app.clock.now();
    let taken = take(app, by, news, now).await?;
    let writes: Vec<_> = taken
        .iter()
        .map(|taken| write(app, by, taken).boxed())
        .collect();
    let written: Vec<_> = stream::iter(writes).buffered(AT_ONCE).collect().await;
    let may_be_there: Vec<bool> = written.iter().map(may_be_written).collect();
    let versions: Vec<_> = match written.into_iter().collect() {
        Ok(versions) => versions,
        Err(error) => {
            undo(app, by, &taken, &may_be_there).await;
            return Err(error);
        }
    };
    // Where this fails, the commit may have been done all the same: nothing is undone here, and the task removes what
    // did not become visible.
    show(app, by, &taken, &versions, now).await
}

async fn take<'a>(
    app: &App,
    by: &Caller,
    news: &'a [New],
    now: Timestamp,
) -> Result<Vec<Taken<'a>>> {
    let stale = now.checked_sub(STALE).unwrap_or(Timestamp::MIN);
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    // In the order of the keys, so that two files do not wait for each other's.
    let mut in_order: Vec<&New> = news.iter().collect();
    in_order.sort_by(|one, other| one.key.cmp(&other.key));
    let mut taken = Vec::with_capacity(news.len());
    for new in in_order {
        let reserved = Reserved {
            key: &new.key,
            type_name: new.value.type_name(),
            rotate_by: new.rotate_by,
        };
        let id = store::reserve(&transaction, by.vendor.id, &reserved, now, stale).await?;
        let id = id.ok_or(Error::CredentialExists)?;
        taken.push(Taken { id, new });
    }
    transaction.commit().await?;
    Ok(taken)
}

/// The first version. What a crash left at the key is written over: nobody was told of it.
async fn write(app: &Arc<App>, by: &Caller, taken: &Taken<'_>) -> Result<(u32, String)> {
    let (namespace, key) = (&by.vendor.namespace, &taken.new.key);
    let fields = taken.new.value.stored()?;
    let fields = &fields;
    let write = async |cas| {
        by.writing(app, |handle| async move {
            kv2::write(&handle, namespace, key, fields, Some(cas)).await
        })
        .await
    };
    let written = match write(0).await {
        Err(Error::Vault(vault::Error::VersionMoved)) => {
            let left = by
                .writing(app, |handle| async move {
                    kv2::metadata(&handle, namespace, key).await
                })
                .await?;
            write(left.map_or(0, |left| left.current_version)).await?
        }
        written => written?,
    };
    Ok((written.version, written.request_id))
}

async fn show(
    app: &App,
    by: &Caller,
    taken: &[Taken<'_>],
    versions: &[(u32, String)],
    now: Timestamp,
) -> Result<()> {
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    for (taken, (version, openbao)) in taken.iter().zip(versions) {
        if !store::finish(&transaction, by.vendor.id, taken.id, *version, now).await? {
            return Err(Error::Conflict);
        }
        let more = json!({ "version": version, "type": taken.new.value.type_name(), "openbaoRequestId": openbao });
        by.event("credential.created", &taken.new.key, more)
            .record(&transaction, app.clock.now())
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Whether the value may lie in OpenBao after this outcome.
fn may_be_written(outcome: &Result<(u32, String)>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(Error::Vault(error)) => error.is_outcome_unknown(),
        Err(_) => false,
    }
}

/// Removes what was written and gives the keys up. What fails here, the task does later.
async fn undo(app: &Arc<App>, by: &Caller, taken: &[Taken<'_>], may_be_there: &[bool]) {
    let undo = async |taken: &Taken<'_>, may_be_there: bool| {
        if may_be_there {
            undo_one(app, by, taken.id, &taken.new.key).await
        } else {
            give_up(app, by, taken.id).await
        }
    };
    let undoing: Vec<_> = taken
        .iter()
        .zip(may_be_there)
        .map(|(taken, may_be_there)| undo(taken, *may_be_there).boxed())
        .collect();
    let undone: Vec<_> = stream::iter(undoing).buffered(AT_ONCE).collect().await;
    for error in undone.into_iter().filter_map(Result::err) {
        let cause = crate::error::cause_chain(&error);
        tracing::warn!(vendor.id = by.vendor.id.0, error.cause = %cause, "A credential that was not made could not be removed yet");
    }
}

/// Removes a value that nobody was told of, and gives its key up.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn undo_one(
    app: &Arc<App>,
    by: &Caller,
    id: CredentialId,
    key: &CredentialKey,
) -> Result<()> {
    let namespace = &by.vendor.namespace;
    by.writing(app, |handle| async move {
        kv2::remove(&handle, namespace, key).await
    })
    .await?;
    give_up(app, by, id).await
}

async fn give_up(app: &App, by: &Caller, id: CredentialId) -> Result<()> {
    let client = app.db.get().await?;
    Ok(store::give_up(&client, by.vendor.id, id).await?)
}
