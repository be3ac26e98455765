//! Ends tokens that are marked for it in the ledger.

pub mod store;

use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::Kind;
use crate::app::App;
use crate::db::{self, GenericClient};
use crate::error::Result;
use crate::kill_point::kill_point;
use crate::types::VendorId;
use crate::vault::tokens;

pub use store::Doomed;

const BATCH: i64 = 200;
const AT_ONCE: usize = 8;
/// Of one pass.
const LONGEST: Duration = Duration::from_secs(20);
/// How many rows of the ledger one statement looks at: one over all could take longer than a statement may.
const STEP: i64 = 5000;
/// So many of those that were marked are revoked by whoever marked them; the task takes the others.
const FIRST: usize = 5000;
/// So many failures say that OpenBao is out of reach: the others are left for later.
const ENOUGH: usize = 8;

/// Who asks for the end of tokens, why, and when.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// As the events name the caller.
    pub by: &'a str,
    /// In a few words.
    pub reason: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// What became of tokens that were to be revoked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// Tokens that are dead now.
    pub revoked: usize,
    /// Tokens that could not be revoked yet.
    pub failed: usize,
}

/// Marks all live tokens of some kinds, in the caller's transaction, which holds the vendor: none is recorded meanwhile.
/// Gives the first of them.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_all(
    client: &impl GenericClient,
    vendor: VendorId,
    kinds: &[Kind],
    order: &Order<'_>,
) -> db::Result<Vec<Doomed>> {
    let mut from = store::oldest_live(kinds, order.at);
    let mut first = Vec::new();
    while let Some(to) = store::step(client, vendor, from, STEP).await? {
        let marked = store::mark_step(client, vendor, (from, to), kinds, order).await?;
        let room = FIRST.saturating_sub(first.len());
        first.extend(marked.into_iter().take(room));
        from = to;
    }
    Ok(first)
}

/// Revokes tokens now, and gives how many are dead. One that fails stays marked, and is tried again by [`pass`].
pub async fn now(app: &App, doomed: &[Doomed]) -> usize {
    let mut dead = 0;
    for token in doomed {
        if tried(app, token).await {
            dead += 1;
        }
    }
    dead
}

async fn tried(app: &App, token: &Doomed) -> bool {
    let Err(error) = one(app, token).await else {
        return true;
    };
    let cause = crate::error::cause_chain(&error);
    tracing::warn!(
        token.accessor = %token.accessor,
        issuance.id = %token.id,
        error.cause = %cause,
        "A token could not be revoked yet"
    );
    false
}

/// Revokes tokens, a few at a time, until the time is over or OpenBao is found out of reach. What is left stays marked.
pub async fn several(app: &App, doomed: &[Doomed], until: Instant) -> Passed {
    let mut passed = Passed::default();
    let trying: Vec<_> = doomed
        .iter()
        .map(|token| tried(app, token).boxed())
        .collect();
    let mut tried = stream::iter(trying).buffer_unordered(AT_ONCE);
    // One that is cut off here is tried again: a token that is dead already counts as revoked.
    while passed.failed < ENOUGH
        && let Ok(Some(dead)) = tokio::time::timeout_at(until.into(), tried.next()).await
    {
        if dead {
            passed.revoked += 1;
        } else {
            passed.failed += 1;
        }
    }
    passed
}

/// Revokes one token and notes it.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn one(app: &App, token: &Doomed) -> Result<()> {
    let accessor = token.accessor.as_str();
    app.vault
        .revoker
        .call(|handle| async move { tokens::revoke_accessor(&handle, accessor).await })
        .await?;
    let client = app.db.of(token.vendor).await?;
    kill_point("before noting a revoked token");
    store::mark_revoked(&client, token.vendor, token.id, app.clock.now()).await?;
    kill_point("after noting a revoked token");
    metrics::counter!("gatehouse_tokens_revoked_total").increment(1);
    Ok(())
}

/// Marks what lives beyond its longest life, and tries again what is marked and due, as long as there is any and OpenBao takes it.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &App) -> Result<Passed> {
    let until = Instant::now() + LONGEST;
    let mut passed = Passed::default();
    while Instant::now() < until && passed.failed == 0 {
        let at = app.clock.now();
        let next = at
            .checked_add(SignedDuration::from_secs(15))
            .unwrap_or(Timestamp::MAX);
        let client = app.db.all().await?;
        store::mark_overdue(&client, at, BATCH).await?;
        kill_point("before claiming doomed tokens");
        let due = store::claim_due(&client, at, next, BATCH).await?;
        kill_point("after claiming doomed tokens");
        drop(client);
        if due.is_empty() {
            break;
        }
        let batch = several(app, &due, until).await;
        passed.revoked += batch.revoked;
        passed.failed += due.len() - batch.revoked;
    }
    Ok(passed)
}
