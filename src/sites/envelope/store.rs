//! Statements on envelopes that are being stored.

use jiff::Timestamp;
use uuid::Uuid;

use super::put::NewSite;
use crate::db::{GenericClient, Result};
use crate::sites::store::{Due, due};
use crate::types::{SecretId, VendorId};

/// Takes a site for one request; `false` where another has it. The caller has locked its row.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    by: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE sites SET storing_by = $3, storing_until = $5, touched_at = $4 \
               WHERE vendor_id = $1 AND secret_id = $2 \
               AND (storing_until IS NULL OR storing_until <= $4)";
    let taken = client
        .execute(sql, &[&vendor.0, &id.as_str(), &by, &now, &until])
        .await?;
    Ok(taken == 1)
}

/// Whether a site is taken for this request, in time or not.
///
/// # Errors
/// Where the database does not answer.
pub async fn holds_claim(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    by: Uuid,
) -> Result<bool> {
    let sql = "SELECT FROM sites WHERE vendor_id = $1 AND secret_id = $2 AND storing_by = $3 AND storing_until IS NOT NULL";
    let row = client
        .query_opt(sql, &[&vendor.0, &id.as_str(), &by])
        .await?;
    Ok(row.is_some())
}

/// Gives a site back that is registered now, and notes what else the client said.
///
/// # Errors
/// Where the database does not answer.
pub async fn finish(client: &impl GenericClient, vendor: VendorId, new: &NewSite) -> Result<()> {
    let sql = "UPDATE sites SET storing_by = NULL, storing_until = NULL, wp_user_id = $3, client_version = $4 \
               WHERE vendor_id = $1 AND secret_id = $2";
    let (id, version) = (new.secret_id.as_str(), &new.client_version);
    client
        .execute(sql, &[&vendor.0, &id, &new.wp_user_id, version])
        .await?;
    Ok(())
}

/// Gives a site back that this request had.
///
/// # Errors
/// Where the database does not answer.
pub async fn give_up(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    by: Uuid,
) -> Result<()> {
    let sql = "UPDATE sites SET storing_by = NULL, storing_until = NULL \
               WHERE vendor_id = $1 AND secret_id = $2 AND storing_by = $3";
    client.execute(sql, &[&vendor.0, &id.as_str(), &by]).await?;
    Ok(())
}

/// Whether a site is being stored.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_storing(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "SELECT FROM sites WHERE vendor_id = $1 AND secret_id = $2 AND storing_until > $3";
    let row = client
        .query_opt(sql, &[&vendor.0, &id.as_str(), &now])
        .await?;
    Ok(row.is_some())
}

/// Sites of any vendor that were taken and never given back.
///
/// # Errors
/// Where the database does not answer.
pub async fn abandoned(
    client: &impl GenericClient,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Due>> {
    let sql = "SELECT vendor_id, secret_id, generation FROM sites WHERE storing_until <= $1 \
               ORDER BY storing_until LIMIT $2";
    let rows = client.query(sql, &[&now, &limit]).await?;
    rows.iter().map(due).collect()
}

/// Gives a site back whose time to be stored is over; `false` where it was taken anew meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn drop_claim(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE sites SET storing_by = NULL, storing_until = NULL \
               WHERE vendor_id = $1 AND secret_id = $2 AND storing_until <= $3";
    Ok(client
        .execute(sql, &[&vendor.0, &id.as_str(), &now])
        .await?
        == 1)
}
