//! Statements on workers, their keys and their sessions.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Patterns, TokenTtl, Worker};
use crate::auth::KeyedDigest;
use crate::db::{Error, GenericClient, Result};
use crate::types::{KeyPattern, Name, Namespace, VendorId, WorkerId};

const COLUMNS: &str = "w.id, w.vendor_id, w.name, w.patterns, w.token_ttl, w.policy_wanted, w.policy_written, \
                       w.created_at, w.updated_at";

fn worker(row: &Row) -> Result<Worker> {
    let patterns: Vec<String> = row.try_get("patterns")?;
    let patterns: std::result::Result<Vec<KeyPattern>, _> =
        patterns.into_iter().map(KeyPattern::try_from).collect();
    let patterns = patterns
        .ok()
        .and_then(|patterns| Patterns::try_from(patterns).ok());
    let ttl = u32::try_from(row.try_get::<_, i32>("token_ttl")?)
        .ok()
        .and_then(|seconds| TokenTtl::try_from(seconds).ok());
    Ok(Worker {
        id: WorkerId(row.try_get("id")?),
        vendor: VendorId(row.try_get("vendor_id")?),
        name: Name::try_from(row.try_get::<_, String>("name")?)
            .map_err(|_| Error::Corrupt("workers.name"))?,
        patterns: patterns.ok_or(Error::Corrupt("workers.patterns"))?,
        token_ttl: ttl.ok_or(Error::Corrupt("workers.token_ttl"))?,
        edition: row.try_get("policy_wanted")?,
        written: row.try_get("policy_written")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn texts(patterns: &Patterns) -> Vec<&str> {
    patterns.as_slice().iter().map(KeyPattern::as_str).collect()
}

fn seconds(ttl: TokenTtl) -> i32 {
    i32::try_from(ttl.seconds()).unwrap_or(i32::MAX)
}

/// A worker to be added.
pub struct NewWorker<'a> {
    /// Names it.
    pub id: WorkerId,
    /// Shown name.
    pub name: &'a Name,
    /// What it may read.
    pub patterns: &'a Patterns,
    /// First life of its tokens.
    pub token_ttl: TokenTtl,
}

/// Adds a worker.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    new: &NewWorker<'_>,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO workers (vendor_id, id, name, patterns, token_ttl, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $6)";
    let (patterns, ttl) = (texts(new.patterns), seconds(new.token_ttl));
    let name = new.name.as_str();
    client
        .execute(sql, &[&vendor.0, &new.id.0, &name, &patterns, &ttl, &now])
        .await?;
    Ok(())
}

/// What is to change of a worker; `None` leaves a field as it is.
#[derive(Default)]
pub struct Changes<'a> {
    /// Shown name.
    pub name: Option<&'a Name>,
    /// What it may read: a new edition.
    pub patterns: Option<&'a Patterns>,
    /// First life of its tokens.
    pub token_ttl: Option<TokenTtl>,
}

/// Changes a worker; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    vendor: VendorId,
    id: WorkerId,
    to: &Changes<'_>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE workers SET name = coalesce($3, name), token_ttl = coalesce($5, token_ttl), \
               policy_wanted = policy_wanted + CASE WHEN patterns <> coalesce($4, patterns) THEN 1 ELSE 0 END, \
               patterns = coalesce($4, patterns), updated_at = $6 \
               WHERE vendor_id = $1 AND id = $2 AND removed_at IS NULL";
    let (name, patterns) = (to.name.map(Name::as_str), to.patterns.map(texts));
    let ttl = to.token_ttl.map(seconds);
    let changed = client
        .execute(sql, &[&vendor.0, &id.0, &name, &patterns, &ttl, &now])
        .await?;
    Ok(changed == 1)
}

/// Marks a worker as removed, and ends its sessions and keys; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(
    client: &impl GenericClient,
    vendor: VendorId,
    id: WorkerId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE workers SET removed_at = $3, updated_at = $3 WHERE vendor_id = $1 AND id = $2 AND removed_at IS NULL";
    let removed = client.execute(sql, &[&vendor.0, &id.0, &now]).await? == 1;
    let sql = "DELETE FROM worker_sessions WHERE vendor_id = $1 AND worker_id = $2";
    client.execute(sql, &[&vendor.0, &id.0]).await?;
    end_keys(client, vendor, id, now).await?;
    Ok(removed)
}

/// A worker that was not removed.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    vendor: VendorId,
    id: WorkerId,
) -> Result<Option<Worker>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM workers w WHERE w.vendor_id = $1 AND w.id = $2 AND w.removed_at IS NULL"
    );
    let row = client.query_opt(&sql, &[&vendor.0, &id.0]).await?;
    row.as_ref().map(worker).transpose()
}

/// A page of a vendor's workers in the order of their ids, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    after: Option<WorkerId>,
    limit: i64,
) -> Result<Vec<Worker>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM workers w WHERE w.vendor_id = $1 AND w.id > $2 AND w.removed_at IS NULL ORDER BY w.id LIMIT $3"
    );
    let after = after.map_or(0, |id| id.0);
    let rows = client
        .query(&sql, &[&vendor.0, &after, &(limit + 1)])
        .await?;
    rows.iter().map(worker).collect()
}

/// A worker whose policy in OpenBao is to follow.
pub struct Behind {
    /// Names it.
    pub id: WorkerId,
    /// Whose.
    pub vendor: VendorId,
    /// Of the vendor.
    pub namespace: Namespace,
    /// What the policy is to say; `None` where it is to be deleted.
    pub wanted: Option<(Patterns, i32)>,
}

/// Workers of any vendor, or the one named, whose policy in OpenBao is not what it should be; limited to a few.
///
/// # Errors
/// Where the database does not answer.
pub async fn behind(
    client: &impl GenericClient,
    id: Option<WorkerId>,
    limit: i64,
) -> Result<Vec<Behind>> {
    let sql = format!(
        "SELECT {COLUMNS}, v.namespace, w.removed_at IS NOT NULL AS removed \
         FROM workers w JOIN vendors v ON v.id = w.vendor_id \
         WHERE ($1::bigint IS NULL OR w.id = $1) \
         AND ((w.removed_at IS NULL AND w.policy_written <> w.policy_wanted) \
              OR (w.removed_at IS NOT NULL AND w.policy_gone_at IS NULL)) ORDER BY w.id LIMIT $2"
    );
    let rows = client.query(&sql, &[&id.map(|id| id.0), &limit]).await?;
    let one = |row: &Row| {
        let found = worker(row)?;
        let removed: bool = row.try_get("removed")?;
        Ok(Behind {
            id: found.id,
            vendor: found.vendor,
            namespace: Namespace::parse(row.try_get("namespace")?)
                .map_err(|_| Error::Corrupt("vendors.namespace"))?,
            wanted: (!removed).then_some((found.patterns, found.edition)),
        })
    };
    rows.iter().map(one).collect()
}

/// Notes which edition OpenBao has.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_written(
    client: &impl GenericClient,
    vendor: VendorId,
    id: WorkerId,
    edition: i32,
) -> Result<()> {
    let sql = "UPDATE workers SET policy_written = $3 WHERE vendor_id = $1 AND id = $2";
    client.execute(sql, &[&vendor.0, &id.0, &edition]).await?;
    Ok(())
}

/// Notes that the policy of a removed worker is gone from OpenBao.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_policy_gone(
    client: &impl GenericClient,
    vendor: VendorId,
    id: WorkerId,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE workers SET policy_gone_at = $3 WHERE vendor_id = $1 AND id = $2";
    client.execute(sql, &[&vendor.0, &id.0, &now]).await?;
    Ok(())
}

/// Adds a key of a worker.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_key(
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
pub async fn end_keys(
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
pub async fn end_older_keys(
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
pub async fn key_digest(
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
         JOIN worker_keys k ON k.id = s.key_id AND (k.ends_at IS NULL OR k.ends_at > $2) \
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

/// Forgets sessions of any vendor that have ended, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge_sessions(client: &impl GenericClient, now: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM worker_sessions WHERE id IN (SELECT id FROM worker_sessions WHERE expires_at < $1 LIMIT 10000)";
    Ok(client.execute(sql, &[&now]).await?)
}
