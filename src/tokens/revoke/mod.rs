//! Ends tokens that are marked for it in the ledger.

pub mod store;

use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::error::Result;
use crate::vault::tokens;

pub use store::Doomed;

const BATCH: i64 = 100;

/// Revokes tokens now, and gives how many are dead. One that fails stays marked, and is tried again by [`pass`].
pub async fn now(app: &App, doomed: &[Doomed]) -> usize {
    let mut dead = 0;
    for token in doomed {
        match one(app, token).await {
            Ok(()) => dead += 1,
            Err(error) => {
                let cause = crate::error::cause_chain(&error);
                tracing::warn!(
                    token.accessor = %token.accessor,
                    issuance.id = %token.id,
                    error.cause = %cause,
                    "A token could not be revoked yet"
                );
            }
        }
    }
    dead
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
    let client = app.db.get().await?;
    store::mark_revoked(&client, token.vendor, token.id, app.clock.now()).await?;
    metrics::counter!("gatehouse_tokens_revoked_total").increment(1);
    Ok(())
}

/// Tries again what is marked and due, and gives how many tokens are dead now and how many were tried.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &App) -> Result<(usize, usize)> {
    let at = app.clock.now();
    let next = at
        .checked_add(SignedDuration::from_secs(15))
        .unwrap_or(Timestamp::MAX);
    let client = app.db.get().await?;
    let due = store::claim_due(&client, at, next, BATCH).await?;
    drop(client);
    Ok((now(app, &due).await, due.len()))
}
