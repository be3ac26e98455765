//! Makes credentials: one, or all of a file. Either all of them are there in the end, or none.
//!
//! Their keys are taken in one transaction, then the values are written to OpenBao, then one transaction makes them
//! visible. Where the second step fails, what was written is removed. What cannot be removed, or may still be written by
//! a call whose outcome is unknown, keeps its row: a task removes it later, as what a crash leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::access::Caller;
use super::models::Credential;
use super::store::{self, Reserved};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::{CredentialId, CredentialKey};
use crate::vault::{self, kv2};

const AT_ONCE: usize = 8;
/// Of writing all values: well below the time that the keys are held for.
const LONGEST: Duration = Duration::from_mins(1);

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

/// What became of the writing of one value.
enum Written {
    Done {
        version: u32,
        request_id: String,
    },
    /// It was not begun, or OpenBao refused it.
    Not(Error),
    /// It may be there, or come to be there yet.
    Unknown(Error),
}

/// Makes all of them.
///
/// # Errors
/// [`Error::CredentialExists`] where a key is taken, and trouble with OpenBao or the database: then there is none.
pub async fn all(app: &Arc<App>, by: &Caller, news: &[New]) -> Result<()> {
    let claim = Uuid::now_v7();
    let taken = take(app, by, news, claim).await?;
    let written = write_all(app, by, &taken).await;
    if written
        .iter()
        .any(|outcome| !matches!(outcome, Written::Done { .. }))
    {
        undo(app, by, &taken, &written, claim).await;
        return Err(first_error(written));
    }
    match show(app, by, &taken, &written, claim).await {
        Err(Error::Db(error)) if error.is_outcome_unknown() => {
            // The commit may have been done: the task removes what did not become visible.
            Err(Error::Db(error))
        }
        Err(error) => {
            undo(app, by, &taken, &written, claim).await;
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}

/// The error to answer with: of one that failed by itself, not of those that were not begun for it.
fn first_error(written: Vec<Written>) -> Error {
    let mut errors = written.into_iter().filter_map(|outcome| match outcome {
        Written::Done { .. } => None,
        Written::Not(error) | Written::Unknown(error) => Some(error),
    });
    let is_own = |error: &Error| !matches!(error, Error::Conflict);
    errors.find(is_own).unwrap_or(Error::Conflict)
}

async fn take<'a>(app: &App, by: &Caller, news: &'a [New], claim: Uuid) -> Result<Vec<Taken<'a>>> {
    let now = app.clock.now();
    let mut client = app.db.of(by.vendor.id).await?;
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
        let id = store::reserve(&transaction, by.vendor.id, &reserved, claim, now).await?;
        let Some(id) = id else {
            let found = store::taken(&transaction, by.vendor.id, &[new.key.as_str()]).await?;
            let unfinished = found.iter().any(|(_, unfinished)| *unfinished);
            return Err(if unfinished {
                Error::Conflict
            } else {
                Error::CredentialExists
            });
        };
        taken.push(Taken { id, new });
    }
    transaction.commit().await?;
    Ok(taken)
}

/// Writes all values, a few at a time. After the first that fails none is begun.
async fn write_all(app: &Arc<App>, by: &Caller, taken: &[Taken<'_>]) -> Vec<Written> {
    let (failed, began) = (AtomicBool::new(false), Instant::now());
    let failed = &failed;
    let write_one = async |taken: &Taken<'_>| {
        if failed.load(Ordering::Relaxed) || began.elapsed() > LONGEST {
            return Written::Not(Error::Conflict);
        }
        let outcome = match write(app, by, taken).await {
            Ok((version, request_id)) => Written::Done {
                version,
                request_id,
            },
            Err(Error::Vault(error)) if error.is_outcome_unknown() => {
                Written::Unknown(Error::Vault(error))
            }
            Err(error) => Written::Not(error),
        };
        if !matches!(outcome, Written::Done { .. }) {
            failed.store(true, Ordering::Relaxed);
        }
        outcome
    };
    let writes: Vec<_> = taken.iter().map(|taken| write_one(taken).boxed()).collect();
    stream::iter(writes).buffered(AT_ONCE).collect().await
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
    written: &[Written],
    claim: Uuid,
) -> Result<()> {
    let mut client = app.db.of(by.vendor.id).await?;
    let transaction = client.transaction().await?;
    for (taken, outcome) in taken.iter().zip(written) {
        let Written::Done {
            version,
            request_id,
        } = outcome
        else {
            return Err(Error::Conflict);
        };
        if !store::finish(&transaction, by.vendor.id, taken.id, *version, claim).await? {
            return Err(Error::Conflict);
        }
        let more = json!({
            "version": version,
            "type": taken.new.value.type_name(),
            "openbaoRequestId": request_id,
        });
        by.event("credential.created", &taken.new.key, more)
            .record(&transaction, app.clock.now())
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Removes what was written and gives the keys up, as far as that is possible now. The rest the task does.
async fn undo(app: &Arc<App>, by: &Caller, taken: &[Taken<'_>], written: &[Written], claim: Uuid) {
    let mut left = 0;
    for (taken, outcome) in taken.iter().zip(written) {
        let undone = match outcome {
            Written::Not(_) => give_up(app, by, taken.id, claim).await,
            // A call whose outcome is unknown may still be carried out: the row stays for the task.
            Written::Unknown(_) => Err(Error::Conflict),
            Written::Done { .. } if left > 0 => Err(Error::Conflict),
            Written::Done { .. } => undo_one(app, by, taken.id, &taken.new.key, claim).await,
        };
        left += usize::from(undone.is_err());
    }
    if left > 0 {
        tracing::warn!(
            vendor.id = by.vendor.id.0,
            left,
            "Credentials that were not made could not be removed yet"
        );
    }
}

/// Removes a value that nobody was told of, and gives its key up.
///
/// # Errors
/// [`Error::Conflict`] where the claim was lost: then it is somebody else's. Trouble with OpenBao or the database.
pub async fn undo_one(
    app: &Arc<App>,
    by: &Caller,
    id: CredentialId,
    key: &CredentialKey,
    claim: Uuid,
) -> Result<()> {
    let client = app.db.of(by.vendor.id).await?;
    let ours = store::keep_claim(&client, by.vendor.id, id, claim).await?;
    drop(client);
    if !ours {
        return Err(Error::Conflict);
    }
    let namespace = &by.vendor.namespace;
    by.writing(app, |handle| async move {
        kv2::remove(&handle, namespace, key).await
    })
    .await?;
    give_up(app, by, id, claim).await
}

async fn give_up(app: &App, by: &Caller, id: CredentialId, claim: Uuid) -> Result<()> {
    let client = app.db.of(by.vendor.id).await?;
    Ok(store::give_up(&client, by.vendor.id, id, claim).await?)
}
