//! The keys of vendors' Connectors, in memory for minutes. Of those who need one, one asks and all are told.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Semaphore};

use super::fetch::{Trouble, fetch};
use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{ApiEndpoint, SignatureKey, VendorId};
use crate::vendors::Vendor;

/// How long a key is used before it is fetched again.
const USE: SignedDuration = SignedDuration::from_mins(5);
/// How long a Connector is left alone that was just asked: one that is dead costs little, and so does a vendor whose
/// signatures are wrong.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// How many are asked at once. Of one vendor it is one.
const AT_ONCE: usize = 64;
/// How long one waits for its turn.
const WAIT: Duration = Duration::from_millis(500);
const MOST: u64 = 10_000;

const UNREGISTERED: Trouble = "The Connector has not named its address: save its settings again.";
const BUSY: Trouble = "Too many Connectors are being asked for their keys. Try again.";
const MOVED: Trouble = "The Connector's address was changed a moment ago. Try again.";

type Slot = Arc<Mutex<Asked>>;

/// What is known of one vendor's Connector.
#[derive(Default)]
struct Asked {
    held: Option<Held>,
    /// Who was asked last, and when.
    last: Option<(ApiEndpoint, Timestamp)>,
    /// What went wrong then.
    trouble: Option<Trouble>,
}

struct Held {
    key: SignatureKey,
    endpoint: ApiEndpoint,
    at: Timestamp,
}

/// The keys held, by vendor.
pub struct Keys {
    slots: Cache<VendorId, Slot>,
    at_once: Semaphore,
}

impl Default for Keys {
    fn default() -> Self {
        let slots = Cache::builder().max_capacity(MOST);
        Self {
            // Longer than any of them is used.
            slots: slots.time_to_idle(Duration::from_mins(10)).build(),
            at_once: Semaphore::new(AT_ONCE),
        }
    }
}

impl Keys {
    /// Forgets what is known of a vendor's Connector, here.
    pub async fn forget(&self, vendor: VendorId) {
        self.slots.invalidate(&vendor).await;
    }
}

/// The key of a vendor's Connector: the one held, or a fresh one. Where it is not the one wanted, a fresh one too, unless
/// the Connector was asked a moment ago or does not answer: then the one held again.
pub(super) async fn get(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    unwanted: Option<SignatureKey>,
) -> Result<SignatureKey> {
    let Some(endpoint) = vendor.connector.clone() else {
        return Err(Error::ConnectorKeyUnavailable(UNREGISTERED));
    };
    let slot = app
        .connectors
        .slots
        .get_with(vendor.id, async { Slot::default() });
    let slot = slot.await;
    let (shared, id) = (Arc::clone(app), vendor.id);
    // To its end, whoever hangs up: others wait for the same.
    app.detached(async move {
        let mut asked = slot.lock().await;
        asked.key(&shared, id, endpoint, unwanted).await
    })
    .await
}

impl Asked {
    async fn key(
        &mut self,
        app: &App,
        vendor: VendorId,
        endpoint: ApiEndpoint,
        unwanted: Option<SignatureKey>,
    ) -> Result<SignatureKey> {
        let now = app.clock.now();
        let is_recent = |whom: &ApiEndpoint, at: Timestamp, period| {
            *whom == endpoint && is_within(period, at, now)
        };
        let held = self.held.as_ref();
        let held = held.filter(|held| is_recent(&held.endpoint, held.at, USE));
        let held = held.map(|held| held.key);
        if let Some(key) = held.filter(|key| unwanted != Some(*key)) {
            return Ok(key);
        }
        let last = self.last.as_ref();
        if last.is_none_or(|(whom, at)| !is_recent(whom, *at, PAUSE)) {
            let fetched = ask(app, vendor, &endpoint).await?;
            let at = app.clock.now();
            self.trouble = fetched.err();
            self.last = Some((endpoint.clone(), at));
            if let Ok(key) = fetched {
                self.held = Some(Held { key, endpoint, at });
                return Ok(key);
            }
        }
        held.ok_or(Error::ConnectorKeyUnavailable(self.trouble.unwrap_or(BUSY)))
    }
}

/// Fetches a key, and notes it. The error is the database's; what is wrong with the Connector is inside.
async fn ask(
    app: &App,
    vendor: VendorId,
    endpoint: &ApiEndpoint,
) -> Result<std::result::Result<SignatureKey, Trouble>> {
    let turn = tokio::time::timeout(WAIT, app.connectors.at_once.acquire());
    let Ok(Ok(_turn)) = turn.await else {
        return Ok(Err(BUSY));
    };
    let fetched = fetch(&app.egress, endpoint).await;
    let outcome = if fetched.is_ok() { "fetched" } else { "failed" };
    metrics::counter!("gatehouse_connector_keys_total", "outcome" => outcome).increment(1);
    match fetched {
        Ok(key) => note(app, vendor, endpoint, key).await,
        Err(trouble) => {
            tracing::info!(
                vendor.id = vendor.0,
                trouble,
                "A Connector's key could not be fetched"
            );
            Ok(Err(trouble))
        }
    }
}

/// Notes a key as the one seen last. Another one than before is an event.
async fn note(
    app: &App,
    vendor: VendorId,
    endpoint: &ApiEndpoint,
    key: SignatureKey,
) -> Result<std::result::Result<SignatureKey, Trouble>> {
    let now = app.clock.now();
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let Some(former) = store::key_locked(&transaction, vendor, endpoint).await? else {
        return Ok(Err(MOVED));
    };
    store::set_key(&transaction, vendor, &key, now).await?;
    let former = former.and_then(|text| SignatureKey::parse(&text));
    if former != Some(key) {
        let mut event = Event::done("connector.key_changed", Some(vendor), "gatehouse");
        event.details = json!({
            "fingerprint": fingerprint(&key),
            "former": former.as_ref().map(fingerprint),
        });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    Ok(Ok(key))
}

fn fingerprint(key: &SignatureKey) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// Whether `now` is at most so long after `since`, and not before: the clock may be set back.
fn is_within(period: SignedDuration, since: Timestamp, now: Timestamp) -> bool {
    let passed = now.duration_since(since);
    !passed.is_negative() && passed < period
}
