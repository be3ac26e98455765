//! Vendors, their keys and the operators, held in memory and kept fresh by notifications.
//!
//! A request is served from here only while a heartbeat through the database has come back within a second: without
//! it the answer is 503, not yesterday's.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::KeyedDigest;
use crate::db::{self, Heard, Pool};
use crate::error::{Error, Result};
use crate::oauth;
use crate::oauth::revoke::store::Revoked;
use crate::oauth::revoke::{self, RevokedTokens};
use crate::telemetry::levels;
use crate::types::{KeyId, Namespace, VendorId};
use crate::users::{self, OperatorToken};
use crate::vendors::{self, Vendor};

/// How old the last heartbeat may be.
const FRESH: Duration = Duration::from_secs(1);
/// How long a request waits for the next heartbeat before it gives up.
const PATIENCE: Duration = Duration::from_secs(1);
/// A backend that hangs is left, and another connection made.
const HEAR_LIMIT: Duration = Duration::from_secs(4);
const REGISTRY: [&str; 2] = ["gatehouse_vendors", "gatehouse_operators"];
const CHANNELS: &[&str] = &[
    oauth::keys::CHANNEL,
    revoke::CHANNEL,
    "gatehouse_vendors",
    "gatehouse_operators",
    "gatehouse_lockbox",
    levels::CHANNEL,
];

/// Who may call, in memory.
pub struct Directory {
    /// Access tokens that were ended before their time.
    pub revoked: RevokedTokens,
    tables: RwLock<Tables>,
    beat: watch::Sender<Option<Instant>>,
    wanted: std::sync::Mutex<Vec<KeyId>>,
    looking: Mutex<()>,
    /// Held from reading rows to keeping them, so that an older reading never replaces a newer one.
    reloading: Mutex<()>,
}

#[derive(Default)]
struct Tables {
    vendors: HashMap<VendorId, Arc<Vendor>>,
    by_namespace: HashMap<Namespace, VendorId>,
    by_key: HashMap<KeyId, VendorId>,
    by_pair: HashMap<[u8; 32], (VendorId, KeyId)>,
    operators: HashMap<i64, Arc<OperatorToken>>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            revoked: RevokedTokens::default(),
            tables: RwLock::default(),
            beat: watch::Sender::new(None),
            wanted: std::sync::Mutex::default(),
            looking: Mutex::default(),
            reloading: Mutex::default(),
        }
    }
}

impl Directory {
    /// Waits until what is held is at most a second old.
    ///
    /// # Errors
    /// [`Error::Stale`] where the database stays out of sight.
    pub async fn fresh(&self) -> Result<()> {
        let is_fresh = |beat: &Option<Instant>| beat.is_some_and(|at| at.elapsed() < FRESH);
        if is_fresh(&self.beat.borrow()) {
            return Ok(());
        }
        let mut beats = self.beat.subscribe();
        match tokio::time::timeout(PATIENCE, beats.wait_for(is_fresh)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::Stale),
        }
    }

    /// The vendor of a key pair. A key newer than the memory costs one look-up, shared by all who wait for one.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn by_key(&self, pool: &Pool, key: KeyId) -> Result<Option<Arc<Vendor>>> {
        if let Some(vendor) = self.known_key(key) {
            return Ok(Some(vendor));
        }
        self.wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(key);
        let _looking = self.looking.lock().await;
        let wanted =
            std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        if !wanted.is_empty() {
            let client = pool.all().await?;
            for id in vendors::store::vendors_of_keys(&client, &wanted).await? {
                self.reload(&client, id).await?;
            }
        }
        Ok(self.known_key(key))
    }

    fn known_key(&self, key: KeyId) -> Option<Arc<Vendor>> {
        let tables = self.read();
        tables
            .by_key
            .get(&key)
            .and_then(|id| tables.vendors.get(id))
            .cloned()
    }

    /// The vendor and key whose `sha256hex(public key + private key)` has this digest.
    #[must_use]
    pub fn by_pair(&self, digest: &KeyedDigest) -> Option<(Arc<Vendor>, KeyId)> {
        let tables = self.read();
        let (vendor, key) = tables.by_pair.get(&digest.index())?;
        tables
            .vendors
            .get(vendor)
            .cloned()
            .map(|vendor| (vendor, *key))
    }

    /// The vendor of a namespace.
    #[must_use]
    pub fn by_namespace(&self, namespace: &Namespace) -> Option<Arc<Vendor>> {
        let tables = self.read();
        tables
            .by_namespace
            .get(namespace)
            .and_then(|id| tables.vendors.get(id))
            .cloned()
    }

    /// The vendor of an id.
    #[must_use]
    pub fn by_id(&self, id: VendorId) -> Option<Arc<Vendor>> {
        self.read().vendors.get(&id).cloned()
    }

    /// An operator's token that is not revoked.
    #[must_use]
    pub fn operator(&self, id: i64) -> Option<Arc<OperatorToken>> {
        self.read().operators.get(&id).cloned()
    }

    /// How many vendors are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().vendors.len()
    }

    /// Whether no vendor is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads one vendor again: after a change made here, so that the next request sees it, or on a notification.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn reload(
        &self,
        client: &impl db::GenericClient,
        id: VendorId,
    ) -> db::Result<Option<Arc<Vendor>>> {
        let _alone = self.reloading.lock().await;
        let vendor = vendors::store::load(client, Some(id))
            .await?
            .pop()
            .map(Arc::new);
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.forget(id);
        if let Some(vendor) = &vendor {
            tables.add(Arc::clone(vendor));
        }
        Ok(vendor)
    }

    /// Reads everything again.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn reload_all(&self, client: &impl db::GenericClient) -> db::Result<()> {
        let _alone = self.reloading.lock().await;
        let vendors = vendors::store::load(client, None).await?;
        let operators = users::store::operator_tokens(client).await?;
        self.revoked.add(revoke::store::load(client).await?);
        let mut tables = Tables::default();
        for vendor in vendors {
            tables.add(Arc::new(vendor));
        }
        tables.operators = operators.into_iter().map(|o| (o.id, Arc::new(o))).collect();
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = tables;
        Ok(())
    }

    /// The same for one that may be newer than the memory.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn newer_operator(&self, pool: &Pool, id: i64) -> Result<Option<Arc<OperatorToken>>> {
        let client = pool.all().await?;
        self.reload_operators(&client).await?;
        Ok(self.operator(id))
    }

    async fn reload_operators(&self, client: &impl db::GenericClient) -> db::Result<()> {
        let _alone = self.reloading.lock().await;
        let operators = users::store::operator_tokens(client).await?;
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.operators = operators.into_iter().map(|o| (o.id, Arc::new(o))).collect();
        Ok(())
    }

    /// Follows the database until `stop`: loads everything on each new connection, then what notifications name. Those
    /// on other channels are passed on.
    pub async fn follow(
        &self,
        pool: &Pool,
        stop: &CancellationToken,
        others: impl Fn(&str, &str) + Sync,
    ) {
        let mut pause = Duration::from_millis(100);
        while !stop.is_cancelled() {
            let listening = db::listen(pool, CHANNELS, |heard| async {
                let hearing = tokio::time::timeout(HEAR_LIMIT, self.hear(pool, heard, &others));
                hearing.await.unwrap_or(Err(db::Error::TimedOut))
            });
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = listening => ended,
            };
            if self
                .beat
                .borrow()
                .is_some_and(|at| at.elapsed() < Duration::from_secs(5))
            {
                pause = Duration::from_millis(100);
            }
            let cause = ended
                .err()
                .map(|e| crate::error::cause_chain(&e))
                .unwrap_or_default();
            tracing::warn!(error.cause = %cause, "Lost sight of the database, connecting again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    async fn hear(
        &self,
        pool: &Pool,
        heard: Heard,
        others: &impl Fn(&str, &str),
    ) -> db::Result<()> {
        match heard {
            Heard::Connected => {
                let client = pool.all().await?;
                self.reload_all(&client).await?;
                tracing::info!(vendors = self.len(), "Loaded vendors and keys");
            }
            Heard::Beat { sent } => {
                self.beat.send_replace(Some(sent));
            }
            Heard::Notification { channel, payload } if channel == revoke::CHANNEL => {
                self.revoked.add(Revoked::told(&payload));
            }
            Heard::Notification { channel, payload } if !REGISTRY.contains(&channel.as_str()) => {
                others(&channel, &payload);
            }
            Heard::Notification { channel, payload } => {
                let client = pool.all().await?;
                match payload.parse() {
                    Ok(id) if channel == "gatehouse_vendors" => {
                        self.reload(&client, VendorId(id)).await?;
                    }
                    _ => self.reload_operators(&client).await?,
                }
            }
        }
        Ok(())
    }

    /// Forgets what is over.
    pub fn tidy(&self, now: Timestamp) {
        self.revoked.tidy(now);
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn add(&mut self, vendor: Arc<Vendor>) {
        self.by_namespace
            .insert(vendor.namespace.clone(), vendor.id);
        for key in &vendor.keys {
            self.by_key.insert(key.id, vendor.id);
            if let Some(private) = &key.private {
                self.by_pair
                    .insert(private.pair.index(), (vendor.id, key.id));
            }
        }
        self.vendors.insert(vendor.id, vendor);
    }

    fn forget(&mut self, id: VendorId) {
        let Some(vendor) = self.vendors.remove(&id) else {
            return;
        };
        self.by_namespace.remove(&vendor.namespace);
        for key in &vendor.keys {
            self.by_key.remove(&key.id);
            if let Some(private) = &key.private {
                self.by_pair.remove(&private.pair.index());
            }
        }
    }
}
