//! Statements on the queue, the blocks and the heads.

use jiff::Timestamp;

use super::digest::{Block, Row};
use crate::db::{Error, GenericClient, Result};

/// An event that waits to be chained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queued {
    /// Its id.
    pub id: i64,
    /// When it was.
    pub at: Timestamp,
    /// Whose; 0 for none.
    pub vendor: i64,
}

/// Takes the next events from the queue, in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn take(client: &impl GenericClient, most: i64) -> Result<Vec<Queued>> {
    // By where the rows lie: by their keys the whole of a long queue would be gone through for each batch.
    let sql = "DELETE FROM events_to_chain WHERE ctid = ANY (ARRAY( \
                   SELECT ctid FROM events_to_chain ORDER BY event_id, event_at LIMIT $1 FOR UPDATE SKIP LOCKED)) \
               RETURNING event_id, event_at, coalesce(vendor_id, 0) AS vendor_id";
    let rows = client.query(sql, &[&most]).await?;
    let mut taken = rows
        .iter()
        .map(|row| {
            Ok(Queued {
                id: row.try_get("event_id")?,
                at: row.try_get("event_at")?,
                vendor: row.try_get("vendor_id")?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    taken.sort_unstable();
    Ok(taken)
}

/// The rows of these events, as they are now, each in its place. Each is looked up by its key: a join could take the
/// whole trail for a batch.
///
/// # Errors
/// Where the database does not answer.
pub async fn rows(
    client: &impl GenericClient,
    ids: &[i64],
    ats: &[Timestamp],
) -> Result<Vec<Option<Row>>> {
    let sql = "SELECT e.* FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS k (id, at, place) \
               LEFT JOIN LATERAL ( \
                   SELECT id, vendor_id, actor, action, outcome, code, secret_id, issuance_id, client_address, user_agent, \
                          request_id, details::text AS details \
                   FROM events e WHERE e.at = k.at AND e.id = k.id LIMIT 1) e ON true \
               ORDER BY k.place";
    let rows = client.query(sql, &[&ids, &ats]).await?;
    if rows.len() != ids.len() {
        return Err(Error::Corrupt("events"));
    }
    rows.iter()
        .zip(ats)
        .map(|(row, at)| read(row, *at))
        .collect()
}

fn read(row: &tokio_postgres::Row, at: Timestamp) -> Result<Option<Row>> {
    let Some(id) = row.try_get("id")? else {
        return Ok(None);
    };
    Ok(Some(Row {
        id,
        at: at.as_microsecond(),
        vendor: row.try_get("vendor_id")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        outcome: row.try_get("outcome")?,
        code: row.try_get("code")?,
        secret_id: row.try_get("secret_id")?,
        issuance: row.try_get("issuance_id")?,
        address: row.try_get("client_address")?,
        agent: row.try_get("user_agent")?,
        request_id: row.try_get("request_id")?,
        details: row.try_get("details")?,
    }))
}

/// Begins a chain, unless it has begun, and gives its head: no other transaction moves it until this one ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock_head(
    client: &impl GenericClient,
    vendor: i64,
    genesis: &[u8],
) -> Result<(i64, Vec<u8>)> {
    let begin = "INSERT INTO event_chains (vendor_id, head_seq, head_hash, base_hash) VALUES ($1, 0, $2, $2) \
                 ON CONFLICT DO NOTHING";
    client.execute(begin, &[&vendor, &genesis]).await?;
    let sql = "SELECT head_seq, head_hash FROM event_chains WHERE vendor_id = $1 FOR UPDATE";
    let row = client.query_one(sql, &[&vendor]).await?;
    Ok((row.try_get("head_seq")?, row.try_get("head_hash")?))
}

/// Adds a block and moves the head of its chain there.
///
/// # Errors
/// Where the database does not answer, or the block is there already.
pub async fn add_block(
    client: &impl GenericClient,
    block: &Block,
    chained_at: Timestamp,
    hash: &[u8],
) -> Result<()> {
    let sql = "WITH moved AS (UPDATE event_chains SET head_seq = $2, head_hash = $8 WHERE vendor_id = $1) \
               INSERT INTO event_blocks (vendor_id, seq, chained_at, event_ids, event_ats, digests, previous, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    client
        .execute(
            sql,
            &[
                &block.vendor,
                &block.seq,
                &chained_at,
                &block.ids,
                &block.ats,
                &block.digests,
                &block.previous,
                &hash,
            ],
        )
        .await?;
    Ok(())
}

/// How many events wait, counted up to a limit, and when the first in order was.
///
/// # Errors
/// Where the database does not answer.
pub async fn waiting(client: &impl GenericClient, limit: i64) -> Result<(i64, Option<Timestamp>)> {
    let sql = "SELECT (SELECT count(*) FROM (SELECT FROM events_to_chain LIMIT $1) AS counted) AS number, \
                      (SELECT event_at FROM events_to_chain ORDER BY event_id, event_at LIMIT 1) AS first_at";
    let row = client.query_one(sql, &[&limit]).await?;
    Ok((row.try_get("number")?, row.try_get("first_at")?))
}

/// When the oldest event was that waits, of one chain or of all.
///
/// # Errors
/// Where the database does not answer.
pub async fn oldest_waiting(
    client: &impl GenericClient,
    vendor: Option<i64>,
) -> Result<Option<Timestamp>> {
    let sql = "SELECT min(event_at) AS oldest FROM events_to_chain WHERE $1::bigint IS NULL OR coalesce(vendor_id, 0) = $1";
    let row = client.query_one(sql, &[&vendor]).await?;
    Ok(row.try_get("oldest")?)
}
