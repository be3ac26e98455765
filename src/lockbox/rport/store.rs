//! What a vendor demands of this dialect.

use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// Whether a vendor's lockbox takes strong passwords only.
///
/// # Errors
/// Where the database does not answer.
pub async fn wants_strong(client: &impl GenericClient, vendor: VendorId) -> Result<bool> {
    let sql = "SELECT 1 FROM lockboxes WHERE vendor_id = $1 AND strong_passwords";
    Ok(client.query_opt(sql, &[&vendor.0]).await?.is_some())
}
