//! Statements on workers.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Patterns, TokenTtl, Worker, keys};
use crate::db::{Error, GenericClient, Result};
use crate::types::{KeyPattern, Name, Namespace, VendorId, WorkerId};

/// Of a worker called `w`.
pub(super) const COLUMNS: &str = "w.id, w.vendor_id, w.name, w.patterns, w.token_ttl, w.policy_wanted, w.policy_written, \
                       w.created_at, w.updated_at";

/// Reads [`COLUMNS`].
pub(super) fn worker(row: &Row) -> Result<Worker> {
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
    keys::store::end_all(client, vendor, id, now).await?;
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

/// The workers of a vendor whose policies OpenBao should have by now, as they are.
///
/// # Errors
/// Where the database does not answer.
pub async fn with_policy(client: &impl GenericClient, vendor: VendorId) -> Result<Vec<Worker>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM workers w WHERE w.vendor_id = $1 AND w.removed_at IS NULL \
         AND w.policy_written = w.policy_wanted ORDER BY w.id"
    );
    let rows = client.query(&sql, &[&vendor.0]).await?;
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

/// Takes a worker's policy for one writer, for some seconds; `false` where another has it.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_policy(client: &impl GenericClient, id: WorkerId) -> Result<bool> {
    let sql = "UPDATE workers SET policy_claimed_until = now() + interval '15 seconds' \
               WHERE id = $1 AND (policy_claimed_until IS NULL OR policy_claimed_until < now())";
    Ok(client.execute(sql, &[&id.0]).await? == 1)
}

/// Gives it back.
///
/// # Errors
/// Where the database does not answer.
pub async fn release_policy(client: &impl GenericClient, id: WorkerId) -> Result<()> {
    let sql = "UPDATE workers SET policy_claimed_until = NULL WHERE id = $1";
    client.execute(sql, &[&id.0]).await?;
    Ok(())
}

/// Lets the policy of a worker be written again.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_policy(
    client: &impl GenericClient,
    vendor: VendorId,
    id: WorkerId,
) -> Result<()> {
    let sql = "UPDATE workers SET policy_written = 0 WHERE vendor_id = $1 AND id = $2 AND removed_at IS NULL";
    client.execute(sql, &[&vendor.0, &id.0]).await?;
    Ok(())
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
