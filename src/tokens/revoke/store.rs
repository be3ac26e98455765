//! Statements that mark tokens for revocation, and note what became of them.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::db::{GenericClient, Result};
use crate::types::{CredentialId, IssuanceId, SecretId, VendorId, WorkerId};

/// A token that is to die.
#[derive(Clone, Debug)]
pub struct Doomed {
    /// Its row.
    pub id: IssuanceId,
    /// Whose.
    pub vendor: VendorId,
    /// Names it in OpenBao.
    pub accessor: String,
}

fn doomed(row: &Row) -> Result<Doomed> {
    Ok(Doomed {
        id: IssuanceId(row.try_get("id")?),
        vendor: VendorId(row.try_get("vendor_id")?),
        accessor: row.try_get("accessor")?,
    })
}

/// Marks the live write tokens of a site for revocation that were recorded before `newest`.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_superseded(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    newest: IssuanceId,
    now: Timestamp,
) -> Result<Vec<Doomed>> {
    let sql = "UPDATE issuances SET revoke_asked_at = $4, revoke_after = $4, revoke_reason = 'superseded' \
               WHERE vendor_id = $1 AND secret_id = $2 AND kind = 'write_site' \
               AND seq < (SELECT seq FROM issuances WHERE vendor_id = $1 AND id = $3) \
               AND revoked_at IS NULL AND revoke_asked_at IS NULL AND max_expires_at > $4 \
               RETURNING id, vendor_id, accessor";
    let rows = client
        .query(sql, &[&vendor.0, &secret_id.as_str(), &newest.0, &now])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks all live tokens of a site for revocation.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_site(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    now: Timestamp,
) -> Result<Vec<Doomed>> {
    let sql = "UPDATE issuances SET revoke_asked_at = coalesce(revoke_asked_at, $3), \
               revoke_after = coalesce(revoke_after, $3), revoke_reason = coalesce(revoke_reason, 'site removed') \
               WHERE vendor_id = $1 AND secret_id = $2 AND revoked_at IS NULL AND max_expires_at > $3 AND kind <> 'delete' \
               RETURNING id, vendor_id, accessor";
    let rows = client
        .query(sql, &[&vendor.0, &secret_id.as_str(), &now])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks one token for revocation.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_one(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
    reason: &str,
    now: Timestamp,
) -> Result<Option<Doomed>> {
    let sql = "UPDATE issuances SET revoke_asked_at = coalesce(revoke_asked_at, $4), \
               revoke_after = coalesce(revoke_after, $4), revoke_reason = coalesce(revoke_reason, $3) \
               WHERE vendor_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id, vendor_id, accessor";
    let row = client
        .query_opt(sql, &[&vendor.0, &id.0, &reason, &now])
        .await?;
    row.as_ref().map(doomed).transpose()
}

/// Marks the live tokens of a worker for revocation: all, or with `single` those that read one credential each.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_worker(
    client: &impl GenericClient,
    vendor: VendorId,
    worker: WorkerId,
    single: bool,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Doomed>> {
    let sql = "UPDATE issuances SET revoke_asked_at = coalesce(revoke_asked_at, $5), \
               revoke_after = coalesce(revoke_after, $5), revoke_reason = coalesce(revoke_reason, $4) \
               WHERE vendor_id = $1 AND worker_id = $2 AND revoked_at IS NULL AND max_expires_at > $5 \
               AND (NOT $3 OR credential_id IS NOT NULL) RETURNING id, vendor_id, accessor";
    let rows = client
        .query(sql, &[&vendor.0, &worker.0, &single, &reason, &now])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks the live tokens that read one credential for revocation.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_credential(
    client: &impl GenericClient,
    vendor: VendorId,
    credential: CredentialId,
    now: Timestamp,
) -> Result<Vec<Doomed>> {
    let sql = "UPDATE issuances SET revoke_asked_at = coalesce(revoke_asked_at, $3), \
               revoke_after = coalesce(revoke_after, $3), revoke_reason = coalesce(revoke_reason, 'credential destroyed') \
               WHERE vendor_id = $1 AND credential_id = $2 AND revoked_at IS NULL AND max_expires_at > $3 \
               RETURNING id, vendor_id, accessor";
    let rows = client.query(sql, &[&vendor.0, &credential.0, &now]).await?;
    rows.iter().map(doomed).collect()
}

/// Notes that a token is dead.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_revoked(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE issuances SET revoked_at = $3 WHERE vendor_id = $1 AND id = $2 AND revoked_at IS NULL";
    client.execute(sql, &[&vendor.0, &id.0, &now]).await?;
    Ok(())
}

/// Takes tokens whose revocation is due, of any vendor, for one pass: their next try is put off meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_due(
    client: &impl GenericClient,
    now: Timestamp,
    next: Timestamp,
    limit: i64,
) -> Result<Vec<Doomed>> {
    let sql = "UPDATE issuances SET revoke_after = $2, revoke_attempts = revoke_attempts + 1 WHERE id IN ( \
               SELECT id FROM issuances WHERE revoke_asked_at IS NOT NULL AND revoked_at IS NULL AND revoke_after <= $1 \
               ORDER BY revoke_after LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id, vendor_id, accessor";
    let rows = client.query(sql, &[&now, &next, &limit]).await?;
    rows.iter().map(doomed).collect()
}
