//! Statements behind the first page: counts over all vendors, for operators.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::db::{GenericClient, Result};
use crate::types::IssuanceId;

/// What was handed out, and what was refused, in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// Tokens handed out.
    pub issued: i64,
    /// Requests refused, and put on record.
    pub refused: i64,
}

/// By the hours since `since` in which there was anything, as counted from then on.
///
/// # Errors
/// Where the database does not answer.
pub async fn hours(
    client: &impl GenericClient,
    own: &[&str],
    since: Timestamp,
) -> Result<BTreeMap<i32, Hour>> {
    let mut hours: BTreeMap<i32, Hour> = BTreeMap::new();
    let sql = "SELECT floor(extract(epoch FROM issued_at - $2) / 3600)::int AS hour, count(*) AS number FROM issuances \
               WHERE id >= $1 AND issued_at >= $2 AND kind <> ALL($3) GROUP BY 1";
    let first = IssuanceId::first_of(since);
    for row in client.query(sql, &[&first.0, &since, &own]).await? {
        hours.entry(row.try_get("hour")?).or_default().issued = row.try_get("number")?;
    }
    let sql = "SELECT floor(extract(epoch FROM at - $1) / 3600)::int AS hour, count(*) AS number FROM events \
               WHERE at >= $1 AND outcome = 'refused' GROUP BY 1";
    for row in client.query(sql, &[&since]).await? {
        hours.entry(row.try_get("hour")?).or_default().refused = row.try_get("number")?;
    }
    Ok(hours)
}

/// The queue of webhooks.
pub struct Queue {
    /// Messages that are still to be taken.
    pub waiting: i64,
    /// When the oldest of them was put in.
    pub oldest: Option<Timestamp>,
    /// Messages given up since the time that was asked for.
    pub dead: i64,
}

/// How the queue stands.
///
/// # Errors
/// Where the database does not answer.
pub async fn queue(client: &impl GenericClient, since: Timestamp) -> Result<Queue> {
    let sql = "SELECT count(*) AS waiting, min(created_at) AS oldest FROM webhook_deliveries \
               WHERE next_attempt_at IS NOT NULL";
    let waiting = client.query_one(sql, &[]).await?;
    let sql = "SELECT count(*) AS dead FROM webhook_deliveries WHERE dead_at >= $1";
    let dead = client.query_one(sql, &[&since]).await?;
    Ok(Queue {
        waiting: waiting.try_get("waiting")?,
        oldest: waiting.try_get("oldest")?,
        dead: dead.try_get("dead")?,
    })
}
