//! Puts a backup in the place of all that a lockbox holds.

use std::collections::HashMap;

use super::Opened;
use super::read::File;
use super::store::{self, Restored};
use crate::app::App;
use crate::auth::Administrator;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::lockbox::crypto::{DataKey, EntryContext, seal_value};
use crate::lockbox::throttle::Patience;
use crate::lockbox::{self, Keys, prove, unlock};
use crate::types::{Namespace, Secret, VendorId};
use crate::vendors::life;

const BATCH: usize = 500;

/// Restores a lockbox from a backup, under a fresh data key and with the password of the backup; then it is unlocked.
/// Entries get their ids back, with versions later than any before. Gives how many.
///
/// # Errors
/// 422 where the file is not whole or not this vendor's, [`Error::LockboxPasswordWrong`], [`Error::LockboxInitialized`]
/// unless it is to be replaced, or trouble with OpenBao or the database.
pub async fn restore(
    app: &App,
    by: &Administrator,
    password: &Secret,
    file: Vec<u8>,
    replace: bool,
) -> Result<usize> {
    let vendor = &by.0.vendor;
    let Ok(_alone) = app.lockboxes.restoring.try_acquire() else {
        return Err(Error::PasswordsBusy);
    };
    let file = File::read(file, &vendor.namespace, app.config.lockbox.kdf)?;
    let client = app.db.of(vendor.id).await?;
    lockbox::store::ensure(&client, vendor.id, app.clock.now()).await?;
    let before = lockbox::store::wrapped(&client, vendor.id).await?;
    drop(client);
    if before.is_some() && !replace {
        return Err(Error::LockboxInitialized);
    }
    let (key, entries) = opened(app, by, password, file).await?;
    let edition = before.as_ref().map_or(0, |wrapped| wrapped.edition);
    let generation = before.map_or(0, |wrapped| wrapped.wrap.generation);
    let next = DataKey::new(generation.max(key.generation) + 1);
    drop(key);
    let part = prove::openbao_part(app, None).await?;
    let (wrap, next) = prove::wrapped(app, &vendor.namespace, password, part, next).await?;
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    life::keep_active(&transaction, vendor.id).await?;
    let epoch = store::replace(&transaction, vendor.id, edition, &wrap, app.clock.now()).await?;
    let epoch = epoch.ok_or(Error::Conflict)?;
    fill(&transaction, app, by, &next, &entries).await?;
    unlock::held(app, &transaction, vendor, epoch).await?;
    prove::record(&transaction, app, by, "lockbox.restored").await?;
    transaction.commit().await?;
    let keys = Keys::new(&vendor.namespace, epoch, next, None);
    app.lockboxes.hold(vendor.id, keys);
    Ok(entries.len())
}

/// The data key of a file, and what is in it.
async fn opened(
    app: &App,
    by: &Administrator,
    password: &Secret,
    file: File,
) -> Result<(DataKey, Vec<Opened>)> {
    let theirs = prove::openbao_part(app, Some(prove::version_of(&file.wrap))).await;
    let theirs = theirs.map_err(|error| match error {
        Error::LockboxSecretMissing(_) => Error::field(
            "backup",
            "takes a version of the secret in OpenBao that is not there",
        ),
        error => error,
    })?;
    let key = prove::key_of(app, by, password, Patience::Strict, &theirs, &file.wrap).await?;
    let opened = tokio::task::spawn_blocking(move || {
        let entries = file.entries(&key)?;
        Ok((key, entries))
    });
    opened
        .await
        .map_err(|e| Error::Internal(format!("reading ended: {e}")))?
}

/// Deletes what is there, and adds the entries of the backup.
async fn fill(
    client: &impl GenericClient,
    app: &App,
    by: &Administrator,
    key: &DataKey,
    entries: &[Opened],
) -> Result<()> {
    let vendor: VendorId = by.0.vendor.id;
    let (name, now) = (by.0.account.name.as_str(), app.clock.now());
    let ids: Vec<i64> = entries.iter().map(|entry| entry.id).collect();
    store::clear(client, vendor, &ids, name, now).await?;
    let versions = store::versions(client, vendor).await?;
    for batch in entries.chunks(BATCH) {
        let restored: Result<Vec<Restored<'_>>> = batch
            .iter()
            .map(|entry| sealed(&by.0.vendor.namespace, key, &versions, entry))
            .collect();
        store::insert(client, vendor, key.generation, &restored?, name, now).await?;
    }
    store::move_ids(client, vendor).await?;
    Ok(())
}

fn sealed<'a>(
    namespace: &Namespace,
    key: &DataKey,
    versions: &HashMap<i64, i32>,
    entry: &'a Opened,
) -> Result<Restored<'a>> {
    let version = versions.get(&entry.id).copied().unwrap_or(0);
    let version = version.max(entry.version).saturating_add(1);
    let context = EntryContext {
        id: entry.id,
        version,
        required_group: &entry.required_group,
        client_id: &entry.client_id,
        key: &entry.key,
        kind: &entry.kind,
    };
    let sealed = seal_value(namespace, key, &context, entry.value.as_bytes())?;
    Ok(Restored {
        entry,
        version,
        sealed,
    })
}
