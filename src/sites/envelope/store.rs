//! Statements on envelopes that are being stored.

use jiff::Timestamp;
use uuid::Uuid;

use super::put::NewSite;
use crate::clock::Clock;
use crate::db::{GenericClient, Result};
use crate::error::Error;
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

/// Lets an envelope that was read of this generation be answered still, and holds its site and vendor as they are until
/// the transaction ends.
///
/// # Errors
/// [`Error::NotFound`], [`Error::SiteExpired`] or [`Error::SupportPaused`] where that changed meanwhile, or trouble with
/// the database.
pub async fn hold(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    generation: i64,
    clock: &Clock,
) -> crate::error::Result<()> {
    let sql = "SELECT v.status = 'active' AS active, v.support_paused_until, s.state = 'registered' AS registered, \
               s.expires_at FROM vendors v JOIN sites s ON s.vendor_id = v.id \
               WHERE v.id = $1 AND s.secret_id = $2 AND s.generation = $3 FOR SHARE";
    let row = client
        .query_opt(sql, &[&vendor.0, &id.as_str(), &generation])
        .await?
        .ok_or(Error::NotFound)?;
    let now = clock.now();
    let end: Option<Timestamp> = row.try_get("expires_at")?;
    let pause: Option<Timestamp> = row.try_get("support_paused_until")?;
    if end.is_some_and(|at| at <= now) {
        Err(Error::SiteExpired)
    } else if !row.try_get::<_, bool>("registered")? {
        Err(Error::NotFound)
    } else if pause.is_some_and(|until| until > now) || !row.try_get::<_, bool>("active")? {
        Err(Error::SupportPaused)
    } else {
        Ok(())
    }
}
