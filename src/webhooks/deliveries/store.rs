//! Statements on messages to webhooks: a queue, and what became of what was in it.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Delivery;
use crate::db::{GenericClient, Result};
use crate::types::{DeliveryId, KeyId, WebhookId};
use crate::webhooks::{Generation, Owner};

const COLUMNS: &str = "id, type, created_at, attempts, next_attempt_at, last_attempt_at, last_status, last_problem, \
                       delivered_at, dead_at";

fn delivery(row: &Row) -> Result<Delivery> {
    Ok(Delivery {
        id: DeliveryId(row.try_get("id")?),
        type_name: row.try_get("type")?,
        created_at: row.try_get("created_at")?,
        attempts: row.try_get("attempts")?,
        next_attempt_at: row.try_get("next_attempt_at")?,
        last_attempt_at: row.try_get("last_attempt_at")?,
        last_status: row.try_get("last_status")?,
        last_problem: row.try_get("last_problem")?,
        delivered_at: row.try_get("delivered_at")?,
        dead_at: row.try_get("dead_at")?,
    })
}

/// What is to be said.
pub struct Message {
    /// What it is about.
    pub type_name: &'static str,
    /// JSON.
    pub body: String,
    /// The pair whose public key is put into it when it is sent.
    pub key: Option<KeyId>,
}

/// Puts a message to a webhook into the queue.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    owner: Owner,
    webhook: WebhookId,
    message: &Message,
    now: Timestamp,
) -> Result<DeliveryId> {
    let sql = "INSERT INTO webhook_deliveries (vendor_id, endpoint_id, id, type, body, key_id, \
                   created_at, next_attempt_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    let id = DeliveryId::new();
    let vendor = owner.vendor().map(|vendor| vendor.0);
    let key = message.key.map(|key| key.0);
    let Message {
        type_name, body, ..
    } = message;
    client
        .execute(
            sql,
            &[&vendor, &webhook.0, &id.0, type_name, body, &key, &now],
        )
        .await?;
    Ok(id)
}

/// A message to be sent now.
pub struct Claimed {
    /// Whose.
    pub owner: Owner,
    /// Names the message.
    pub id: DeliveryId,
    /// What it is about.
    pub type_name: String,
    /// To which webhook.
    pub webhook: WebhookId,
    /// Where that is.
    pub url: String,
    /// Which of its secrets sign.
    pub generation: Generation,
    /// What is sent.
    pub body: String,
    /// The pair whose public key is put into it before.
    pub key: Option<KeyId>,
    /// How often it was sent, with this time.
    pub attempts: i32,
    /// When it was claimed: an outcome counts only while this is in the row.
    pub claimed_at: Timestamp,
}

fn claimed(row: &Row) -> Result<Claimed> {
    Ok(Claimed {
        owner: Owner::of_key(row.try_get("owner")?),
        id: DeliveryId(row.try_get("id")?),
        type_name: row.try_get("type")?,
        webhook: WebhookId(row.try_get("endpoint_id")?),
        url: row.try_get("url")?,
        generation: Generation {
            number: row.try_get("secret_generation")?,
            former_ends_at: row.try_get("former_secret_ends_at")?,
        },
        body: row.try_get("body")?,
        key: row.try_get::<_, Option<i64>>("key_id")?.map(KeyId),
        attempts: row.try_get("attempts")?,
        claimed_at: row.try_get("last_attempt_at")?,
    })
}

/// How much may be claimed.
pub struct Room<'a> {
    /// In all.
    pub most: i64,
    /// Of one owner.
    pub per_owner: i64,
    /// Owners that have enough on the way, by their keys.
    pub busy: &'a [i64],
}

/// Takes messages that are due, of the platform and of any active vendor, in turns between these. Their next try is put
/// off to `hold` first: one that is on the way when the service dies is sent again then.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim(
    client: &impl GenericClient,
    room: &Room<'_>,
    now: Timestamp,
    hold: Timestamp,
) -> Result<Vec<Claimed>> {
    let sql = "WITH due AS ( \
                 SELECT d.owner, d.id FROM ( \
                   SELECT DISTINCT o.owner FROM webhook_endpoints o LEFT JOIN vendors v ON v.id = o.owner \
                   WHERE o.owner <> ALL($5) AND (o.owner = 0 OR v.status = 'active') \
                 ) one CROSS JOIN LATERAL ( \
                   SELECT q.id, q.next_attempt_at, row_number() OVER (ORDER BY q.next_attempt_at, q.id) AS turn \
                   FROM webhook_deliveries q WHERE q.owner = one.owner AND q.next_attempt_at <= $1 \
                   ORDER BY q.next_attempt_at, q.id LIMIT $4 \
                 ) first JOIN webhook_deliveries d ON d.owner = one.owner AND d.id = first.id AND d.next_attempt_at <= $1 \
                 ORDER BY first.turn, first.next_attempt_at LIMIT $3 FOR UPDATE OF d SKIP LOCKED) \
               UPDATE webhook_deliveries d SET next_attempt_at = $2, last_attempt_at = $1, attempts = d.attempts + 1 \
               FROM due, webhook_endpoints e \
               WHERE d.owner = due.owner AND d.id = due.id AND e.owner = d.owner AND e.id = d.endpoint_id \
               RETURNING d.owner, d.id, d.endpoint_id, d.type, d.body, d.key_id, d.attempts, d.last_attempt_at, \
               e.url, e.secret_generation, e.former_secret_ends_at";
    let statement = client.prepare_cached(sql).await?;
    let rows = client
        .query(
            &statement,
            &[&now, &hold, &room.most, &room.per_owner, &room.busy],
        )
        .await?;
    rows.iter().map(claimed).collect()
}

/// What came of an attempt.
#[derive(Default)]
pub struct Outcome {
    /// The status of the answer.
    pub status: Option<i32>,
    /// What was wrong, in one fixed word.
    pub problem: Option<&'static str>,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
    /// When the receiver took it.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub dead_at: Option<Timestamp>,
}

/// Notes what came of an attempt; `false` where the message was claimed or replayed since, or is gone.
///
/// # Errors
/// Where the database does not answer.
pub async fn note(client: &impl GenericClient, of: &Claimed, outcome: &Outcome) -> Result<bool> {
    let sql = "UPDATE webhook_deliveries SET last_status = $5, last_problem = $6, next_attempt_at = $7, \
               delivered_at = $8, dead_at = $9 \
               WHERE owner = $1 AND id = $2 AND last_attempt_at = $3 AND attempts = $4 AND next_attempt_at IS NOT NULL";
    let noted = client
        .execute(
            sql,
            &[
                &of.owner.key(),
                &of.id.0,
                &of.claimed_at,
                &of.attempts,
                &outcome.status,
                &outcome.problem,
                &outcome.next_attempt_at,
                &outcome.delivered_at,
                &outcome.dead_at,
            ],
        )
        .await?;
    Ok(noted == 1)
}

/// Gives up what waits for a webhook.
///
/// # Errors
/// Where the database does not answer.
pub async fn give_up(
    client: &impl GenericClient,
    owner: Owner,
    webhook: WebhookId,
    problem: &str,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE webhook_deliveries SET next_attempt_at = NULL, dead_at = $4, last_problem = $3 \
               WHERE owner = $1 AND endpoint_id = $2 AND next_attempt_at IS NOT NULL";
    client
        .execute(sql, &[&owner.key(), &webhook.0, &problem, &now])
        .await?;
    Ok(())
}

/// Gives up the oldest messages of somebody, so that no more than `most` wait; gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn drop_oldest(
    client: &impl GenericClient,
    owner: Owner,
    most: i64,
    problem: &str,
    now: Timestamp,
) -> Result<u64> {
    let sql = "SELECT count(*) AS number FROM ( \
               SELECT FROM webhook_deliveries WHERE owner = $1 AND next_attempt_at IS NOT NULL LIMIT $2) AS waiting";
    let row = client.query_one(sql, &[&owner.key(), &(most + 1)]).await?;
    if row.try_get::<_, i64>("number")? <= most {
        return Ok(0);
    }
    // One that is on the way at the moment is left to its sender.
    let sql = "UPDATE webhook_deliveries SET next_attempt_at = NULL, dead_at = $4, last_problem = $3 WHERE owner = $1 AND id IN ( \
               SELECT id FROM webhook_deliveries WHERE owner = $1 AND id IN ( \
                   SELECT id FROM webhook_deliveries WHERE owner = $1 AND next_attempt_at IS NOT NULL \
                   ORDER BY id DESC OFFSET $2) \
               FOR UPDATE SKIP LOCKED)";
    let dropped = client
        .execute(sql, &[&owner.key(), &most, &problem, &now])
        .await?;
    Ok(dropped)
}

/// Puts a message into the queue again, as if it had never been sent; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn replay(
    client: &impl GenericClient,
    owner: Owner,
    webhook: WebhookId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE webhook_deliveries SET next_attempt_at = $4, attempts = 0, delivered_at = NULL, dead_at = NULL \
               WHERE owner = $1 AND endpoint_id = $2 AND id = $3";
    let replayed = client
        .execute(sql, &[&owner.key(), &webhook.0, &id.0, &now])
        .await?;
    Ok(replayed == 1)
}

/// A message to a webhook.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    owner: Owner,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_deliveries WHERE owner = $1 AND endpoint_id = $2 AND id = $3"
    );
    let row = client
        .query_opt(&sql, &[&owner.key(), &webhook.0, &id.0])
        .await?;
    row.as_ref().map(delivery).transpose()
}

/// A page of messages to a webhook, the newest first, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    owner: Owner,
    webhook: WebhookId,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_deliveries WHERE owner = $1 AND endpoint_id = $2 AND id < $3 \
         ORDER BY id DESC LIMIT $4"
    );
    let before = before.map_or(Uuid::max(), |id| id.0);
    let rows = client
        .query(&sql, &[&owner.key(), &webhook.0, &before, &(limit + 1)])
        .await?;
    rows.iter().map(delivery).collect()
}

/// Drops messages that were over before a time, and those that waited so long because their vendor is shut; gives how
/// many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM webhook_deliveries WHERE id IN ( \
               SELECT id FROM webhook_deliveries WHERE next_attempt_at < $1 \
               OR (next_attempt_at IS NULL AND coalesce(delivered_at, dead_at) < $1) LIMIT 10000)";
    Ok(client.execute(sql, &[&before]).await?)
}
