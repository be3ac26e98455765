//! Cuts the beginning of chains whose events are to be removed by retention.

mod store;

use jiff::Timestamp;

use super::digest::Base;
use super::sign::Key;
use super::store::oldest_waiting;
use super::whole_microseconds;
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::VendorId;

/// Of one transaction.
const BLOCKS: i64 = 1000;

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
    let client = app.db.get().await?;
    Ok(oldest_waiting(&client, vendor.map(|id| id.0)).await?)
}

/// Signs that a vendor's events before a time may be gone, and drops the blocks at the beginning of its chain that lie
/// wholly before it. To be called **before** the rows are removed, which then may be only those before
/// [`Forgotten::removed_before`]. `None` for `vendor`: the chain of events of no vendor.
///
/// # Errors
/// Where the key that signs was never read from OpenBao, or the database does not answer. Then no row may be removed.
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
    let client = app.db.get().await?;
    let waiting = oldest_waiting(&client, Some(vendor)).await?;
    drop(client);
    let bound = waiting.map_or(removed_before, |at| at.min(removed_before));
    let mut done = Forgotten {
        removed_before: whole_microseconds(bound),
        blocks: 0,
    };
    while cut(app, &key, vendor, &mut done).await? {}
    Ok(done)
}

/// The same for all chains, as for dropping a whole month: the time is the earliest of all.
///
/// # Errors
/// As [`forget`].
pub async fn forget_all(app: &App, removed_before: Timestamp) -> Result<Forgotten> {
    let client = app.db.get().await?;
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

/// One step; `true` where there may be more to drop.
async fn cut(app: &App, key: &Key, vendor: i64, done: &mut Forgotten) -> Result<bool> {
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    let Some((seq, hash, before)) = store::lock_base(&transaction, vendor).await? else {
        return Ok(false);
    };
    let bound = done.removed_before.as_microsecond();
    let blocks = store::blocks(&transaction, vendor, seq, BLOCKS).await?;
    let whole = blocks.iter().take_while(|(_, _, latest)| *latest < bound);
    let last = whole.last().cloned();
    let is_earlier = before.is_some_and(|before| before >= done.removed_before);
    if last.is_none() && is_earlier {
        return Ok(false);
    }
    // What was removed once stays removed, whatever is asked for now.
    let removed_before = before.map_or(done.removed_before, |at| at.max(done.removed_before));
    let more = last.as_ref().map(|(seq, ..)| *seq) == blocks.last().map(|(seq, ..)| *seq)
        && i64::try_from(blocks.len()).is_ok_and(|number| number == BLOCKS);
    let (seq, hash) = last.map_or((seq, hash), |(seq, hash, _)| (seq, hash));
    let base = Base {
        vendor,
        seq,
        hash,
        removed_before: removed_before.as_microsecond(),
    };
    let signature = key.sign(&base.hash());
    done.blocks +=
        store::move_base(&transaction, &base, removed_before, key.version, &signature).await?;
    transaction.commit().await?;
    Ok(more)
}
