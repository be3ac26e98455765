//! Statements on checkpoints.

use jiff::Timestamp;

use super::super::digest::{Checkpoint, Head};
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

/// Chains whose head no checkpoint names yet. None of them moves until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock_moved(client: &impl GenericClient, most: i64) -> Result<Vec<Head>> {
    let sql = "SELECT vendor_id, head_seq, head_hash FROM event_chains WHERE head_seq <> named_seq \
               ORDER BY vendor_id LIMIT $1 FOR UPDATE";
    let rows = client.query(sql, &[&most]).await?;
    rows.iter()
        .map(|row| {
            Ok(Head {
                vendor: row.try_get("vendor_id")?,
                seq: row.try_get("head_seq")?,
                hash: row.try_get("head_hash")?,
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

/// The number, the hash and the first one needed, of the newest checkpoint.
///
/// # Errors
/// Where the database does not answer.
pub async fn newest(client: &impl GenericClient) -> Result<Option<(i64, Vec<u8>, i64)>> {
    let sql = "SELECT number, hash, first FROM event_checkpoints ORDER BY number DESC LIMIT 1";
    let row = client.query_opt(sql, &[]).await?;
    row.map(|row| {
        Ok((
            row.try_get("number")?,
            row.try_get("hash")?,
            row.try_get("first")?,
        ))
    })
    .transpose()
}

/// The hash of one checkpoint.
///
/// # Errors
/// Where the database does not answer.
pub async fn hash_of(client: &impl GenericClient, number: i64) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT hash FROM event_checkpoints WHERE number = $1";
    let row = client.query_opt(sql, &[&number]).await?;
    row.map(|row| Ok(row.try_get("hash")?)).transpose()
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
    let at: Timestamp = row.try_get("at")?;
    let vendors: Vec<i64> = row.try_get("vendor_ids")?;
    let seqs: Vec<i64> = row.try_get("seqs")?;
    let hashes: Vec<Vec<u8>> = row.try_get("hashes")?;
    // Lists of different lengths were never written by us: cut short they give another hash.
    let heads = vendors.into_iter().zip(seqs).zip(hashes);
    let heads = heads.map(|((vendor, seq), hash)| Head { vendor, seq, hash });
    Ok(Stored {
        said: Checkpoint {
            number: row.try_get("number")?,
            at: at.as_microsecond(),
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

/// What the checkpoints before a number said last of each chain that they name.
///
/// # Errors
/// Where the database does not answer.
pub async fn named_before(client: &impl GenericClient, number: i64) -> Result<Vec<Head>> {
    let sql = "SELECT DISTINCT ON (h.vendor) h.vendor, h.seq, h.hash \
               FROM event_checkpoints c, unnest(c.vendor_ids, c.seqs, c.hashes) AS h (vendor, seq, hash) \
               WHERE c.number < $1 ORDER BY h.vendor, c.number DESC";
    let rows = client.query(sql, &[&number]).await?;
    rows.iter()
        .map(|row| {
            Ok(Head {
                vendor: row.try_get("vendor")?,
                seq: row.try_get("seq")?,
                hash: row.try_get("hash")?,
            })
        })
        .collect()
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
