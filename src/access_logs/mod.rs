//! What tokens did inside OpenBao, read from its file audit device and joined to the ledger by accessor.
//!
//! A shipper follows one node's audit log (`tail`), keeps the lines that are about vendors' engines (`line`), and
//! stores them in one transaction with the place it has come to (`store`). So a crash, a restart or a lost answer
//! neither loses a line nor stores one twice. Values are never read out of a line.
//!
//! They are read together with Gatehouse's own events ([`timeline`]), and kept for a time ([`retention`]).

mod line;
pub mod retention;
pub mod store;
mod tail;
pub mod timeline;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::db::{self, Pool};
use line::Entry;
use store::Position;
use tail::{Batch, Tail};

/// From the end of the file to the next look.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// Whose audit log, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file that OpenBao writes to. Rotated ones lie beside it, with something added to its name.
    pub file: PathBuf,
    /// Names the OpenBao node: each has a log, and a shipper, of its own.
    pub node: String,
    /// The OpenBao namespace of this service; lines of others are not ours.
    pub namespace: Option<String>,
}

/// Why a step failed. It is tried again from what the database says.
#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error("PostgreSQL: {0}")]
    Db(#[from] db::Error),
    #[error("the audit log: {0}")]
    File(#[from] std::io::Error),
    #[error("another shipper of this node is at work")]
    NotAlone,
    #[error("the reading thread ended")]
    Lost,
}

/// Ships until `stop`.
pub async fn ship(pool: Pool, settings: Settings, stop: CancellationToken) {
    let settings = Arc::new(settings);
    let mut backoff = PAUSE;
    while !stop.is_cancelled() {
        let error = tokio::select! {
            () = stop.cancelled() => return,
            error = follow(&pool, &settings, &mut backoff) => error,
        };
        metrics::counter!("gatehouse_audit_failures_total").increment(1);
        let cause = crate::error::cause_chain(&error);
        tracing::warn!(node = settings.node, error.cause = %cause, "The audit log could not be shipped, trying again");
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(LONGEST_BACKOFF);
    }
}

/// Ships from where the database says until something fails.
async fn follow(pool: &Pool, settings: &Arc<Settings>, backoff: &mut Duration) -> ShipError {
    let mut position = match position(pool, settings).await {
        Ok(position) => position,
        Err(error) => return error,
    };
    let mut tail = Tail::new(settings.file.clone(), position.as_ref());
    loop {
        match step(pool, settings, tail, position).await {
            Ok((next, reached, busy)) => {
                (tail, position) = (next, reached);
                *backoff = PAUSE;
                if !busy {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Err(error) => return error,
        }
    }
}

async fn position(pool: &Pool, settings: &Settings) -> Result<Option<Position>, ShipError> {
    let client = pool.get().await?;
    Ok(store::position(&client, &settings.node).await?)
}

/// Reads a batch and stores it. Also gives whether there may be more at once.
async fn step(
    pool: &Pool,
    settings: &Arc<Settings>,
    mut tail: Tail,
    before: Option<Position>,
) -> Result<(Tail, Option<Position>, bool), ShipError> {
    let (tail, batch) = tokio::task::spawn_blocking(move || {
        let batch = tail.next();
        (tail, batch)
    })
    .await
    .map_err(|_| ShipError::Lost)?;
    let Some(batch) = batch? else {
        return Ok((tail, before, false));
    };
    keep(pool, settings, &batch, before.as_ref()).await?;
    Ok((tail, Some(batch.reached), true))
}

async fn keep(
    pool: &Pool,
    settings: &Settings,
    batch: &Batch,
    before: Option<&Position>,
) -> Result<(), ShipError> {
    let fence = settings.namespace.as_deref();
    let mut malformed = batch.over_long;
    let mut entries: Vec<Entry> = Vec::new();
    for text in &batch.lines {
        match line::read(text, fence) {
            Ok(entry) => entries.extend(entry),
            Err(_) => malformed += 1,
        }
    }
    let now = Clock::default().now();
    let mut client = pool.get().await?;
    let transaction = client.transaction().await.map_err(db::Error::from)?;
    let alone = store::advance(&transaction, &settings.node, before, &batch.reached, now).await?;
    if !alone {
        return Err(ShipError::NotAlone);
    }
    let strangers = store::append(&transaction, &entries, now).await?;
    store::mark_used(&transaction, &entries).await?;
    if batch.lost {
        store::note_lost(&transaction, &settings.node, now).await?;
    }
    transaction.commit().await.map_err(db::Error::from)?;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    metrics::counter!("gatehouse_audit_lines_total").increment(count(batch.lines.len()));
    metrics::counter!("gatehouse_audit_malformed_total").increment(count(malformed));
    metrics::counter!("gatehouse_alarms_total", "alarm" => "unknown_token").increment(strangers);
    if batch.lost {
        tracing::error!(
            node = settings.node,
            "The audit log was cut short or is gone: lines may be lost. Rotate it by renaming, and keep the last file uncompressed"
        );
    }
    Ok(())
}
