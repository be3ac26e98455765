//! Statements on what a vendor is told to be, and is.

use jiff::Timestamp;
use serde_json::Value;

use crate::db::{Error, GenericClient, Result};
use crate::types::VendorId;
use crate::vendors::told::Told;
use crate::vendors::{Status, store};

/// A vendor whose row is locked: nobody else tells it anything, and no token of it is recorded meanwhile.
pub struct Held {
    /// As it is.
    pub status: Status,
    /// What was told so far.
    pub told: Told,
    /// Whether it was made before the message came that it was created by.
    pub awaits_created: bool,
}

/// Locks a vendor until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold(client: &impl GenericClient, vendor: VendorId) -> Result<Option<Held>> {
    let sql = "SELECT status, told, awaits_created FROM vendors WHERE id = $1 FOR NO KEY UPDATE";
    let row = client.query_opt(sql, &[&vendor.0]).await?;
    row.map(|row| {
        Ok(Held {
            status: store::status(row.try_get("status")?)?,
            told: serde_json::from_value(row.try_get("told")?)
                .map_err(|_| Error::Corrupt("vendors.told"))?,
            awaits_created: row.try_get("awaits_created")?,
        })
    })
    .transpose()
}

/// The status of a vendor, which stays until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn keep_status(client: &impl GenericClient, vendor: VendorId) -> Result<Option<Status>> {
    let sql = "SELECT status FROM vendors WHERE id = $1 FOR SHARE";
    let row = client.query_opt(sql, &[&vendor.0]).await?;
    row.map(|row| store::status(row.try_get("status")?))
        .transpose()
}

/// Notes what was told.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_told(client: &impl GenericClient, vendor: VendorId, held: &Held) -> Result<()> {
    let told = serde_json::to_value(&held.told).unwrap_or(Value::Null);
    let sql = "UPDATE vendors SET told = $2, awaits_created = $3 WHERE id = $1";
    client
        .execute(sql, &[&vendor.0, &told, &held.awaits_created])
        .await?;
    Ok(())
}

/// Sets the status. One that is cancelled stays so.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_status(
    client: &impl GenericClient,
    vendor: VendorId,
    status: Status,
    now: Timestamp,
) -> Result<()> {
    let sql =
        "UPDATE vendors SET status = $2, updated_at = $3 WHERE id = $1 AND status <> 'cancelled'";
    client
        .execute(sql, &[&vendor.0, &status.as_str(), &now])
        .await?;
    Ok(())
}

/// Takes everything from a vendor that only the living have: it is provisioned with nothing, and its workers are removed.
///
/// # Errors
/// Where the database does not answer.
pub async fn strip(client: &impl GenericClient, vendor: VendorId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE vendors SET provisioned_level = 0, support_paused_until = NULL, awaits_created = false WHERE id = $1";
    client.execute(sql, &[&vendor.0]).await?;
    let sql = "UPDATE workers SET removed_at = $2 WHERE vendor_id = $1 AND removed_at IS NULL";
    client.execute(sql, &[&vendor.0, &now]).await?;
    Ok(())
}
