//! The data keys of unlocked lockboxes, in the memory of this replica.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::crypto::{self, DataKey, EntryContext};
use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::{Namespace, UserId, VendorId};
use crate::vendors::Vendor;

/// How long a request waits for a key that another replica has.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The keys of one lockbox, good for one epoch. Wiped when the last one who uses them is done.
pub struct Keys {
    /// Which one.
    pub epoch: i64,
    namespace: Namespace,
    current: DataKey,
    former: Option<DataKey>,
    used: AtomicBool,
    /// Entries that cannot be opened, and were reported.
    broken: Mutex<HashSet<i64>>,
}

impl Keys {
    /// Of a lockbox at an epoch.
    #[must_use]
    pub fn new(
        namespace: &Namespace,
        epoch: i64,
        current: DataKey,
        former: Option<DataKey>,
    ) -> Self {
        Self {
            epoch,
            namespace: namespace.clone(),
            current,
            former,
            used: AtomicBool::new(false),
            broken: Mutex::default(),
        }
    }

    /// The same without the former key, which no entry needs any more.
    #[must_use]
    pub fn without_former(&self) -> Self {
        let keys = Self::new(&self.namespace, self.epoch, self.current.copy(), None);
        keys.used.store(self.take_use(), Ordering::Relaxed);
        keys
    }

    /// Whether entries may need the former key.
    #[must_use]
    pub fn has_former(&self) -> bool {
        self.former.is_some()
    }

    /// The key that new values are sealed with.
    #[must_use]
    pub fn current(&self) -> &DataKey {
        &self.current
    }

    /// Seals a value with the current key, whose generation stands beside it.
    ///
    /// # Errors
    /// Where the library fails.
    pub fn seal(&self, entry: &EntryContext<'_>, value: &[u8]) -> Result<(i32, Vec<u8>)> {
        let sealed = crypto::seal_value(&self.namespace, &self.current, entry, value)?;
        Ok((self.current.generation, sealed))
    }

    /// Opens a value that was sealed with a key of this generation.
    ///
    /// # Errors
    /// [`Error::Integrity`] where it, or what it belongs to, was changed.
    pub fn open(
        &self,
        entry: &EntryContext<'_>,
        generation: i32,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut keys = std::iter::once(&self.current).chain(&self.former);
        let key = keys.find(|key| key.generation == generation);
        let key = key.ok_or(Error::Integrity("an entry of a lockbox"))?;
        crypto::open_value(&self.namespace, key, entry, sealed)
    }

    /// Notes that an entry cannot be opened; `true` the first time.
    pub fn note_broken(&self, id: i64) -> bool {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.insert(id)
    }

    /// Notes that somebody uses the lockbox: it locks itself only after a time without.
    pub fn note_use(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether somebody did since the last call.
    pub fn take_use(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

/// The keys of all lockboxes that this replica has.
pub struct Lockboxes {
    /// Names this replica, from its start to its end.
    pub replica: Uuid,
    held: Mutex<HashMap<VendorId, Arc<Keys>>>,
    changed: watch::Sender<()>,
    /// Wakes whoever asks other replicas for keys.
    pub wake: Notify,
    /// How many passwords are stretched at once.
    pub stretching: Semaphore,
    /// The same for backups that are restored.
    pub restoring: Semaphore,
    /// Who waits to try a password.
    trying: Mutex<HashSet<(VendorId, UserId)>>,
}

impl Default for Lockboxes {
    fn default() -> Self {
        Self {
            replica: Uuid::now_v7(),
            held: Mutex::default(),
            changed: watch::Sender::new(()),
            wake: Notify::new(),
            stretching: Semaphore::new(2),
            restoring: Semaphore::new(1),
            trying: Mutex::default(),
        }
    }
}

impl Lockboxes {
    /// The keys of a lockbox, if they are here. Whether their epoch is still the right one, the next statement tells.
    #[must_use]
    pub fn held(&self, vendor: VendorId) -> Option<Arc<Keys>> {
        self.lock().get(&vendor).cloned()
    }

    /// Which lockboxes this replica has keys of, by epoch.
    #[must_use]
    pub fn all(&self) -> Vec<(VendorId, Arc<Keys>)> {
        let held = self.lock();
        held.iter()
            .map(|(vendor, keys)| (*vendor, Arc::clone(keys)))
            .collect()
    }

    /// Takes keys into memory, unless there are some of a later epoch.
    pub fn hold(&self, vendor: VendorId, keys: Keys) {
        let mut held = self.lock();
        if held.get(&vendor).is_none_or(|old| old.epoch <= keys.epoch) {
            held.insert(vendor, Arc::new(keys));
        }
        drop(held);
        self.changed.send_replace(());
    }

    /// Wipes the keys of a lockbox, if they are of this epoch or an earlier one.
    pub fn forget(&self, vendor: VendorId, epoch: i64) {
        let mut held = self.lock();
        if held.get(&vendor).is_some_and(|keys| keys.epoch <= epoch) {
            held.remove(&vendor);
        }
    }

    /// Wipes all keys; `false` where there were none.
    pub fn forget_all(&self) -> bool {
        let mut held = self.lock();
        let any = !held.is_empty();
        held.clear();
        any
    }

    /// Begins a try of a password; `false` where this user is at one already.
    pub(super) fn begin_try(&self, vendor: VendorId, user: UserId) -> bool {
        let mut trying = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        trying.insert((vendor, user))
    }

    /// Ends it.
    pub(super) fn end_try(&self, vendor: VendorId, user: UserId) {
        let mut trying = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        trying.remove(&(vendor, user));
    }

    /// The keys of a lockbox: those here, or another replica's, where this one may have them.
    ///
    /// # Errors
    /// [`Error::LockboxUninitialized`] or [`Error::LockboxLocked`].
    pub async fn keys(&self, app: &App, vendor: &Vendor) -> Result<Arc<Keys>> {
        if let Some(keys) = self.held(vendor.id) {
            return Ok(keys);
        }
        let client = app.db.of(vendor.id).await?;
        let state = store::state(&client, vendor.id, self.replica).await?;
        drop(client);
        let state = state
            .filter(|state| state.initialized)
            .ok_or(Error::LockboxUninitialized)?;
        if state.locked || !state.can_be_had {
            return Err(Error::LockboxLocked);
        }
        let mut changes = self.changed.subscribe();
        self.wake.notify_one();
        let arrival = async {
            loop {
                if let Some(keys) = self.held(vendor.id) {
                    return keys;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let arrived = tokio::time::timeout(PATIENCE, arrival).await;
        arrived.map_err(|_| Error::LockboxLocked)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VendorId, Arc<Keys>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
