//! Statements on access tokens that were ended.

use jiff::Timestamp;
use uuid::Uuid;

use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// A token that was revoked.
pub struct Revoked {
    /// Of which vendor.
    pub vendor: VendorId,
    /// Which.
    pub jti: Uuid,
    /// Its own end.
    pub expires_at: Timestamp,
}

/// Revokes a token; `false` where it was before.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    token: &Revoked,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO revoked_access_tokens (vendor_id, jti, expires_at, revoked_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT DO NOTHING";
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&vendor.0, &token.jti, &token.expires_at, &now];
    Ok(client.execute(sql, &params).await? == 1)
}

/// All that matter still, of every vendor.
///
/// # Errors
/// Where the database does not answer.
pub async fn load(client: &impl GenericClient) -> Result<Vec<Revoked>> {
    let sql = "SELECT vendor_id, jti, expires_at FROM revoked_access_tokens";
    let rows = client.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Revoked {
                vendor: VendorId(row.try_get("vendor_id")?),
                jti: row.try_get("jti")?,
                expires_at: row.try_get("expires_at")?,
            })
        })
        .collect()
}

/// Ends all access tokens of a vendor that were made so far.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_all(client: &impl GenericClient, vendor: VendorId) -> Result<()> {
    let sql = "UPDATE vendors SET token_epoch = token_epoch + 1 WHERE id = $1";
    client.execute(sql, &[&vendor.0]).await?;
    Ok(())
}

/// Forgets tokens of any vendor whose own end has come, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM revoked_access_tokens WHERE expires_at < $1";
    Ok(client.execute(sql, &[&before]).await?)
}
