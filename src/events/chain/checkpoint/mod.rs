//! Signs where the chains end, and has OpenBao remember the newest of these statements.

mod remember;
pub(super) mod store;

pub(super) use remember::mark;
pub use remember::{Mark, remember};

use jiff::{SignedDuration, Timestamp};

use super::digest::{Checkpoint, GENESIS, Head};
use super::sign::Key;
use super::whole_microseconds;
use crate::app::App;
use crate::db::GenericClient;
use crate::error::Result;
use store::Stored;

/// Chains that one checkpoint names at most.
const HEADS: i64 = 1000;
/// How long checkpoints are kept.
const KEEP: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Signs the heads that moved since the last checkpoint, and gives how many did; `None` where there is no key.
///
/// # Errors
/// Where the database does not answer.
pub async fn checkpoint(app: &App) -> Result<Option<usize>> {
    let mut named = 0;
    loop {
        let Some(key) = app.notary.key(&app.vault.issuer).await else {
            return Ok(None);
        };
        let now = whole_microseconds(app.clock.now());
        let mut client = app.db.get().await?;
        let transaction = client.transaction().await?;
        let heads = store::lock_moved(&transaction, HEADS).await?;
        if heads.is_empty() {
            return Ok(Some(named));
        }
        let vendors: Vec<i64> = heads.iter().map(|head| head.vendor).collect();
        named += heads.len();
        add(&transaction, &key, heads, None, now).await?;
        store::note_named(&transaction, &vendors).await?;
        transaction.commit().await?;
    }
}

/// Removes checkpoints of more than a year ago. What they said last of each chain, a new one says again.
///
/// # Errors
/// Where the database does not answer.
pub async fn prune(app: &App) -> Result<u64> {
    let now = whole_microseconds(app.clock.now());
    let since = now.checked_sub(KEEP).unwrap_or(Timestamp::MIN);
    let mut client = app.db.get().await?;
    let Some((newest, _, first)) = store::newest(&client).await? else {
        return Ok(0);
    };
    let needed = store::first_since(&client, since).await?.unwrap_or(newest);
    if needed <= first {
        return Ok(0);
    }
    drop(client);
    let Some(key) = app.notary.key(&app.vault.issuer).await else {
        return Ok(0);
    };
    client = app.db.get().await?;
    let transaction = client.transaction().await?;
    store::be_patient(&transaction).await?;
    let heads = store::named_before(&transaction, needed).await?;
    add(&transaction, &key, heads, Some(needed), now).await?;
    let removed = store::remove_before(&transaction, needed).await?;
    transaction.commit().await?;
    Ok(removed)
}

async fn add(
    client: &impl GenericClient,
    key: &Key,
    heads: Vec<Head>,
    needed: Option<i64>,
    now: Timestamp,
) -> Result<()> {
    let newest = store::newest(client).await?;
    let (number, previous, first) = newest.unwrap_or((0, GENESIS.to_vec(), 1));
    let said = Checkpoint {
        number: number + 1,
        at: now.as_microsecond(),
        previous,
        first: needed.unwrap_or(first),
        heads,
    };
    let hash = said.hash();
    let stored = Stored {
        said,
        hash: hash.to_vec(),
        key_version: key.version,
        signature: key.sign(&hash),
    };
    store::add(client, &stored, now).await?;
    metrics::counter!("gatehouse_event_checkpoints_total").increment(1);
    Ok(())
}
