//! Keeps tokens alive whose holders do not renew them, and says when one comes near an end that nothing can put off.

mod store;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::revoke;
use crate::app::App;
use crate::error::Result;
use crate::events::Event;
use crate::types::WorkerId;
use crate::vault::{self, tokens};
use crate::webhooks::{MessageType, outbox};
use store::{Due, Ending};

const BATCH: i64 = 100;
const AT_ONCE: usize = 8;
/// Of one pass.
const LONGEST: Duration = Duration::from_secs(20);
/// How long before its end a token is noted as ending.
const NOTICE: SignedDuration = SignedDuration::from_hours(3 * 24);
const ACTOR: &str = "task:renew_tokens";

/// What a pass did.
#[derive(Default)]
pub struct Passed {
    /// Tokens renewed.
    pub renewed: usize,
    /// Tokens that OpenBao knows no more.
    pub lost: usize,
    /// Tokens that could not be renewed yet.
    pub failed: usize,
    /// Tokens noted as ending.
    pub ending: usize,
}

/// Renews what is due, and notes what ends soon.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>) -> Result<Passed> {
    let now = app.clock.now();
    let mut passed = Passed {
        ending: note_ending(app, now).await?,
        ..Passed::default()
    };
    let began = Instant::now();
    while began.elapsed() < LONGEST && passed.failed == 0 {
        let client = app.db.all().await?;
        let due = store::claim_due(&client, now, later(now, 30), BATCH).await?;
        drop(client);
        if due.is_empty() {
            break;
        }
        renew_all(app, &due, &mut passed).await;
    }
    Ok(passed)
}

/// Renews tokens, a few at a time.
async fn renew_all(app: &Arc<App>, due: &[Due], passed: &mut Passed) {
    let renewing: Vec<_> = due
        .iter()
        .map(|token| async move { (token, renew(app, token).await) }.boxed())
        .collect();
    let mut renewed = stream::iter(renewing).buffer_unordered(AT_ONCE);
    while let Some((token, outcome)) = renewed.next().await {
        match outcome {
            Ok(true) => passed.renewed += 1,
            Ok(false) => passed.lost += 1,
            Err(error) => {
                passed.failed += 1;
                let cause = crate::error::cause_chain(&error);
                tracing::warn!(issuance.id = %token.id, error.cause = %cause, "A token could not be renewed yet");
            }
        }
    }
}

/// `false` where OpenBao knows the token no more.
async fn renew(app: &App, token: &Due) -> Result<bool> {
    let accessor = token.accessor.as_str();
    let left = token.max_expires_at.duration_since(app.clock.now());
    // OpenBao may let it live longer than was agreed on.
    let increment = format!("{}s", token.life.min(left.as_secs()).max(1));
    let increment = increment.as_str();
    let renewed = app
        .vault
        .revoker
        .call(|handle| async move { tokens::renew_accessor(&handle, accessor, increment).await })
        .await;
    let now = app.clock.now();
    let mut client = app.db.of(token.vendor).await?;
    match renewed {
        Ok(life) => {
            let life = i64::try_from(life).unwrap_or(0);
            let expires_at = later(now, life).min(token.max_expires_at);
            let gains = life >= token.life && expires_at < token.max_expires_at;
            let renew_at = gains.then(|| later(now, life / 2));
            store::mark_renewed(&client, token, expires_at, renew_at).await?;
            metrics::counter!("gatehouse_tokens_renewed_total").increment(1);
            Ok(true)
        }
        Err(vault::Error::InvalidAccessor | vault::Error::NotFound) => {
            let transaction = client.transaction().await?;
            revoke::store::mark_revoked(&transaction, token.vendor, token.id, now).await?;
            let mut event = Event::done("token.lost", Some(token.vendor), ACTOR);
            event.issuance = Some(token.id);
            event.record(&transaction, now).await?;
            transaction.commit().await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

async fn note_ending(app: &App, now: Timestamp) -> Result<usize> {
    let soon = now.checked_add(NOTICE).unwrap_or(Timestamp::MAX);
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let ending = store::claim_ending(&transaction, now, soon, BATCH).await?;
    for Ending {
        id,
        vendor,
        worker,
        max_expires_at,
    } in &ending
    {
        let mut event = Event::done("token.ends_soon", Some(*vendor), ACTOR);
        event.issuance = Some(*id);
        let worker = worker.map(|id| WorkerId(id).to_string());
        event.details = json!({ "endsAt": max_expires_at, "worker": worker });
        event.record(&transaction, now).await?;
        let data = json!({ "issuanceId": id, "endsAt": max_expires_at, "worker": worker });
        outbox::enqueue(
            &transaction,
            *vendor,
            MessageType::TokenEndsSoon,
            &data,
            now,
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(ending.len())
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}
