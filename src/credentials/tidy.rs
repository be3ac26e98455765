//! What is to be done about credentials without being asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::access::Caller;
use super::create::undo_one;
use super::store;
use crate::app::App;
use crate::error::Result;
use crate::vendors::create;
use crate::webhooks::{MessageType, outbox};

const BATCH: i64 = 100;
/// Of one pass.
const LONGEST: Duration = Duration::from_secs(20);
/// How long before the date its owner set a credential is to be changed somebody is reminded.
const NOTICE: SignedDuration = SignedDuration::from_hours(7 * 24);
const ACTOR: &str = "task:tidy_credentials";

/// Removes what a crash left of credentials that were being made, and gives how many were and how many could not be.
///
/// # Errors
/// Where the database does not answer.
pub async fn unfinished(app: &Arc<App>) -> Result<(usize, usize)> {
    let (began, mut removed) = (Instant::now(), 0);
    while began.elapsed() < LONGEST {
        let claim = Uuid::now_v7();
        let client = app.db.all().await?;
        let left = store::claim_unfinished(&client, claim).await?;
        drop(client);
        let Some(left) = left else { break };
        let by = Caller {
            vendor: create::reload(app, left.vendor).await?,
            worker: None,
            actor: ACTOR.to_owned(),
            key: None,
        };
        if let Err(error) = undo_one(app, &by, left.id, &left.key, claim).await {
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(credential.id = left.id.0, error.cause = %cause, "What is left of a credential could not be removed yet");
            // OpenBao is away: the next pass goes on.
            return Ok((removed, 1));
        }
        removed += 1;
    }
    Ok((removed, 0))
}

/// Says of each credential once that it should be changed soon, and gives of how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn remind(app: &Arc<App>) -> Result<usize> {
    let now = app.clock.now();
    let soon = now.checked_add(NOTICE).unwrap_or(Timestamp::MAX);
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let due = store::claim_to_rotate(&transaction, now, soon, BATCH).await?;
    for (vendor, key, rotate_by) in &due {
        let mut event = crate::events::Event::done("credential.rotation_due", Some(*vendor), ACTOR);
        event.details = json!({ "key": key, "rotateBy": rotate_by });
        event.record(&transaction, now).await?;
        let about = MessageType::CredentialRotationDue;
        outbox::enqueue(&transaction, *vendor, about, &event.details, now).await?;
    }
    transaction.commit().await?;
    Ok(due.len())
}
