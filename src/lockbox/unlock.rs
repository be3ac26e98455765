//! Initializing, unlocking and locking.

use super::crypto::DataKey;
use super::prove::{self, Opened};
use super::throttle::Patience;
use super::{Keys, replicas, store};
use crate::app::App;
use crate::auth::Administrator;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::types::Secret;
use crate::vendors::{Vendor, life};

/// What a lockbox says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has no password yet.
    Uninitialized,
    /// Nothing is read or written.
    Locked,
    /// Open.
    Unlocked,
}

/// The status of a vendor's lockbox.
///
/// # Errors
/// Trouble with the database.
pub async fn status(app: &App, vendor: &Vendor) -> Result<Status> {
    let client = app.db.of(vendor.id).await?;
    let replica = app.lockboxes.replica;
    let state = store::state(&client, vendor.id, replica).await?;
    drop(client);
    let Some(state) = state.filter(|state| state.initialized) else {
        return Ok(Status::Uninitialized);
    };
    if state.locked {
        app.lockboxes.forget(vendor.id, state.epoch);
        return Ok(Status::Locked);
    }
    app.lockboxes.forget(vendor.id, state.epoch - 1);
    match app.lockboxes.keys(app, vendor).await {
        Ok(_) => Ok(Status::Unlocked),
        Err(Error::LockboxLocked) => Ok(Status::Locked),
        Err(error) => Err(error),
    }
}

/// Gives a lockbox its password, and unlocks it. The password was checked by the caller's rules.
///
/// # Errors
/// [`Error::LockboxInitialized`], or trouble with OpenBao or the database.
pub async fn initialize(app: &App, by: &Administrator, password: &Secret) -> Result<()> {
    let vendor = &by.0.vendor;
    if status(app, vendor).await? != Status::Uninitialized {
        return Err(Error::LockboxInitialized);
    }
    let part = prove::openbao_part(app, None).await?;
    let key = DataKey::new(1);
    let (wrap, key) = prove::wrapped(app, &vendor.namespace, password, part, key).await?;
    let now = app.clock.now();
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    life::keep_active(&transaction, vendor.id).await?;
    store::ensure(&transaction, vendor.id, now).await?;
    let epoch = store::initialize(&transaction, vendor.id, &wrap, now).await?;
    let epoch = epoch.ok_or(Error::LockboxInitialized)?;
    held(app, &transaction, vendor, epoch).await?;
    prove::record(&transaction, app, by, "lockbox.initialized").await?;
    transaction.commit().await?;
    let keys = Keys::new(&vendor.namespace, epoch, key, None);
    app.lockboxes.hold(vendor.id, keys);
    Ok(())
}

/// Unlocks a lockbox with its password. A wrap of other parameters, or of a former secret in OpenBao, is made anew.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxUnlockedAlready`], [`Error::LockboxPasswordWrong`],
/// [`Error::RateLimited`], or trouble with OpenBao or the database.
pub async fn unlock(
    app: &App,
    by: &Administrator,
    password: &Secret,
    patience: Patience,
) -> Result<()> {
    let vendor = &by.0.vendor;
    match status(app, vendor).await? {
        Status::Uninitialized => return Err(Error::LockboxUninitialized),
        Status::Unlocked => return Err(Error::LockboxUnlockedAlready),
        Status::Locked => {}
    }
    let Opened {
        stored,
        key,
        former,
        part,
    } = prove::open(app, by, password, patience).await?;
    let is_current =
        stored.wrap.kdf == app.config.lockbox.kdf && stored.wrap.secret_version == part.version;
    let (renewed, key) = if is_current {
        (None, key)
    } else {
        let (wrap, key) = prove::wrapped(app, &vendor.namespace, password, part, key).await?;
        (Some(wrap), key)
    };
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    life::keep_active(&transaction, vendor.id).await?;
    let mut edition = stored.edition;
    if let Some(wrap) = renewed {
        if !store::rewrap(&transaction, vendor.id, edition, &wrap).await? {
            return Err(Error::Conflict);
        }
        edition += 1;
    }
    let epoch = store::unlock(&transaction, vendor.id, edition).await?;
    let epoch = epoch.ok_or(Error::Conflict)?;
    held(app, &transaction, vendor, epoch).await?;
    prove::record(&transaction, app, by, "lockbox.unlocked").await?;
    transaction.commit().await?;
    let keys = Keys::new(&vendor.namespace, epoch, key, former);
    app.lockboxes.hold(vendor.id, keys);
    Ok(())
}

/// Locks a lockbox on every replica.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxLockedAlready`], or trouble with the database.
pub async fn lock(app: &App, by: &Administrator) -> Result<()> {
    let vendor = &by.0.vendor;
    let mut client = app.db.of(vendor.id).await?;
    let replica = app.lockboxes.replica;
    let state = store::state(&client, vendor.id, replica).await?;
    if state.is_none_or(|state| !state.initialized) {
        return Err(Error::LockboxUninitialized);
    }
    let transaction = client.transaction().await?;
    let locked = store::lock(&transaction, vendor.id, replica).await?;
    if locked.is_some() {
        prove::record(&transaction, app, by, "lockbox.locked").await?;
    }
    transaction.commit().await?;
    let locked = locked.ok_or(Error::LockboxLockedAlready)?;
    app.lockboxes.forget(vendor.id, locked.epoch - 1);
    // All who had the key are gone: it was locked before.
    if locked.was_held {
        Ok(())
    } else {
        Err(Error::LockboxLockedAlready)
    }
}

/// Notes that this replica has the key.
pub(super) async fn held(
    app: &App,
    client: &impl GenericClient,
    vendor: &Vendor,
    epoch: i64,
) -> Result<()> {
    replicas::seen(client, app.lockboxes.replica).await?;
    store::hold(client, vendor.id, app.lockboxes.replica, epoch).await?;
    Ok(())
}
