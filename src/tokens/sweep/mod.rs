//! Finds what a crash left, tokens of our roles that are on no record, and what a restore of OpenBao brought back or lost:
//! those that were revoked, and rows of tokens that it does not have.

mod store;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use self::store::Living;
use super::is_ours;
use crate::app::App;
use crate::error::Result;
use crate::events::Event;
use crate::types::{IssuanceId, Namespace};
use crate::vault::{self, tokens};

/// A token younger than this may still be on its way into the ledger, and one that was revoked since may have been listed before.
/// Seconds.
const GRACE: i64 = 60;
const CHUNK: usize = 1000;
const ACTOR: &str = "task:sweep_tokens";

/// Accessors that were looked up and are not ours to judge: tokens of other roles. Forgotten when they end.
#[derive(Default)]
pub struct Foreign(Mutex<HashSet<String>>);

/// What one sweep did.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Swept {
    /// Live tokens seen.
    pub seen: usize,
    /// Tokens of our roles without a row, or with one that has them as revoked: revoked.
    pub revoked: usize,
    /// Accessors that OpenBao lists and knows no token of, or one that it was at ending before.
    pub dangling: usize,
    /// Accessors that OpenBao answers about as it never should.
    pub unread: usize,
    /// Rows of tokens that OpenBao does not have any more: lost, or used as often as they may be.
    pub lost: usize,
}

/// Lists all live tokens and revokes those of our roles, older than a minute, that no row of the ledger names, or one that has
/// them as revoked for as long. Rows older than a minute whose token is not in OpenBao any more end: their token is lost, as after
/// a restore, or was used as often as it may be.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn sweep(app: &App) -> Result<Swept> {
    let (mut report, live) = all_of(app, None).await?;
    report.lost = end_lost(app, &live).await?;
    Ok(report)
}

/// The same for a vendor that was cancelled: no token of it is on its way into the ledger, so those younger than a minute go
/// too.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn sweep_cancelled(app: &App, namespace: &Namespace) -> Result<Swept> {
    let (report, _) = all_of(app, Some(namespace)).await?;
    Ok(report)
}

/// What was done, and the accessors that OpenBao listed.
async fn all_of(app: &App, cancelled: Option<&Namespace>) -> Result<(Swept, HashSet<String>)> {
    let foreign = &app.foreign;
    let listed = app
        .vault
        .revoker
        .call(|handle| async move { tokens::list_accessors(&handle).await })
        .await?;
    let mut report = Swept {
        seen: listed.len(),
        ..Swept::default()
    };
    let live: HashSet<String> = listed.into_iter().collect();
    foreign.lock().retain(|accessor| live.contains(accessor));
    let unjudged: Vec<String> = live
        .iter()
        .filter(|a| !foreign.lock().contains(*a))
        .cloned()
        .collect();
    let revoked_since = app.clock.now() - SignedDuration::from_secs(GRACE);
    for chunk in unjudged.chunks(CHUNK) {
        let client = app.db.all().await?;
        let known: HashSet<String> = store::known_accessors(&client, chunk, revoked_since)
            .await?
            .into_iter()
            .collect();
        drop(client);
        for accessor in chunk.iter().filter(|accessor| !known.contains(*accessor)) {
            match judge(app, accessor, cancelled).await? {
                Verdict::Revoked => report.revoked += 1,
                Verdict::Dangling => report.dangling += 1,
                Verdict::Unread => report.unread += 1,
                Verdict::Leave => {}
            }
        }
    }
    Ok((report, live))
}

/// Ends rows whose token is not among those that OpenBao listed, and that it does not know when asked once more.
async fn end_lost(app: &App, live: &HashSet<String>) -> Result<usize> {
    let now = app.clock.now();
    let issued_before = now - SignedDuration::from_secs(GRACE);
    let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let (mut after, mut ended) = ((now, IssuanceId(Uuid::nil())), 0);
    loop {
        let client = app.db.all().await?;
        let page = store::living(&client, now, issued_before, after, limit).await?;
        drop(client);
        let Some(last) = page.last() else {
            return Ok(ended);
        };
        after = (last.max_expires_at, last.id);
        for token in page.iter().filter(|one| !live.contains(&one.accessor)) {
            ended += usize::from(end_if_gone(app, token, now).await?);
        }
    }
}

async fn end_if_gone(app: &App, token: &Living, now: Timestamp) -> Result<bool> {
    let handle = app.vault.revoker.handle()?;
    if tokens::lookup_accessor(&handle, &token.accessor)
        .await?
        .is_some()
    {
        return Ok(false);
    }
    let mut client = app.db.of(token.vendor).await?;
    let transaction = client.transaction().await?;
    let reason = if token.is_counted {
        "used up or lost"
    } else {
        "lost"
    };
    if !store::mark_lost(&transaction, token, (ACTOR, reason), now).await? {
        return Ok(false);
    }
    if !token.is_counted {
        let mut event = Event::done("token.lost", Some(token.vendor), ACTOR);
        event.issuance = Some(token.id);
        event.record(&transaction, now).await?;
        tracing::warn!(issuance.id = %token.id, "OpenBao lost a token that is live on record");
    }
    transaction.commit().await?;
    Ok(true)
}

/// What is to be thought of an accessor that no row names.
enum Verdict {
    Revoked,
    Leave,
    /// OpenBao lists it and knows no token of it, as a crash can leave it until the next `auth/token/tidy`.
    Dangling,
    /// What OpenBao says of it cannot be read.
    Unread,
}

async fn judge(app: &App, accessor: &str, cancelled: Option<&Namespace>) -> Result<Verdict> {
    // Asked without the detour over the keeper: the list was granted just now, so a refusal is this accessor's own.
    let handle = app.vault.revoker.handle()?;
    let info = match tokens::lookup_accessor(&handle, accessor).await {
        Ok(Some(info)) => info,
        Ok(None) => return Ok(Verdict::Leave),
        Err(vault::Error::Denied(_) | vault::Error::Rejected(_)) => return Ok(Verdict::Dangling),
        // One that cannot be judged keeps none of the others alive.
        Err(error @ vault::Error::Malformed(_)) => {
            tracing::error!(token.accessor = accessor, error.cause = %error, "OpenBao tells of a token in a shape that cannot be read");
            return Ok(Verdict::Unread);
        }
        Err(error) => return Err(error.into()),
    };
    if !info.role.as_deref().is_some_and(is_ours) {
        app.foreign.lock().insert(accessor.to_owned());
        return Ok(Verdict::Leave);
    }
    let whose = info.meta.as_ref().and_then(|meta| meta.get("vendor"));
    let is_due = match cancelled {
        Some(namespace) => whose.is_some_and(|whose| whose == namespace.as_str()),
        None => app.clock.now().as_second() - info.creation_time >= GRACE,
    };
    if !is_due {
        return Ok(Verdict::Leave);
    }
    tokens::revoke_accessor(&handle, accessor).await?;
    if info.is_ending() {
        return Ok(Verdict::Dangling);
    }
    metrics::counter!("gatehouse_tokens_swept_total").increment(1);
    tracing::warn!(token.accessor = accessor, token.meta = ?info.meta, "Revoked a token that is on no record, or revoked on it");
    Ok(Verdict::Revoked)
}

impl Foreign {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
