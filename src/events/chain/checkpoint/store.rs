//! Statements on checkpoints.

use jiff::Timestamp;

use super::super::digest::{Checkpoint, Head};
use super::super::store::Micros;
use super::Mark;
use crate::db::{GenericClient, Result};

/// A checkpoint as it is stored.
#[derive(Debug)]
pub struct Stored {
    /// What it says.
    pub said: Checkpoint,
    /// Its hash, as the row has it.
    pub hash: Vec<u8>,
    /// Which version of the key.
    pub key_version: i32,
    /// By it.
    pub signature: Vec<u8>,
}

/// Chains behind one whose head no checkpoint names yet.
///
/// # Errors
/// Where the database does not answer.
pub async fn moved(client: &impl GenericClient, behind: i64, most: i64) -> Result<Vec<Head>> {
    let sql = "SELECT vendor_id, head_seq, head_hash FROM event_chains WHERE head_seq <> named_seq AND vendor_id > $1 \
               ORDER BY vendor_id LIMIT $2";
    let rows = client.query(sql, &[&behind, &most]).await?;
    rows.iter().map(head).collect()
}

/// Those of these chains whose head no checkpoint names yet. None of them moves until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock_moved(client: &impl GenericClient, vendors: &[i64]) -> Result<Vec<Head>> {
    let sql = "SELECT vendor_id, head_seq, head_hash FROM event_chains WHERE head_seq <> named_seq AND vendor_id = ANY ($1) \
               ORDER BY vendor_id FOR UPDATE";
    let rows = client.query(sql, &[&vendors]).await?;
    rows.iter().map(head).collect()
}

fn head(row: &tokio_postgres::Row) -> Result<Head> {
    Ok(Head {
        vendor: row.try_get("vendor_id")?,
        seq: row.try_get("head_seq")?,
        hash: row.try_get("head_hash")?,
    })
}

/// What leads from the head of a chain that was signed to the one it has now.
#[derive(Debug)]
pub struct Lineage {
    /// The last block that retention removed.
    pub base_seq: i64,
    /// The hash of the block that was signed.
    pub signed: Option<Vec<u8>>,
    /// The hash of the block at the head.
    pub head: Option<Vec<u8>>,
    /// How many blocks behind the signed one name the block before them, up to the head.
    pub linked: i64,
}

/// What leads from each of the signed heads to the sequence number beside it, each in its place.
///
/// # Errors
/// Where the database does not answer, or a chain is not there.
pub async fn lineages(
    client: &impl GenericClient,
    signed: &[&Head],
    heads: &[i64],
) -> Result<Vec<Lineage>> {
    let vendors: Vec<i64> = signed.iter().map(|head| head.vendor).collect();
    let seqs: Vec<i64> = signed.iter().map(|head| head.seq).collect();
    let sql = "SELECT coalesce(c.base_seq, 0) AS base_seq, s.hash AS signed, t.hash AS head, l.linked \
               FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS h (vendor_id, signed, head, place) \
               LEFT JOIN event_chains c ON c.vendor_id = h.vendor_id \
               LEFT JOIN event_blocks s ON s.vendor_id = h.vendor_id AND s.seq = h.signed \
               LEFT JOIN event_blocks t ON t.vendor_id = h.vendor_id AND t.seq = h.head \
               CROSS JOIN LATERAL ( \
                   SELECT count(*) AS linked FROM event_blocks b \
                   JOIN event_blocks p ON p.vendor_id = b.vendor_id AND p.seq = b.seq - 1 AND p.hash = b.previous \
                   WHERE b.vendor_id = h.vendor_id AND b.seq > h.signed AND b.seq <= h.head) l \
               ORDER BY h.place";
    let rows = client.query(sql, &[&vendors, &seqs, &heads]).await?;
    rows.iter()
        .map(|row| {
            Ok(Lineage {
                base_seq: row.try_get("base_seq")?,
                signed: row.try_get("signed")?,
                head: row.try_get("head")?,
                linked: row.try_get("linked")?,
            })
        })
        .collect()
}

/// Notes which heads the newest checkpoint names.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_named(client: &impl GenericClient, vendors: &[i64]) -> Result<()> {
    let sql = "UPDATE event_chains SET named_seq = head_seq WHERE vendor_id = ANY ($1)";
    client.execute(sql, &[&vendors]).await?;
    Ok(())
}

/// The number and the hash of the newest checkpoint.
///
/// # Errors
/// Where the database does not answer.
pub async fn newest(client: &impl GenericClient) -> Result<Option<(i64, Vec<u8>)>> {
    let sql = "SELECT number, hash FROM event_checkpoints ORDER BY number DESC LIMIT 1";
    let row = client.query_opt(sql, &[]).await?;
    row.map(|row| Ok((row.try_get("number")?, row.try_get("hash")?)))
        .transpose()
}

/// The newest checkpoint.
///
/// # Errors
/// Where the database does not answer.
pub async fn newest_whole(client: &impl GenericClient) -> Result<Option<Stored>> {
    let sql = "SELECT number, at, previous, first, vendor_ids, seqs, hashes, hash, key_version, signature \
               FROM event_checkpoints ORDER BY number DESC LIMIT 1";
    let row = client.query_opt(sql, &[]).await?;
    row.as_ref().map(read).transpose()
}

/// The newest checkpoints that name these chains.
///
/// # Errors
/// Where the database does not answer.
pub async fn naming(client: &impl GenericClient, vendors: &[i64]) -> Result<Vec<Stored>> {
    let sql = "SELECT number, at, previous, first, vendor_ids, seqs, hashes, hash, key_version, signature \
               FROM event_checkpoints WHERE number IN ( \
                   SELECT n.number FROM unnest($1::bigint[]) AS h (vendor_id) CROSS JOIN LATERAL ( \
                       SELECT c.number FROM event_checkpoints c WHERE c.vendor_ids @> ARRAY[h.vendor_id] \
                       ORDER BY c.number DESC LIMIT 1) n) \
               ORDER BY number";
    let rows = client.query(sql, &[&vendors]).await?;
    rows.iter().map(read).collect()
}

/// The number of the oldest checkpoint.
///
/// # Errors
/// Where the database does not answer.
pub async fn oldest(client: &impl GenericClient) -> Result<Option<i64>> {
    let sql = "SELECT number FROM event_checkpoints ORDER BY number LIMIT 1";
    let row = client.query_opt(sql, &[]).await?;
    row.map(|row| Ok(row.try_get("number")?)).transpose()
}

/// Whether the checkpoint that OpenBao remembers is there.
///
/// # Errors
/// Where the database does not answer.
pub async fn has(client: &impl GenericClient, mark: &Mark) -> Result<bool> {
    let sql =
        "SELECT FROM event_checkpoints WHERE number = $1 AND encode(hash, 'hex') = $2 LIMIT 1";
    let row = client.query_opt(sql, &[&mark.number, &mark.hash]).await?;
    Ok(row.is_some())
}

/// Adds a checkpoint.
///
/// # Errors
/// Where the database does not answer, or there is one of that number: another replica was faster.
pub async fn add(client: &impl GenericClient, one: &Stored, at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO event_checkpoints (number, at, previous, first, vendor_ids, seqs, hashes, hash, key_version, signature) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let heads = &one.said.heads;
    let vendors: Vec<i64> = heads.iter().map(|head| head.vendor).collect();
    let seqs: Vec<i64> = heads.iter().map(|head| head.seq).collect();
    let hashes: Vec<&[u8]> = heads.iter().map(|head| &*head.hash).collect();
    client
        .execute(
            sql,
            &[
                &one.said.number,
                &at,
                &one.said.previous,
                &one.said.first,
                &vendors,
                &seqs,
                &hashes,
                &one.hash,
                &one.key_version,
                &one.signature,
            ],
        )
        .await?;
    Ok(())
}

/// Checkpoints from a number on, in order.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(client: &impl GenericClient, from: i64, most: i64) -> Result<Vec<Stored>> {
    let sql = "SELECT number, at, previous, first, vendor_ids, seqs, hashes, hash, key_version, signature \
               FROM event_checkpoints WHERE number >= $1 ORDER BY number LIMIT $2";
    let rows = client.query(sql, &[&from, &most]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &tokio_postgres::Row) -> Result<Stored> {
    let at: Option<Micros> = row.try_get("at")?;
    // Lists that cannot be read were never written by us either.
    let vendors: Vec<i64> = row.try_get("vendor_ids").unwrap_or_default();
    let seqs: Vec<i64> = row.try_get("seqs").unwrap_or_default();
    let hashes: Vec<Vec<u8>> = row.try_get("hashes").unwrap_or_default();
    // Lists of different lengths were never written by us: cut short they give another hash.
    let heads = vendors.into_iter().zip(seqs).zip(hashes);
    let heads = heads.map(|((vendor, seq), hash)| Head { vendor, seq, hash });
    Ok(Stored {
        said: Checkpoint {
            number: row.try_get("number")?,
            at: at.unwrap_or_default().0,
            previous: row.try_get("previous")?,
            first: row.try_get("first")?,
            heads: heads.collect(),
        },
        hash: row.try_get("hash")?,
        key_version: row.try_get("key_version")?,
        signature: row.try_get("signature")?,
    })
}

/// The oldest checkpoint that was made at or after a time.
///
/// # Errors
/// Where the database does not answer.
pub async fn first_since(client: &impl GenericClient, at: Timestamp) -> Result<Option<i64>> {
    let sql = "SELECT number FROM event_checkpoints WHERE at >= $1 ORDER BY number LIMIT 1";
    let row = client.query_opt(sql, &[&at]).await?;
    row.map(|row| Ok(row.try_get("number")?)).transpose()
}

/// The first checkpoints since a time that name a block of a chain, or one behind it.
///
/// # Errors
/// Where the database does not answer.
pub async fn naming_since(
    client: &impl GenericClient,
    vendor: i64,
    seq: i64,
    since: Timestamp,
    most: i64,
) -> Result<Vec<Stored>> {
    let sql = "SELECT number, at, previous, first, vendor_ids, seqs, hashes, hash, key_version, signature \
               FROM event_checkpoints WHERE at >= $1 AND seqs[array_position(vendor_ids, $2)] >= $3 \
               ORDER BY at, number LIMIT $4";
    let rows = client.query(sql, &[&since, &vendor, &seq, &most]).await?;
    rows.iter().map(read).collect()
}

/// When the oldest block was made that is there of any chain.
///
/// # Errors
/// Where the database does not answer.
pub async fn oldest_block(client: &impl GenericClient) -> Result<Option<Micros>> {
    let sql = "SELECT min(b.chained_at) AS oldest FROM event_chains c \
               JOIN event_blocks b ON b.vendor_id = c.vendor_id AND b.seq = c.base_seq + 1";
    Ok(client.query_one(sql, &[]).await?.try_get("oldest")?)
}

/// Lets statements of this transaction take their time.
///
/// # Errors
/// Where the database does not answer.
pub async fn be_patient(client: &impl GenericClient) -> Result<()> {
    Ok(client
        .batch_execute("SET LOCAL statement_timeout = '120s'")
        .await?)
}

/// Removes the checkpoints before a number.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove_before(client: &impl GenericClient, number: i64) -> Result<u64> {
    client
        .execute("SELECT set_config('gatehouse.retention', 'on', true)", &[])
        .await?;
    let sql = "DELETE FROM event_checkpoints WHERE number < $1";
    Ok(client.execute(sql, &[&number]).await?)
}
