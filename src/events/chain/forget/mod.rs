//! Cuts the beginning of chains whose events are to be removed by retention.

mod reach;
mod store;

use jiff::Timestamp;
use serde_json::json;

use super::sign::Key;
use super::store::Micros;
use super::store::oldest_waiting;
use super::whole_microseconds;
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::VendorId;
use store::Start;

const ACTOR: &str = "task:keep_logs";

/// What may be removed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Rows before this may be removed, and none after it: what was asked for, or earlier, where older events wait to
    /// be chained.
    pub removed_before: Timestamp,
    /// How many blocks went.
    pub blocks: u64,
}

/// When the oldest event was that waits to be chained, of one vendor or of all: retention stays before it.
///
/// # Errors
/// Where the database does not answer.
pub async fn oldest_unchained(app: &App, vendor: Option<VendorId>) -> Result<Option<Timestamp>> {
    let client = app.db.all().await?;
    Ok(oldest_waiting(&client, vendor.map(|id| id.0)).await?)
}

/// Signs that a vendor's events before a time may be gone, and drops the blocks at the beginning of its chain that lie
/// wholly before it. To be called **before** the rows are removed, which then may be only those before
/// [`Forgotten::removed_before`]. `None` for `vendor`: the chain of events of no vendor.
///
/// # Errors
/// Where the key that signs was never read from OpenBao, where the beginning of the chain is not what was signed, or the
/// database does not answer. Then no row may be removed.
pub async fn forget(
    app: &App,
    vendor: Option<VendorId>,
    removed_before: Timestamp,
) -> Result<Forgotten> {
    let vendor = vendor.map_or(0, |id| id.0);
    let Some(key) = app.notary.key(&app.vault.issuer).await else {
        return Err(Error::Internal(
            "nothing is removed from the trail without the key that signs it".to_owned(),
        ));
    };
    let client = app.db.all().await?;
    let waiting = oldest_waiting(&client, Some(vendor)).await?;
    drop(client);
    let bound = waiting.map_or(removed_before, |at| at.min(removed_before));
    let mut done = Forgotten {
        removed_before: whole_microseconds(bound),
        blocks: 0,
    };
    let client = app.db.all().await?;
    let start = store::start(&client, vendor).await?;
    drop(client);
    let Some(mut start) = start else {
        return Ok(done);
    };
    if !is_start_good(app, &key, vendor, &start).await? {
        metrics::counter!("gatehouse_alarms_total", "alarm" => "event_base_forged").increment(1);
        tracing::error!(
            vendor.id = vendor,
            "Where a chain of the trail begins is not what was signed, and nothing more is removed from it. Run \
             `gatehouse events verify`"
        );
        return Err(Error::Internal(
            "nothing is removed from a chain of the trail whose beginning was not signed"
                .to_owned(),
        ));
    }
    while cut(app, &key, vendor, &mut start, &mut done).await? {}
    Ok(done)
}

/// The same for all chains, as for dropping a whole month: the time is the earliest of all.
///
/// # Errors
/// As [`forget`].
pub async fn forget_all(app: &App, removed_before: Timestamp) -> Result<Forgotten> {
    let client = app.db.all().await?;
    let chains = store::chains(&client).await?;
    let waiting = oldest_waiting(&client, None).await?;
    drop(client);
    let bound = waiting.map_or(removed_before, |at| at.min(removed_before));
    let mut all = Forgotten {
        removed_before: whole_microseconds(bound),
        blocks: 0,
    };
    for chain in chains {
        let vendor = (chain != 0).then_some(VendorId(chain));
        let one = forget(app, vendor, all.removed_before).await?;
        all.removed_before = all.removed_before.min(one.removed_before);
        all.blocks += one.blocks;
    }
    Ok(all)
}

/// Whether a chain begins where retention signed that it does, or where each chain does.
///
/// # Errors
/// Where the database does not answer, or OpenBao, where an older version of the key is needed.
pub(super) async fn is_base_good(app: &App, key: &Key, vendor: i64) -> Result<bool> {
    let client = app.db.all().await?;
    let start = store::start(&client, vendor).await?;
    drop(client);
    match start {
        Some(start) => is_start_good(app, key, vendor, &start).await,
        None => Ok(true),
    }
}

async fn is_start_good(app: &App, key: &Key, vendor: i64, start: &Start) -> Result<bool> {
    let (Some(base), Some((version, signature))) = (start.base(vendor), &start.signature) else {
        return Ok(start.is_untouched());
    };
    key.or_an_older_signed(&app.vault.issuer, &base.hash(), *version, signature)
        .await
}

/// One step from `start`, which was checked; `true` where there may be more to drop.
async fn cut(
    app: &App,
    key: &Key,
    vendor: i64,
    start: &mut Start,
    done: &mut Forgotten,
) -> Result<bool> {
    let before = start.removed_before.and_then(Micros::moment);
    let reached = reach::reach(app, key, vendor, start, done.removed_before).await?;
    let is_earlier = before.is_some_and(|before| before >= done.removed_before);
    if reached.is_none() && is_earlier {
        return Ok(false);
    }
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    if store::lock_start(&transaction, vendor).await?.as_ref() != Some(start) {
        return Err(Error::Internal(
            "the beginning of a chain of the trail moved meanwhile".to_owned(),
        ));
    }
    // What was removed once stays removed, whatever is asked for now.
    let removed_before = before.map_or(done.removed_before, |at| at.max(done.removed_before));
    let more = reached.as_ref().is_some_and(|reached| reached.more);
    let (seq, hash) = reached.map_or((start.seq, start.hash.clone()), |reached| {
        (reached.seq, reached.hash)
    });
    let mut next = Start {
        seq,
        hash,
        removed_before: Some(Micros(removed_before.as_microsecond())),
        signature: None,
    };
    let Some(base) = next.base(vendor) else {
        return Ok(false);
    };
    let signature = key.sign(&base.hash());
    let blocks =
        store::move_base(&transaction, &base, removed_before, key.version, &signature).await?;
    let told = told(vendor, before, removed_before, blocks);
    told.record(&transaction, whole_microseconds(app.clock.now()))
        .await?;
    transaction.commit().await?;
    done.blocks += blocks;
    next.signature = Some((key.version, signature));
    *start = next;
    Ok(more)
}

fn told(vendor: i64, before: Option<Timestamp>, after: Timestamp, blocks: u64) -> Event<'static> {
    let of = (vendor != 0).then_some(VendorId(vendor));
    let mut event = Event::done("events.forgotten", of, ACTOR);
    event.details = json!({ "before": before, "after": after, "blocks": blocks });
    event
}
