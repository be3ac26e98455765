//! Finds what a crash left, tokens of our roles that are on no record, and what a restore of OpenBao brought back: those that
//! were revoked.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;

use super::{is_ours, store};
use crate::app::App;
use crate::error::Result;
use crate::types::Namespace;
use crate::vault::{self, tokens};

/// A token younger than this may still be on its way into the ledger, and one that was revoked since may have been listed before.
/// Seconds.
const GRACE: i64 = 60;
const CHUNK: usize = 1000;

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
}

/// Lists all live tokens and revokes those of our roles, older than a minute, that no row of the ledger names, or one that has
/// them as revoked for as long.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn sweep(app: &App) -> Result<Swept> {
    all_of(app, None).await
}

/// The same for a vendor that was cancelled: no token of it is on its way into the ledger, so those younger than a minute go
/// too.
///
/// # Errors
/// Where OpenBao or the database does not answer.
pub async fn sweep_cancelled(app: &App, namespace: &Namespace) -> Result<Swept> {
    all_of(app, Some(namespace)).await
}

async fn all_of(app: &App, cancelled: Option<&Namespace>) -> Result<Swept> {
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
    let live: HashSet<&String> = listed.iter().collect();
    foreign.lock().retain(|accessor| live.contains(accessor));
    let unjudged: Vec<String> = listed
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
    Ok(report)
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
