//! Initializing, unlocking and locking.

use std::sync::Arc;

use serde_json::json;

use super::crypto::{self, DataKey, OpenBaoPart, Wrap};
use super::{Keys, SECRET_NAME, store};
use crate::app::App;
use crate::auth::Administrator;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{Namespace, Secret};
use crate::vault::kv;
use crate::vendors::Vendor;

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
pub async fn status(app: &Arc<App>, vendor: &Vendor) -> Result<Status> {
    let client = app.db.get().await?;
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
pub async fn initialize(app: &Arc<App>, by: &Administrator, password: &Secret) -> Result<()> {
    let vendor = &by.0.vendor;
    if status(app, vendor).await? != Status::Uninitialized {
        return Err(Error::LockboxInitialized);
    }
    let part = openbao_part(app, None).await?;
    let key = DataKey::new(1);
    let (wrap, key) = wrapped(app, &vendor.namespace, password, part, key).await?;
    let now = app.clock.now();
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    store::ensure(&transaction, vendor.id, now).await?;
    let epoch = store::initialize(&transaction, vendor.id, &wrap, now).await?;
    let epoch = epoch.ok_or(Error::LockboxInitialized)?;
    held(app, &transaction, vendor, epoch).await?;
    event(by, "lockbox.initialized")
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    let keys = Keys::new(&vendor.namespace, epoch, key, None);
    app.lockboxes.hold(vendor.id, keys);
    Ok(())
}

/// Unlocks a lockbox with its password.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxUnlockedAlready`], [`Error::LockboxPasswordWrong`], or trouble with
/// OpenBao or the database.
pub async fn unlock(app: &Arc<App>, by: &Administrator, password: &Secret) -> Result<()> {
    let vendor = &by.0.vendor;
    match status(app, vendor).await? {
        Status::Uninitialized => return Err(Error::LockboxUninitialized),
        Status::Unlocked => return Err(Error::LockboxUnlockedAlready),
        Status::Locked => {}
    }
    let client = app.db.get().await?;
    let stored = store::wrapped(&client, vendor.id).await?;
    drop(client);
    let stored = stored.ok_or(Error::LockboxUninitialized)?;
    let version = u32::try_from(stored.wrap.secret_version).ok();
    let part = openbao_part(app, version).await?;
    let opened = unwrapped(app, &vendor.namespace, password, part, stored.wrap).await?;
    let now = app.clock.now();
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    let Some(key) = opened else {
        let mut refused = event(by, "lockbox.unlock_refused");
        refused.outcome = "lockbox_password_wrong";
        refused.record(&transaction, now).await?;
        transaction.commit().await?;
        return Err(Error::LockboxPasswordWrong);
    };
    let former = stored.former.as_deref();
    let former = former.map(|sealed| crypto::open_former(&vendor.namespace, &key, sealed));
    let former = former.transpose()?;
    let epoch = store::unlock(&transaction, vendor.id, stored.edition).await?;
    let epoch = epoch.ok_or(Error::Conflict)?;
    held(app, &transaction, vendor, epoch).await?;
    event(by, "lockbox.unlocked")
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    let keys = Keys::new(&vendor.namespace, epoch, key, former);
    app.lockboxes.hold(vendor.id, keys);
    Ok(())
}

/// Locks a lockbox on every replica.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxLockedAlready`], or trouble with the database.
pub async fn lock(app: &Arc<App>, by: &Administrator) -> Result<()> {
    let vendor = &by.0.vendor;
    let now = app.clock.now();
    let mut client = app.db.get().await?;
    let replica = app.lockboxes.replica;
    let state = store::state(&client, vendor.id, replica).await?;
    if state.is_none_or(|state| !state.initialized) {
        return Err(Error::LockboxUninitialized);
    }
    let transaction = client.transaction().await?;
    let locked = store::lock(&transaction, vendor.id).await?;
    if locked.is_some() {
        event(by, "lockbox.locked")
            .record(&transaction, now)
            .await?;
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

/// The secret of all lockboxes, read from OpenBao each time: it is kept in no memory.
pub(super) async fn openbao_part(app: &App, version: Option<u32>) -> Result<OpenBaoPart> {
    let read = app
        .vault
        .issuer
        .call(|handle| async move { kv::read_key_version(&handle, SECRET_NAME, version).await });
    let stored = read.await?.ok_or(Error::LockboxSecretMissing(version))?;
    let number = i32::try_from(stored.version).ok();
    number
        .and_then(|number| OpenBaoPart::from_hex(number, &stored.key))
        .ok_or(Error::LockboxSecretMissing(version))
}

/// Wraps a data key, off the request's thread.
pub(super) async fn wrapped(
    app: &App,
    namespace: &Namespace,
    password: &Secret,
    part: OpenBaoPart,
    key: DataKey,
) -> Result<(Wrap, DataKey)> {
    let (namespace, password) = (namespace.clone(), password.clone());
    let kdf = app.config.lockbox.kdf;
    off_thread(move || {
        let wrap = crypto::wrap(&namespace, &password, &part, kdf, &key)?;
        Ok((wrap, key))
    })
    .await
}

/// Unwraps a data key, off the request's thread.
pub(super) async fn unwrapped(
    _app: &App,
    namespace: &Namespace,
    password: &Secret,
    part: OpenBaoPart,
    wrap: Wrap,
) -> Result<Option<DataKey>> {
    let (namespace, password) = (namespace.clone(), password.clone());
    off_thread(move || crypto::unwrap(&namespace, &password, &part, &wrap)).await
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Error::Internal(format!("hashing ended: {e}")))?
}

/// Notes that this replica has the key.
pub(super) async fn held(
    app: &App,
    client: &impl crate::db::GenericClient,
    vendor: &Vendor,
    epoch: i64,
) -> Result<()> {
    store::seen(client, app.lockboxes.replica).await?;
    store::hold(client, vendor.id, app.lockboxes.replica, epoch).await?;
    Ok(())
}

/// An event about the lockbox as a whole.
pub(super) fn event<'a>(by: &'a Administrator, action: &'static str) -> LockboxEvent<'a> {
    LockboxEvent {
        by,
        action,
        outcome: "done",
    }
}

/// See [`event`].
pub(super) struct LockboxEvent<'a> {
    by: &'a Administrator,
    action: &'static str,
    pub outcome: &'static str,
}

impl LockboxEvent<'_> {
    pub async fn record(
        &self,
        client: &impl crate::db::GenericClient,
        now: jiff::Timestamp,
    ) -> Result<()> {
        let user = &self.by.0;
        let actor = user.account.actor();
        let mut event = Event::done(self.action, Some(user.vendor.id), &actor, &user.request_id);
        event.outcome = self.outcome;
        event.details = json!({});
        event.record(client, now).await?;
        Ok(())
    }
}
