//! Statements on the queue, the blocks and the heads.

use jiff::Timestamp;
use tokio_postgres::types::{FromSql, Type, accepts};

use super::digest::{Block, Row};
use crate::db::{Error, GenericClient, Result};

/// The years 1 to 9999, in microseconds since 1970.
const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_214_400_000_000;
/// From 1970 to 2000, where PostgreSQL counts from.
const TO_2000: i64 = 946_684_800_000_000;

/// A time in microseconds since 1970. Reads whatever PostgreSQL can hold, as
/// somebody may have written what keeps all else from being read: what is read, and is no time that the service
/// wrote, has another hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub i64);

impl Micros {
    /// As a time; `None` where it is none that can be meant.
    #[must_use]
    pub fn moment(self) -> Option<Timestamp> {
        let is_meant = (FIRST..LAST).contains(&self.0);
        Timestamp::from_microsecond(self.0)
            .ok()
            .filter(|_| is_meant)
    }
}

impl FromSql<'_> for Micros {
    fn from_sql(
        _: &Type,
        raw: &[u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let since_2000 = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(since_2000.saturating_add(TO_2000)))
    }

    accepts!(TIMESTAMPTZ);
}

/// A block as it is stored.
#[derive(Debug)]
pub struct StoredBlock {
    /// What it holds.
    pub block: Block,
    /// Its hash, as the row has it.
    pub hash: Vec<u8>,
}

impl StoredBlock {
    /// Whether it has the hash that its row says.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let block = &self.block;
        block.hash()[..] == self.hash
            && block.ids.len() == block.ats.len()
            && block.digests.len() == block.ids.len() * 32
    }

    /// Whether it is whole, and the next behind this one.
    #[must_use]
    pub fn follows(&self, seq: i64, hash: &[u8]) -> bool {
        self.block.seq == seq + 1 && self.block.previous == hash && self.is_whole()
    }
}

/// An event that waits to be chained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queued {
    /// Its id.
    pub id: i64,
    /// When it was: no more than what the queue says, which may be no time at all.
    pub at: Micros,
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

/// What stands where an event was chained.
#[derive(Debug)]
pub struct Found {
    /// A row of that key.
    pub row: Row,
    /// How many rows have that key.
    pub copies: i64,
    /// Whether the columns that PostgreSQL makes from others are what they should be.
    pub is_derived: bool,
}

/// Whether there is such a vendor.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_vendor(client: &impl GenericClient, vendor: i64) -> Result<bool> {
    let sql = "SELECT FROM vendors WHERE id = $1";
    Ok(client.query_opt(sql, &[&vendor]).await?.is_some())
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
) -> Result<Vec<Option<Found>>> {
    let sql = "SELECT e.* FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS k (id, at, place) \
               LEFT JOIN LATERAL ( \
                   SELECT id, vendor_id, actor, action, outcome, code, secret_id, issuance_id, client_address, user_agent, \
                          request_id, details::text AS details, count(*) OVER () AS copies, \
                          caller_kind IS NOT DISTINCT FROM split_part(actor, ':', 1) \
                              AND openbao_request_id IS NOT DISTINCT FROM (details ->> 'openbaoRequestId') AS is_derived \
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

fn read(row: &tokio_postgres::Row, at: Timestamp) -> Result<Option<Found>> {
    let Some(id) = row.try_get("id")? else {
        return Ok(None);
    };
    // Whoever owns the table may have let nothing stand where something has to: that has another digest.
    let text = |name| {
        let read = row.try_get::<_, Option<String>>(name);
        Ok::<_, Error>(read?.unwrap_or_default())
    };
    let read = Row {
        id,
        at: at.as_microsecond(),
        vendor: row.try_get("vendor_id")?,
        actor: text("actor")?,
        action: text("action")?,
        outcome: text("outcome")?,
        code: row.try_get("code")?,
        secret_id: row.try_get("secret_id")?,
        issuance: row.try_get("issuance_id")?,
        address: row.try_get("client_address")?,
        agent: row.try_get("user_agent")?,
        request_id: row.try_get("request_id")?,
        details: text("details")?,
    };
    Ok(Some(Found {
        row: read,
        copies: row.try_get("copies")?,
        is_derived: row
            .try_get::<_, Option<bool>>("is_derived")?
            .unwrap_or(false),
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
    let first_at: Option<Micros> = row.try_get("first_at")?;
    Ok((row.try_get("number")?, first_at.and_then(Micros::moment)))
}

/// When the oldest event was that waits, of one chain or of all.
///
/// # Errors
/// Where the database does not answer.
pub async fn oldest_waiting(
    client: &impl GenericClient,
    vendor: Option<i64>,
) -> Result<Option<Timestamp>> {
    // Others are no times, and are set aside.
    let sql = "SELECT min(event_at) AS oldest FROM events_to_chain WHERE ($1::bigint IS NULL OR coalesce(vendor_id, 0) = $1) \
                 AND event_at >= '0001-01-01Z' AND event_at < '9999-12-31Z'";
    let row = client.query_one(sql, &[&vendor]).await?;
    Ok(row.try_get("oldest")?)
}

/// Blocks behind one, in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn blocks(
    client: &impl GenericClient,
    vendor: i64,
    behind: i64,
    most: i64,
) -> Result<Vec<StoredBlock>> {
    let sql = "SELECT seq, chained_at, event_ids, event_ats, digests, previous, hash FROM event_blocks \
               WHERE vendor_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let rows = client.query(sql, &[&vendor, &behind, &most]).await?;
    rows.iter()
        .map(|row| {
            let chained_at: Option<Micros> = row.try_get("chained_at")?;
            Ok(StoredBlock {
                block: Block {
                    vendor,
                    seq: row.try_get("seq")?,
                    chained_at: chained_at.unwrap_or_default().0,
                    // Lists that cannot be read are none that we wrote.
                    ids: row.try_get("event_ids").unwrap_or_default(),
                    ats: row.try_get("event_ats").unwrap_or_default(),
                    digests: row.try_get("digests")?,
                    previous: row.try_get("previous")?,
                },
                hash: row.try_get("hash")?,
            })
        })
        .collect()
}
