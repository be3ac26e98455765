//! Statements on inbound webhooks that were handled, so that a repeat gets the same answer.

use jiff::Timestamp;

use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// A webhook that was handled.
pub struct Receipt {
    /// Digest of its body.
    pub body_digest: Vec<u8>,
    /// What was answered, without keys.
    pub answer: serde_json::Value,
}

/// The receipt of a webhook id.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(client: &impl GenericClient, id: &str) -> Result<Option<Receipt>> {
    let row = client
        .query_opt(
            "SELECT body_digest, answer FROM webhook_receipts WHERE id = $1",
            &[&id],
        )
        .await?;
    row.map(|row| {
        Ok(Receipt {
            body_digest: row.try_get("body_digest")?,
            answer: row.try_get("answer")?,
        })
    })
    .transpose()
}

/// Keeps the receipt of a webhook; `false` where its id has one.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &str,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO webhook_receipts (id, body_digest, vendor_id, answer, received_at) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING";
    let added = client
        .execute(
            sql,
            &[&id, &receipt.body_digest, &vendor.0, &receipt.answer, &now],
        )
        .await?;
    Ok(added == 1)
}

/// Drops receipts of webhooks that can no longer be repeated, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    Ok(client
        .execute(
            "DELETE FROM webhook_receipts WHERE received_at < $1",
            &[&before],
        )
        .await?)
}
