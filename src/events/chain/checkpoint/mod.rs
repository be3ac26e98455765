//! Signs where the chains end, and has OpenBao remember the newest of these statements.

mod remember;
pub(super) mod store;
mod trust;

pub(super) use remember::mark;
pub use remember::{Mark, remember};
pub(super) use trust::{report_rewritten, signed_since};

use jiff::{SignedDuration, Timestamp};

use super::digest::{Checkpoint, Head};
use super::sign::Key;
use super::store::Micros;
use super::whole_microseconds;
use crate::app::App;
use crate::db::GenericClient;
use crate::error::Result;
use store::Stored;
use trust::Newest;

/// Chains that one checkpoint names at most.
const HEADS: i64 = 1000;
/// How long checkpoints are kept, and longer where blocks are older: retention cuts chains where one signed them.
const KEEP: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Signs the heads that moved since the last checkpoint, and gives how many did; `None` where there is no key, or where
/// what was signed before is not there any more. What cannot be signed is reported, and stays unsigned.
///
/// # Errors
/// Where the database does not answer, or OpenBao, where an older version of the key is needed.
pub async fn checkpoint(app: &App) -> Result<Option<usize>> {
    let (mut named, mut behind) = (0, i64::MIN);
    loop {
        let client = app.db.all().await?;
        let moved = store::moved(&client, behind, HEADS).await?;
        drop(client);
        let Some(last) = moved.last() else {
            let is_able = named > 0 || app.notary.key(&app.vault.issuer).await.is_some();
            return Ok(is_able.then_some(named));
        };
        behind = last.vendor;
        let Some(key) = app.notary.key(&app.vault.issuer).await else {
            return Ok(None);
        };
        let Some(newest) = trust::newest(app, &key).await? else {
            return Ok(None);
        };
        let heads = trust::descendants(app, &key, moved).await?;
        named += sign(app, &key, &newest, &heads).await?;
    }
}

/// Signs those of the heads that are still there.
async fn sign(app: &App, key: &Key, newest: &Newest, checked: &[Head]) -> Result<usize> {
    let now = whole_microseconds(app.clock.now());
    let vendors: Vec<i64> = checked.iter().map(|head| head.vendor).collect();
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let mut heads = store::lock_moved(&transaction, &vendors).await?;
    heads.retain(|head| checked.contains(head));
    // Where another replica was faster, the next pass goes on from there.
    if heads.is_empty() || !newest.is_newest(&transaction).await? {
        return Ok(0);
    }
    let vendors: Vec<i64> = heads.iter().map(|head| head.vendor).collect();
    add(&transaction, key, newest, heads.clone(), None, now).await?;
    store::note_named(&transaction, &vendors).await?;
    transaction.commit().await?;
    app.notary.note_heads(heads);
    Ok(vendors.len())
}

/// Removes checkpoints of more than a year ago, but none that names a block that is there, and never the one that OpenBao
/// remembers. What they said last of each chain, a new one says again.
///
/// # Errors
/// Where the database or OpenBao does not answer.
pub async fn prune(app: &App) -> Result<u64> {
    let now = whole_microseconds(app.clock.now());
    let since = now.checked_sub(KEEP).unwrap_or(Timestamp::MIN);
    let client = app.db.all().await?;
    let blocks = store::oldest_block(&client).await?;
    let since = blocks.and_then(Micros::moment).unwrap_or(since).min(since);
    let oldest = store::oldest(&client).await?;
    let needed = store::first_since(&client, since).await?;
    let newest = store::newest(&client).await?;
    drop(client);
    let (Some(oldest), Some((newest, _))) = (oldest, newest) else {
        return Ok(0);
    };
    if needed.unwrap_or(newest) <= oldest {
        return Ok(0);
    }
    let Some(key) = app.notary.key(&app.vault.issuer).await else {
        return Ok(0);
    };
    remember(app).await?;
    let Some((marked, _)) = mark(&app.vault.issuer).await? else {
        return Ok(0);
    };
    let Some(newest) = trust::newest(app, &key).await? else {
        return Ok(0);
    };
    let needed = needed.unwrap_or(newest.number).min(marked.number);
    let Some(heads) = trust::said_before(app, needed, &newest).await? else {
        return Ok(0);
    };
    if needed <= newest.first {
        return Ok(0);
    }
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    store::be_patient(&transaction).await?;
    if !newest.is_newest(&transaction).await? {
        return Ok(0);
    }
    add(&transaction, &key, &newest, heads, Some(needed), now).await?;
    let removed = store::remove_before(&transaction, needed).await?;
    transaction.commit().await?;
    Ok(removed)
}

async fn add(
    client: &impl GenericClient,
    key: &Key,
    newest: &Newest,
    heads: Vec<Head>,
    needed: Option<i64>,
    now: Timestamp,
) -> Result<()> {
    let said = Checkpoint {
        number: newest.number + 1,
        at: now.as_microsecond(),
        previous: newest.hash.clone(),
        first: needed.unwrap_or(newest.first),
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
