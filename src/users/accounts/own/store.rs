//! Statements on second factors.

use jiff::Timestamp;

use crate::db::{GenericClient, Result};
use crate::types::{UserId, VendorId};
use crate::users::accounts::whose::tables;

/// Keeps a secret that is not confirmed yet; `false` where one is in force.
///
/// # Errors
/// Where the database does not answer.
pub async fn begin_totp(
    client: &impl GenericClient,
    vendor: VendorId,
    id: UserId,
    sealed: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET totp_sealed = $3, totp_last_step = NULL, updated_at = $4 \
         WHERE {} = $1 AND id = $2 AND totp_confirmed_at IS NULL AND removed_at IS NULL",
        of.people, of.vendor
    );
    let begun = client
        .execute(&sql, &[&vendor.0, &id.0, &sealed, &now])
        .await?;
    Ok(begun == 1)
}

/// Puts it into force; its first half minute is used. `false` where another was begun meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn confirm_totp(
    client: &impl GenericClient,
    vendor: VendorId,
    id: UserId,
    sealed: &[u8],
    step: i64,
    now: Timestamp,
) -> Result<bool> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET totp_confirmed_at = $5, totp_last_step = $4, updated_at = $5 WHERE {} = $1 \
         AND id = $2 AND totp_sealed = $3 AND totp_confirmed_at IS NULL AND removed_at IS NULL",
        of.people, of.vendor
    );
    let confirmed = client
        .execute(&sql, &[&vendor.0, &id.0, &sealed, &step, &now])
        .await?;
    Ok(confirmed == 1)
}

/// Uses up a half minute; `false` where it was, or the secret is another.
///
/// # Errors
/// Where the database does not answer.
pub async fn use_step(
    client: &impl GenericClient,
    vendor: VendorId,
    id: UserId,
    sealed: &[u8],
    step: i64,
) -> Result<bool> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET totp_last_step = $4 WHERE {} = $1 AND id = $2 AND totp_sealed = $3 \
         AND totp_confirmed_at IS NOT NULL AND (totp_last_step IS NULL OR totp_last_step < $4)",
        of.people, of.vendor
    );
    let used = client
        .execute(&sql, &[&vendor.0, &id.0, &sealed, &step])
        .await?;
    Ok(used == 1)
}

/// Removes it.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_totp(
    client: &impl GenericClient,
    vendor: VendorId,
    id: UserId,
    now: Timestamp,
) -> Result<()> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET totp_sealed = NULL, totp_confirmed_at = NULL, totp_last_step = NULL, updated_at = $3 \
         WHERE {} = $1 AND id = $2",
        of.people, of.vendor
    );
    client.execute(&sql, &[&vendor.0, &id.0, &now]).await?;
    Ok(())
}
