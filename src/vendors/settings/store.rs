//! Statements on what vendors say of their tokens.

use jiff::Timestamp;
use serde_json::Value;

use super::TokenSettings;
use crate::db::{Error, GenericClient, Result};
use crate::types::VendorId;

/// As the column holds it.
///
/// # Errors
/// Where that cannot be read.
pub fn settings(stored: Value) -> Result<TokenSettings> {
    serde_json::from_value(stored).map_err(|_| Error::Corrupt("vendors.token_settings"))
}

/// What a vendor says, locked until the end of the transaction.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_for_update(
    client: &impl GenericClient,
    vendor: VendorId,
) -> Result<Option<TokenSettings>> {
    let sql = "SELECT token_settings FROM vendors WHERE id = $1 FOR NO KEY UPDATE";
    let row = client.query_opt(sql, &[&vendor.0]).await?;
    row.map(|row| settings(row.try_get("token_settings")?))
        .transpose()
}

/// Stores what a vendor says.
///
/// # Errors
/// Where the database does not answer.
pub async fn set(
    client: &impl GenericClient,
    vendor: VendorId,
    to: &TokenSettings,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE vendors SET token_settings = $2, updated_at = $3 WHERE id = $1";
    let to = serde_json::to_value(to).map_err(|_| Error::Corrupt("vendors.token_settings"))?;
    client.execute(sql, &[&vendor.0, &to, &now]).await?;
    Ok(())
}
