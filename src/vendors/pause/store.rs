//! Statements on pauses of support.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Changes, Pause};
use crate::db::{GenericClient, Result};
use crate::types::VendorId;

const COLUMNS: &str = "support_paused_until, pause_on_lockdown, lockdown_pause_minutes";

fn pause(row: &Row) -> Result<Pause> {
    Ok(Pause {
        until: row.try_get("support_paused_until")?,
        on_lockdown: row.try_get("pause_on_lockdown")?,
        lockdown_minutes: row.try_get("lockdown_pause_minutes")?,
    })
}

/// The vendor's pause.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(client: &impl GenericClient, vendor: VendorId) -> Result<Option<Pause>> {
    let sql = format!("SELECT {COLUMNS} FROM vendors WHERE id = $1");
    let row = client.query_opt(&sql, &[&vendor.0]).await?;
    row.as_ref().map(pause).transpose()
}

/// As [`find`], locked until the end of the transaction.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_for_update(
    client: &impl GenericClient,
    vendor: VendorId,
) -> Result<Option<Pause>> {
    let sql = format!("SELECT {COLUMNS} FROM vendors WHERE id = $1 FOR NO KEY UPDATE");
    let row = client.query_opt(&sql, &[&vendor.0]).await?;
    row.as_ref().map(pause).transpose()
}

/// Pauses until a time, or ends the pause.
///
/// # Errors
/// Where the database does not answer.
pub async fn set(
    client: &impl GenericClient,
    vendor: VendorId,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Pause>> {
    let sql = format!(
        "UPDATE vendors SET support_paused_until = $2, updated_at = $3 WHERE id = $1 RETURNING {COLUMNS}"
    );
    let row = client.query_opt(&sql, &[&vendor.0, &until, &now]).await?;
    row.as_ref().map(pause).transpose()
}

/// Changes what reports of lockdowns do.
///
/// # Errors
/// Where the database does not answer.
pub async fn change(
    client: &impl GenericClient,
    vendor: VendorId,
    to: &Changes,
    now: Timestamp,
) -> Result<Option<Pause>> {
    let sql = format!(
        "UPDATE vendors SET pause_on_lockdown = coalesce($2, pause_on_lockdown), \
         lockdown_pause_minutes = coalesce($3, lockdown_pause_minutes), updated_at = $4 WHERE id = $1 RETURNING {COLUMNS}"
    );
    let row = client
        .query_opt(
            &sql,
            &[&vendor.0, &to.on_lockdown, &to.lockdown_minutes, &now],
        )
        .await?;
    row.as_ref().map(pause).transpose()
}

/// Pauses where the vendor chose that reports of lockdowns do, and gives the end; `None` where nothing changed.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_by_lockdown(
    client: &impl GenericClient,
    vendor: VendorId,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let sql = "UPDATE vendors SET support_paused_until = $2::timestamptz + make_interval(mins => lockdown_pause_minutes), \
               lockdown_rest_until = $2::timestamptz + make_interval(mins => 2 * lockdown_pause_minutes), updated_at = $2 \
               WHERE id = $1 AND pause_on_lockdown \
               AND (support_paused_until IS NULL OR support_paused_until <= $2) \
               AND (lockdown_rest_until IS NULL OR lockdown_rest_until <= $2) RETURNING support_paused_until";
    let row = client.query_opt(sql, &[&vendor.0, &now]).await?;
    row.map(|row| Ok(row.try_get("support_paused_until")?))
        .transpose()
}
