//! Statements on Connectors, and on the nonces that were spent.

use jiff::Timestamp;

use super::NonceDigest;
use crate::db::{GenericClient, Result};
use crate::types::{ApiEndpoint, HookUrl, SignatureKey, VendorId};

/// What is known of a vendor's Connector, and of its clients.
pub struct Known {
    /// Where it answers.
    pub endpoint: Option<String>,
    /// Where clients send webhooks of their own.
    pub client_webhook: Option<String>,
    /// The key that was seen last, in hexadecimal digits.
    pub key: Option<String>,
    /// When that was.
    pub key_seen_at: Option<Timestamp>,
}

/// What is known of a vendor's Connector; `None` where there is no such vendor.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(client: &impl GenericClient, vendor: VendorId) -> Result<Option<Known>> {
    let sql = "SELECT c.endpoint, c.signature_key, c.key_seen_at, v.client_webhook_url \
               FROM vendors v LEFT JOIN connectors c ON c.vendor_id = v.id WHERE v.id = $1";
    let row = client.query_opt(sql, &[&vendor.0]).await?;
    row.map(|row| {
        Ok(Known {
            endpoint: row.try_get("endpoint")?,
            client_webhook: row.try_get("client_webhook_url")?,
            key: row.try_get("signature_key")?,
            key_seen_at: row.try_get("key_seen_at")?,
        })
    })
    .transpose()
}

/// Notes where a vendor's clients send webhooks of their own; `false` where it is so already.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_client_webhook(
    client: &impl GenericClient,
    vendor: VendorId,
    url: Option<&HookUrl>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE vendors SET client_webhook_url = $2, updated_at = $3 \
               WHERE id = $1 AND client_webhook_url IS DISTINCT FROM $2";
    let url = url.map(HookUrl::as_str);
    Ok(client.execute(sql, &[&vendor.0, &url, &now]).await? == 1)
}

/// Where a vendor's Connector answers, as stored; it stays so until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn endpoint_locked(
    client: &impl GenericClient,
    vendor: VendorId,
) -> Result<Option<String>> {
    // The vendor's row too, as there may be none of a Connector yet.
    let lock = "SELECT id FROM vendors WHERE id = $1 FOR NO KEY UPDATE";
    client.execute(lock, &[&vendor.0]).await?;
    let sql = "SELECT endpoint FROM connectors WHERE vendor_id = $1 FOR UPDATE";
    let row = client.query_opt(sql, &[&vendor.0]).await?;
    row.map(|row| Ok(row.try_get("endpoint")?)).transpose()
}

/// Notes where a vendor's Connector answers. The key that was seen last stays known.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_endpoint(
    client: &impl GenericClient,
    vendor: VendorId,
    endpoint: &ApiEndpoint,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO connectors (vendor_id, endpoint, updated_at) VALUES ($1, $2, $3) \
               ON CONFLICT (vendor_id) DO UPDATE SET endpoint = $2, updated_at = $3";
    client
        .execute(sql, &[&vendor.0, &endpoint.as_str(), &now])
        .await?;
    Ok(())
}

/// The key that was seen last, in hexadecimal digits; it stays so until the transaction ends. `None` where another
/// endpoint is registered, or none.
///
/// # Errors
/// Where the database does not answer.
pub async fn key_locked(
    client: &impl GenericClient,
    vendor: VendorId,
    endpoint: &ApiEndpoint,
) -> Result<Option<Option<String>>> {
    let sql =
        "SELECT signature_key FROM connectors WHERE vendor_id = $1 AND endpoint = $2 FOR UPDATE";
    let row = client
        .query_opt(sql, &[&vendor.0, &endpoint.as_str()])
        .await?;
    row.map(|row| Ok(row.try_get("signature_key")?)).transpose()
}

/// Notes a key, and when it was seen.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_key(
    client: &impl GenericClient,
    vendor: VendorId,
    key: &SignatureKey,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE connectors SET signature_key = $2, key_seen_at = $3 WHERE vendor_id = $1";
    client
        .execute(sql, &[&vendor.0, &key.to_string(), &now])
        .await?;
    Ok(())
}

/// Spends a nonce; `false` where it was spent before. Of two that try at once, the second waits for the first.
///
/// # Errors
/// Where the database does not answer.
pub async fn spend(
    client: &impl GenericClient,
    vendor: VendorId,
    nonce: &NonceDigest,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO signed_nonces (vendor_id, digest, spent_at) VALUES ($1, $2, $3) \
               ON CONFLICT (vendor_id, digest) DO NOTHING";
    let added = client
        .execute(sql, &[&vendor.0, &nonce.as_bytes(), &now])
        .await?;
    Ok(added == 1)
}

/// Forgets nonces that were spent before `before`, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge_nonces(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM signed_nonces WHERE spent_at < $1";
    Ok(client.execute(sql, &[&before]).await?)
}
