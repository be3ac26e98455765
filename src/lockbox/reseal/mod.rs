//! Seals the entries of a lockbox with its new data key, in the background, after the key was changed. Each batch is a
//! transaction of its own, so it goes on where it was stopped; reads and writes go on meanwhile.

pub mod store;

use std::sync::Arc;

use self::store::{Resealed, Stale};
use super::Keys;
use super::crypto::EntryContext;
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::VendorId;

const BATCH: i64 = 50;

/// What a pass did.
#[derive(Default)]
pub struct Report {
    /// Entries sealed anew.
    pub resealed: u64,
    /// Entries that cannot be opened: each was logged.
    pub broken: u64,
    /// Lockboxes that need their former key no more.
    pub finished: u64,
}

/// Seals what is still sealed with former keys in the lockboxes that this replica has the keys of.
///
/// # Errors
/// Trouble with the database.
pub async fn pass(app: &Arc<App>) -> Result<Report> {
    let mut report = Report::default();
    for (vendor, keys) in app.lockboxes.all() {
        if keys.has_former() {
            one(app, vendor, &keys, &mut report).await?;
        }
    }
    Ok(report)
}

async fn one(app: &App, vendor: VendorId, keys: &Keys, report: &mut Report) -> Result<()> {
    let mut after = 0;
    loop {
        if app.stop.is_cancelled() {
            return Ok(());
        }
        let mut client = app.db.of(vendor).await?;
        let transaction = client.transaction().await?;
        if !store::hold_epoch(&transaction, vendor, keys.epoch).await? {
            return Ok(());
        }
        let generation = keys.current().generation;
        let stale = store::stale(&transaction, vendor, generation, after, BATCH).await?;
        let Some(last) = stale.last() else {
            transaction.rollback().await?;
            break;
        };
        after = last.id;
        let mut fresh = Vec::new();
        for entry in stale {
            match again(keys, &entry) {
                Ok(sealed) => fresh.push(sealed),
                Err(error) => {
                    report.broken += 1;
                    let cause = crate::error::cause_chain(&error);
                    if keys.note_broken(entry.id) {
                        tracing::error!(vendor.id = %vendor, entry.id = entry.id, error.cause = %cause, "An entry cannot be sealed again");
                    }
                }
            }
        }
        report.resealed += store::replace(&transaction, vendor, generation, &fresh).await?;
        transaction.commit().await?;
    }
    let client = app.db.of(vendor).await?;
    let generation = keys.current().generation;
    if store::finish(&client, vendor, keys.epoch, generation).await? {
        report.finished += 1;
        app.lockboxes.hold(vendor, keys.without_former());
    }
    Ok(())
}

fn again(keys: &Keys, entry: &Stale) -> Result<Resealed> {
    let context = EntryContext {
        id: entry.id,
        version: entry.version,
        required_group: &entry.required_group,
        client_id: &entry.client_id,
        key: &entry.key,
        kind: &entry.kind,
    };
    let value = keys.open(&context, entry.generation, &entry.sealed)?;
    let (generation, sealed) = keys.seal(&context, &value)?;
    if generation == entry.generation {
        return Err(Error::Internal("an entry was sealed already".to_owned()));
    }
    Ok(Resealed {
        id: entry.id,
        version: entry.version,
        sealed,
    })
}
