//! Statements on workers' keys and sessions.

use jiff::Timestamp;

use crate::auth::KeyedDigest;
use crate::db::{Error, GenericClient, Result};
use crate::types::{VendorId, WorkerId};
use crate::users::workers::Worker;
use crate::users::workers::store::{COLUMNS, worker};

/// Adds a key of a worker.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    worker: WorkerId,
    key: i64,
    digest: &KeyedDigest,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO worker_keys (vendor_id, worker_id, id, digest, created_at) VALUES ($1, $2, $3, $4, $5)";
    client
        .execute(sql, &[&vendor.0, &worker.0, &key, &digest.as_bytes(), &now])
        .await?;
    Ok(())
}

/// Sets an end to all keys of a worker that last longer.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_all(
    client: &impl GenericClient,
    vendor: VendorId,
    worker: WorkerId,
    at: Timestamp,
) -> Result<()> {
    let sql = "UPDATE worker_keys SET ends_at = $3 WHERE vendor_id = $1 AND worker_id = $2 \
               AND (ends_at IS NULL OR ends_at > $3)";
    client.execute(sql, &[&vendor.0, &worker.0, &at]).await?;
    Ok(())
}

/// Ends all keys of a worker but the newest that still lives.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_older(
    client: &impl GenericClient,
    vendor: VendorId,
    worker: WorkerId,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE worker_keys SET ends_at = $3 WHERE vendor_id = $1 AND worker_id = $2 \
               AND (ends_at IS NULL OR ends_at > $3) AND id <> ( \
               SELECT id FROM worker_keys WHERE vendor_id = $1 AND worker_id = $2 \
               AND (ends_at IS NULL OR ends_at > $3) ORDER BY created_at DESC, id LIMIT 1)";
    client.execute(sql, &[&vendor.0, &worker.0, &now]).await?;
    Ok(())
}

/// What a live key of a worker that was not removed is known by.
///
/// # Errors
/// Where the database does not answer.
pub async fn digest_of(
    client: &impl GenericClient,
    vendor: VendorId,
    worker: WorkerId,
    key: i64,
    now: Timestamp,
) -> Result<Option<KeyedDigest>> {
    let sql = "SELECT k.digest FROM worker_keys k JOIN workers w ON w.id = k.worker_id AND w.vendor_id = k.vendor_id \
               WHERE k.vendor_id = $1 AND k.worker_id = $2 AND k.id = $3 \
               AND (k.ends_at IS NULL OR k.ends_at > $4) AND w.removed_at IS NULL";
    let row = client
        .query_opt(sql, &[&vendor.0, &worker.0, &key, &now])
        .await?;
    row.map(|row| {
        KeyedDigest::from_bytes(row.try_get("digest")?).ok_or(Error::Corrupt("worker_keys.digest"))
    })
    .transpose()
}

/// A session to be added.
pub struct NewSession<'a> {
    /// Stands in its token.
    pub id: i64,
    /// Whose.
    pub worker: WorkerId,
    /// By which key.
    pub key: i64,
    /// What its token is known by.
    pub digest: &'a KeyedDigest,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Adds a session, and notes the use of its key.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_session(
    client: &impl GenericClient,
    vendor: VendorId,
    new: &NewSession<'_>,
    now: Timestamp,
) -> Result<()> {
    let sql = "WITH used AS (UPDATE worker_keys SET last_used_at = $7 WHERE vendor_id = $1 AND id = $4 \
                             AND (last_used_at IS NULL OR last_used_at < $7::timestamptz - interval '1 minute')) \
               INSERT INTO worker_sessions (vendor_id, id, worker_id, key_id, digest, expires_at, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let digest = new.digest.as_bytes();
    client
        .execute(
            sql,
            &[
                &vendor.0,
                &new.id,
                &new.worker.0,
                &new.key,
                &digest,
                &new.expires_at,
                &now,
            ],
        )
        .await?;
    Ok(())
}

/// The worker of a live session, and what its token is known by. The session's own row says which vendor it is.
///
/// # Errors
/// Where the database does not answer.
pub async fn by_session(
    client: &impl GenericClient,
    session: i64,
    now: Timestamp,
) -> Result<Option<(Worker, KeyedDigest)>> {
    let sql = format!(
        "SELECT {COLUMNS}, s.digest FROM worker_sessions s \
         JOIN workers w ON w.id = s.worker_id AND w.vendor_id = s.vendor_id AND w.removed_at IS NULL \
         JOIN worker_keys k ON k.id = s.key_id AND k.vendor_id = s.vendor_id AND (k.ends_at IS NULL OR k.ends_at > $2) \
         WHERE s.id = $1 AND s.expires_at > $2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&session, &now]).await?;
    row.map(|row| {
        let digest = KeyedDigest::from_bytes(row.try_get("digest")?)
            .ok_or(Error::Corrupt("worker_sessions.digest"))?;
        Ok((worker(&row)?, digest))
    })
    .transpose()
}

/// The worker of a live key.
///
/// # Errors
/// Where the database does not answer.
pub async fn by_key(
    client: &impl GenericClient,
    vendor: VendorId,
    id: WorkerId,
    key: i64,
    now: Timestamp,
) -> Result<Option<Worker>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM worker_keys k \
         JOIN workers w ON w.id = k.worker_id AND w.vendor_id = k.vendor_id AND w.removed_at IS NULL \
         WHERE k.vendor_id = $1 AND k.worker_id = $2 AND k.id = $3 AND (k.ends_at IS NULL OR k.ends_at > $4)"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&vendor.0, &id.0, &key, &now])
        .await?;
    row.as_ref().map(worker).transpose()
}

/// Notes the use of a key, to the minute.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_used(
    client: &impl GenericClient,
    vendor: VendorId,
    key: i64,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE worker_keys SET last_used_at = $3 WHERE vendor_id = $1 AND id = $2 \
               AND (last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute')";
    client.execute(sql, &[&vendor.0, &key, &now]).await?;
    Ok(())
}

/// Forgets sessions of any vendor that have ended, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge_sessions(client: &impl GenericClient, now: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM worker_sessions WHERE id IN (SELECT id FROM worker_sessions WHERE expires_at < $1 LIMIT 10000)";
    Ok(client.execute(sql, &[&now]).await?)
}
