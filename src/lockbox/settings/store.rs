//! Statements on a lockbox's settings.

use super::{AutoLock, Settings};
use crate::db::{Error, GenericClient, Result};
use crate::types::VendorId;

/// The settings of a vendor's lockbox.
///
/// # Errors
/// Where the database does not answer.
pub async fn read(client: &impl GenericClient, vendor: VendorId) -> Result<Settings> {
    let sql = "SELECT auto_lock_seconds, strong_passwords, join_unlocked FROM lockboxes WHERE vendor_id = $1";
    let Some(row) = client.query_opt(sql, &[&vendor.0]).await? else {
        return Ok(Settings::default());
    };
    let seconds: Option<i32> = row.try_get("auto_lock_seconds")?;
    let auto_lock = AutoLock::try_from(seconds.unwrap_or(0));
    Ok(Settings {
        auto_lock: auto_lock.map_err(|_| Error::Corrupt("lockboxes.auto_lock_seconds"))?,
        strong_passwords: row.try_get("strong_passwords")?,
        join_unlocked: row.try_get("join_unlocked")?,
    })
}

/// What is to change of them; `None` leaves a setting as it is.
#[derive(Clone, Copy, Default)]
pub struct Changes {
    /// Seconds without use until it locks itself.
    pub auto_lock: Option<AutoLock>,
    /// Whether passwords must be strong in RPort's dialect too.
    pub strong_passwords: Option<bool>,
    /// Whether a replica that starts later gets the key.
    pub join_unlocked: Option<bool>,
}

/// Changes the settings of a lockbox that has a row.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(client: &impl GenericClient, vendor: VendorId, to: Changes) -> Result<()> {
    let sql = "UPDATE lockboxes SET auto_lock_seconds = nullif(coalesce($2, auto_lock_seconds), 0), \
               strong_passwords = coalesce($3, strong_passwords), join_unlocked = coalesce($4, join_unlocked) \
               WHERE vendor_id = $1";
    let seconds = to.auto_lock.map(AutoLock::seconds);
    client
        .execute(
            sql,
            &[&vendor.0, &seconds, &to.strong_passwords, &to.join_unlocked],
        )
        .await?;
    Ok(())
}
