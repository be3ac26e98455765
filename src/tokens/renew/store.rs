//! Statements on tokens that the service keeps alive.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};

/// A token to be renewed.
pub struct Due {
    /// Its row.
    pub id: IssuanceId,
    /// Whose.
    pub vendor: VendorId,
    /// Names it in OpenBao.
    pub accessor: String,
    /// Its first life in seconds, which each renewal asks for again.
    pub life: i64,
    /// After this nothing can renew it.
    pub max_expires_at: Timestamp,
}

fn due(row: &Row) -> Result<Due> {
    Ok(Due {
        id: IssuanceId(row.try_get("id")?),
        vendor: VendorId(row.try_get("vendor_id")?),
        accessor: row.try_get("accessor")?,
        life: row.try_get("life")?,
        max_expires_at: row.try_get("max_expires_at")?,
    })
}

/// Takes tokens whose renewal is due, of any vendor that is active, for one pass: their next try is put off meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_due(
    client: &impl GenericClient,
    now: Timestamp,
    next: Timestamp,
    limit: i64,
) -> Result<Vec<Due>> {
    let sql = "UPDATE issuances SET renew_at = $2 WHERE id IN ( \
               SELECT i.id FROM issuances i JOIN vendors v ON v.id = i.vendor_id AND v.status = 'active' \
               WHERE i.renew_at <= $1 AND i.revoked_at IS NULL AND i.revoke_asked_at IS NULL AND i.max_expires_at > $1 \
               ORDER BY i.renew_at LIMIT $3 FOR UPDATE OF i SKIP LOCKED) \
               RETURNING id, vendor_id, accessor, max_expires_at, \
               first_life_seconds::bigint AS life";
    let rows = client.query(sql, &[&now, &next, &limit]).await?;
    rows.iter().map(due).collect()
}

/// Notes a renewal: the new end, and when the next is due, if another can gain anything.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_renewed(
    client: &impl GenericClient,
    token: &Due,
    expires_at: Timestamp,
    renew_at: Option<Timestamp>,
) -> Result<()> {
    let sql =
        "UPDATE issuances SET expires_at = $3, renew_at = $4 WHERE vendor_id = $1 AND id = $2";
    client
        .execute(sql, &[&token.vendor.0, &token.id.0, &expires_at, &renew_at])
        .await?;
    Ok(())
}

/// A token that is kept alive and comes near its end.
pub struct Ending {
    /// Its row.
    pub id: IssuanceId,
    /// Whose.
    pub vendor: VendorId,
    /// Of which worker, as its name shows.
    pub worker: Option<i64>,
    /// Its end.
    pub max_expires_at: Timestamp,
}

/// Marks tokens that are kept alive and end before `soon`, so that each is noted once.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_ending(
    client: &impl GenericClient,
    now: Timestamp,
    soon: Timestamp,
    limit: i64,
) -> Result<Vec<Ending>> {
    let sql = "UPDATE issuances SET end_noted_at = $1 WHERE id IN ( \
               SELECT id FROM issuances WHERE keep_alive AND end_noted_at IS NULL AND max_expires_at < $2 \
               AND max_expires_at > $1 AND revoked_at IS NULL AND revoke_asked_at IS NULL \
               ORDER BY max_expires_at LIMIT $3 FOR UPDATE SKIP LOCKED) \
               RETURNING id, vendor_id, worker_id, max_expires_at";
    let rows = client.query(sql, &[&now, &soon, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Ending {
                id: IssuanceId(row.try_get("id")?),
                vendor: VendorId(row.try_get("vendor_id")?),
                worker: row.try_get("worker_id")?,
                max_expires_at: row.try_get("max_expires_at")?,
            })
        })
        .collect()
}
