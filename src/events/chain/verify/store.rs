//! Statements of a verification. All of it sees the database at one moment.

use jiff::Timestamp;

use super::super::digest::{Base, Head};
use super::super::store::Micros;
use crate::db::{GenericClient, Result};

/// A chain as its row says.
#[derive(Debug)]
pub struct Chain {
    /// Whose; 0 for events of no vendor.
    pub vendor: i64,
    /// The vendor's namespace.
    pub namespace: Option<String>,
    /// The last block.
    pub head_seq: i64,
    /// Its hash.
    pub head_hash: Vec<u8>,
    /// The last block that went.
    pub base_seq: i64,
    /// Its hash.
    pub base_hash: Vec<u8>,
    /// Events before this may be gone.
    pub removed_before: Option<Micros>,
    /// Which version of the key signed the base, and how.
    pub signature: Option<(i32, Vec<u8>)>,
}

impl Chain {
    /// What is signed of its beginning.
    #[must_use]
    pub fn base(&self) -> Option<Base> {
        Some(Base {
            vendor: self.vendor,
            seq: self.base_seq,
            hash: self.base_hash.clone(),
            removed_before: self.removed_before?.0,
        })
    }
}

/// Makes the transaction one that sees a single moment, changes nothing, and may take its time.
///
/// # Errors
/// Where the database does not answer.
pub async fn settle(client: &impl GenericClient) -> Result<()> {
    Ok(client
        .batch_execute(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0; \
             SET LOCAL idle_in_transaction_session_timeout = 0",
        )
        .await?)
}

/// The chains: of one vendor, or all.
///
/// # Errors
/// Where the database does not answer.
pub async fn chains(client: &impl GenericClient, only: Option<i64>) -> Result<Vec<Chain>> {
    let sql = "SELECT c.vendor_id, v.namespace, head_seq, head_hash, base_seq, base_hash, removed_before, base_key_version, \
                      base_signature \
               FROM event_chains c LEFT JOIN vendors v ON v.id = c.vendor_id \
               WHERE $1::bigint IS NULL OR c.vendor_id = $1 ORDER BY c.vendor_id";
    let rows = client.query(sql, &[&only]).await?;
    rows.iter()
        .map(|row| {
            let version: Option<i32> = row.try_get("base_key_version")?;
            let signature: Option<Vec<u8>> = row.try_get("base_signature")?;
            Ok(Chain {
                vendor: row.try_get("vendor_id")?,
                namespace: row.try_get("namespace")?,
                head_seq: row.try_get("head_seq")?,
                head_hash: row.try_get("head_hash")?,
                base_seq: row.try_get("base_seq")?,
                base_hash: row.try_get("base_hash")?,
                removed_before: row.try_get("removed_before")?,
                signature: version.zip(signature),
            })
        })
        .collect()
}

/// What stands where a checkpoint names a head.
#[derive(Debug)]
pub struct Named {
    /// The vendor's namespace.
    pub namespace: Option<String>,
    /// The hash of that block, if it is there.
    pub hash: Option<Vec<u8>>,
    /// Where its chain begins: the last block that went, and its hash. `None` where there is no such chain.
    pub base: Option<(i64, Vec<u8>)>,
}

/// What stands where heads are named, each in its place.
///
/// # Errors
/// Where the database does not answer.
pub async fn named(client: &impl GenericClient, heads: &[Head]) -> Result<Vec<Named>> {
    let vendors: Vec<i64> = heads.iter().map(|head| head.vendor).collect();
    let seqs: Vec<i64> = heads.iter().map(|head| head.seq).collect();
    let sql = "SELECT v.namespace, b.hash, c.base_seq, c.base_hash \
               FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS h (vendor_id, seq, place) \
               LEFT JOIN LATERAL (SELECT hash FROM event_blocks b WHERE b.vendor_id = h.vendor_id AND b.seq = h.seq LIMIT 1) b \
                   ON true \
               LEFT JOIN event_chains c ON c.vendor_id = h.vendor_id \
               LEFT JOIN vendors v ON v.id = h.vendor_id \
               ORDER BY h.place";
    let rows = client.query(sql, &[&vendors, &seqs]).await?;
    rows.iter()
        .map(|row| {
            let seq: Option<i64> = row.try_get("base_seq")?;
            let hash: Option<Vec<u8>> = row.try_get("base_hash")?;
            Ok(Named {
                namespace: row.try_get("namespace")?,
                hash: row.try_get("hash")?,
                base: seq.zip(hash),
            })
        })
        .collect()
}

/// The first block that no chain leads to: whose, the namespace, its number and when it was made.
///
/// # Errors
/// Where the database does not answer.
pub async fn unknown_block(
    client: &impl GenericClient,
    only: Option<i64>,
) -> Result<Option<(i64, Option<String>, i64, Micros)>> {
    let sql = "SELECT b.vendor_id, v.namespace, b.seq, b.chained_at FROM event_blocks b \
               LEFT JOIN event_chains c ON c.vendor_id = b.vendor_id LEFT JOIN vendors v ON v.id = b.vendor_id \
               WHERE ($1::bigint IS NULL OR b.vendor_id = $1) \
                 AND (c.vendor_id IS NULL OR b.seq <= c.base_seq OR b.seq > c.head_seq) \
               ORDER BY b.chained_at LIMIT 1";
    let row = client.query_opt(sql, &[&only]).await?;
    row.map(|row| {
        Ok((
            row.try_get("vendor_id")?,
            row.try_get("namespace")?,
            row.try_get("seq")?,
            row.try_get("chained_at")?,
        ))
    })
    .transpose()
}

/// A row that neither a block nor the queue knows.
#[derive(Debug)]
pub struct Unknown {
    /// Whose; 0 for none.
    pub vendor: i64,
    /// The vendor's namespace.
    pub namespace: Option<String>,
    /// Its id.
    pub id: i64,
    /// When it was; `None` where the row says a time that is none.
    pub at: Option<Timestamp>,
    /// What.
    pub action: String,
}

/// The first such row. What retention may remove at any time is not looked at.
///
/// # Errors
/// Where the database does not answer.
pub async fn unknown_row(
    client: &impl GenericClient,
    only: Option<i64>,
) -> Result<Option<Unknown>> {
    // Two long lists are compared: by looking one up in the other row by row this would take for ever.
    client
        .batch_execute("SET LOCAL enable_nestloop = off")
        .await?;
    let sql = "SELECT coalesce(e.vendor_id, 0) AS vendor_id, v.namespace, e.id, e.at, coalesce(e.action, '') AS action \
               FROM events e \
               LEFT JOIN (SELECT k.id, CASE WHEN k.at BETWEEN -62135596800000000 AND 253402214400000000 \
                                       THEN timestamptz 'epoch' + k.at * interval '1 microsecond' END AS at \
                          FROM event_blocks b, unnest(b.event_ids, b.event_ats) AS k (id, at) \
                          WHERE $1::bigint IS NULL OR b.vendor_id = $1 \
                          UNION ALL \
                          SELECT event_id, event_at FROM events_to_chain) known ON known.id = e.id AND known.at = e.at \
               LEFT JOIN event_chains c ON c.vendor_id = coalesce(e.vendor_id, 0) \
               LEFT JOIN vendors v ON v.id = e.vendor_id \
               WHERE known.id IS NULL AND (c.removed_before IS NULL OR e.at >= c.removed_before) \
                 AND ($1::bigint IS NULL OR coalesce(e.vendor_id, 0) = $1) \
               ORDER BY e.at, e.id LIMIT 1";
    let row = client.query_opt(sql, &[&only]).await?;
    row.map(|row| {
        Ok(Unknown {
            vendor: row.try_get("vendor_id")?,
            namespace: row.try_get("namespace")?,
            id: row.try_get("id")?,
            at: row
                .try_get::<_, Option<Micros>>("at")?
                .and_then(Micros::moment),
            action: row.try_get("action")?,
        })
    })
    .transpose()
}

/// How many events wait to be chained.
///
/// # Errors
/// Where the database does not answer.
pub async fn waiting(client: &impl GenericClient, only: Option<i64>) -> Result<i64> {
    let sql = "SELECT count(*) AS number FROM events_to_chain WHERE $1::bigint IS NULL OR coalesce(vendor_id, 0) = $1";
    let row = client.query_one(sql, &[&only]).await?;
    Ok(row.try_get("number")?)
}
