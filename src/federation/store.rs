//! Statements on tokens that were exchanged.

use jiff::Timestamp;

use crate::db::{GenericClient, Result};
use crate::types::{TrustPolicyId, VendorId};

/// Spends a token at a policy that takes each once; `false` where it was spent before. Of two at the same moment one
/// spends it.
///
/// # Errors
/// Where the database does not answer.
pub async fn spend(
    client: &impl GenericClient,
    vendor: VendorId,
    policy: TrustPolicyId,
    digest: &[u8],
    until: Timestamp,
) -> Result<bool> {
    // A policy that was removed meanwhile spends nothing.
    let sql = "INSERT INTO spent_subject_tokens (vendor_id, policy_id, digest, until) \
               SELECT vendor_id, id, $3, $4::timestamptz FROM trust_policies WHERE vendor_id = $1 AND id = $2 FOR KEY SHARE \
               ON CONFLICT DO NOTHING";
    let spent = client
        .execute(sql, &[&vendor.0, &policy.0, &digest, &until])
        .await?;
    Ok(spent == 1)
}

/// Takes that back, where nothing was handed out for it.
///
/// # Errors
/// Where the database does not answer.
pub async fn unspend(
    client: &impl GenericClient,
    vendor: VendorId,
    policy: TrustPolicyId,
    digest: &[u8],
) -> Result<()> {
    let sql =
        "DELETE FROM spent_subject_tokens WHERE vendor_id = $1 AND policy_id = $2 AND digest = $3";
    client
        .execute(sql, &[&vendor.0, &policy.0, &digest])
        .await?;
    Ok(())
}

/// Forgets tokens whose time was over before then, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM spent_subject_tokens WHERE until < $1";
    Ok(client.execute(sql, &[&before]).await?)
}
