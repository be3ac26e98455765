//! The chain that shows whether the trail was changed.
//!
//! # How it goes together
//! Each row that is added to `events`, by whatever statement, is put into a queue by a trigger, in its own transaction.
//! Once a second the task `chain_events` takes what waits there, and adds to each vendor's chain a **block**: ids and
//! times of the events, a digest of each row, and the hash of the block before ([`Row`], [`Block`]). Events of no vendor
//! have a chain of their own, numbered 0. Who adds events does not wait for any of this.
//!
//! Where chains have moved, a **checkpoint** names their new heads, and is signed with a key of OpenBao
//! (`gatehouse-keys/event-chain`, Ed25519; a new version of it is used within a minute, the old ones stay good for what
//! they signed). Checkpoints are one chain for all vendors. While OpenBao is away, chains grow; where no key was read
//! since the start, checkpoints wait. Once a minute, and when the service stops, OpenBao is told which checkpoint is the
//! newest (`gatehouse-keys/event-head`), first the database, then OpenBao. [`verify()`] goes over all of it and says
//! where the first thing is that was changed.
//!
//! # What whoever writes to the database can do
//! - Change, remove, exchange or slip in rows of events that are chained: found, as the digests differ.
//! - Make blocks anew, so that they fit: found, as checkpoints sign the old hashes.
//! - Cut the end of the trail, with its blocks: found, as checkpoints name what is missing.
//! - Cut it with its checkpoints: found, as OpenBao remembers the newest, except for what was added since OpenBao was
//!   told last: at most a minute. The service itself notices it within a minute too, reports it as an error, and does
//!   not overwrite what OpenBao remembers.
//! - Change or remove an event before it is chained, together with its place in the queue: **not found**; it has about a
//!   second. Without its place in the queue it is found, and is an event of its own, `events.vanished`.
//! - Add events as the service does: **not found**, as the service does nothing else. The block says when they came.
//! - Have the service sign what they left: it does not. Before it signs, the newest checkpoint must be one that it signed,
//!   the one that OpenBao remembers must be there, and each head must follow from the one that was signed before; where
//!   retention moves the beginning of a chain, the old one must be signed. Else it reports an error and signs nothing.
//! - Change how long logs are kept: **carried out**, as retention goes by what the database says. Each move is an event of
//!   its own in the chain, `events.forgotten`, and [`verify()`] says before when events of each chain may be gone
//!   ([`Found::removed_before`]): compare that with what was agreed.
//! - Have retention remove what they changed, by other times in its blocks: it does not. What it drops must lead, block by
//!   block, from where the chain begins to a head that was signed. Else it reports an error, and removes nothing of that
//!   vendor.
//! - Blocks that no checkpoint names yet, for a second, and as long as no key can be had, can be made anew. The result
//!   of [`verify()`] says how many events that is about.
//! - Stop the chain. The queue's length and age are metrics, and failed passes are reported.
//!
//! Who may read `gatehouse-keys/` in OpenBao, as the service itself, can sign whatever they like.
//!
//! # Retention
//! Rows are removed in this order: call [`forget`] (or [`forget_all`], before a whole month is dropped) with the time
//! before which rows shall go; then remove rows whose `at` is before [`Forgotten::removed_before`], and no others. It is
//! earlier than what was asked for where older events are not chained yet ([`oldest_unchained`]). `forget` drops the
//! blocks at the beginning of the chain that lie wholly before that time, and signs where the chain begins now and
//! before when rows may be missing. A failure between the two steps does no harm: call both again. Rows before that
//! time are not looked at any more, whether they are there or not. Checkpoints of more than a year ago that name no block that is there go with
//! [`prune`]; what they said last of each chain is said again in a new one. The one that OpenBao remembers never goes.
//!
//! # Quirks
//! - A database restored from a backup is behind what OpenBao remembers; that is reported, and nothing is signed, until
//!   an administrator removes the note: `bao kv metadata delete gatehouse-keys/event-head`.
//! - Details are digested as PostgreSQL writes `jsonb`, which is stable for what is stored.

mod append;
mod checkpoint;
mod digest;
mod forget;
mod sign;
mod store;
mod verify;

use std::time::Duration;

use jiff::Timestamp;

pub use append::append;
pub use checkpoint::{Mark, checkpoint, prune, remember};
pub use digest::{Base, Block, Checkpoint, Hash, Head, Row};
pub use forget::{Forgotten, forget, forget_all, oldest_unchained};
pub use sign::Notary;
pub use verify::{Fault, Found, Place, Removed, verify};

use crate::app::App;
use crate::error::{Result, cause_chain};

/// The name of the key below `gatehouse-keys/`.
pub const KEY_NAME: &str = "event-chain";
/// The name of the note about the newest checkpoint there.
pub const MARK_NAME: &str = "event-head";
/// How often OpenBao is told.
const REMEMBER_EVERY: Duration = Duration::from_mins(1);
/// How long the service waits for this when it stops.
const LAST_PASS: Duration = Duration::from_secs(3);

/// What one pass did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Events.
    pub chained: usize,
    /// Heads that were signed; `None` where there is no key.
    pub signed: Option<usize>,
    /// The checkpoint that OpenBao was told of.
    pub remembered: Option<i64>,
}

/// Chains what waits, signs the heads that moved, and tells OpenBao when it is time to.
///
/// # Errors
/// Where the database does not answer. OpenBao may be away.
pub async fn pass(app: &App) -> Result<Passed> {
    let chained = append(app).await?;
    let signed = checkpoint(app).await?;
    let remembered = if app.notary.is_due(REMEMBER_EVERY) {
        remember(app).await.unwrap_or_else(|error| {
            tracing::warn!(error.cause = %cause_chain(&error), "OpenBao could not be told of the newest checkpoint of the trail");
            None
        })
    } else {
        None
    };
    Ok(Passed {
        chained,
        signed,
        remembered,
    })
}

/// Chains, signs and tells what is left, as the service stops. What fails is done by another replica, or at the start.
pub async fn finish(app: &App) {
    let last = async {
        append(app).await?;
        checkpoint(app).await?;
        remember(app).await
    };
    match tokio::time::timeout(LAST_PASS, last).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::warn!(error.cause = %cause_chain(&error), "The end of the trail was not signed at the stop");
        }
        Err(_) => tracing::warn!("The end of the trail was not signed in time at the stop"),
    }
}

/// As PostgreSQL keeps it, so that what is hashed is what is read again.
fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
