//! Statements on events.

use jiff::Timestamp;

use super::{Event, whereabouts};
use crate::db::{GenericClient, Result};
use crate::telemetry::Current;
use crate::types::SecretId;

/// Adds an event.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    event: &Event<'_>,
    request: &Current,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO events (at, vendor_id, actor, action, outcome, code, secret_id, issuance_id, client_address, \
                                   user_agent, request_id, details) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, nullif($10, ''), nullif($11, ''), $12)";
    let (outcome, code) = event.outcome.parts();
    let vendor = event.vendor.map(|id| id.0);
    let secret_id = event.secret_id.map(SecretId::as_str);
    let issuance = event.issuance.map(|id| id.0);
    let (address, user_agent) = whereabouts(event.actor, request);
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(
            &statement,
            &[
                &now,
                &vendor,
                &event.actor,
                &event.action,
                &outcome,
                &code,
                &secret_id,
                &issuance,
                &address,
                &user_agent,
                &request.request_id,
                &event.details,
            ],
        )
        .await?;
    Ok(())
}
