//! Statements on recovery codes. Only operators have them.

use jiff::Timestamp;

use crate::auth::KeyedDigest;
use crate::db::{GenericClient, Result};
use crate::types::UserId;

/// Adds codes.
///
/// # Errors
/// Where the database does not answer.
pub async fn add(
    client: &impl GenericClient,
    of: UserId,
    digests: &[KeyedDigest],
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO operator_recovery_codes (operator_id, digest, created_at) \
               SELECT $1, digest, $3 FROM unnest($2::bytea[]) AS d (digest)";
    let digests: Vec<&[u8]> = digests.iter().map(KeyedDigest::as_bytes).collect();
    client.execute(sql, &[&of.0, &digests, &now]).await?;
    Ok(())
}

/// Uses a code up; `false` where there is none such, or it was used.
///
/// # Errors
/// Where the database does not answer.
pub async fn use_up(
    client: &impl GenericClient,
    of: UserId,
    digest: &KeyedDigest,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE operator_recovery_codes SET used_at = $3 \
               WHERE operator_id = $1 AND digest = $2 AND used_at IS NULL";
    let used = client
        .execute(sql, &[&of.0, &digest.as_bytes(), &now])
        .await?;
    Ok(used == 1)
}

/// How many are left.
///
/// # Errors
/// Where the database does not answer.
pub async fn left(client: &impl GenericClient, of: UserId) -> Result<i64> {
    let sql = "SELECT count(*) AS n FROM operator_recovery_codes WHERE operator_id = $1 AND used_at IS NULL";
    Ok(client.query_one(sql, &[&of.0]).await?.try_get("n")?)
}

/// Forgets all of them.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget(client: &impl GenericClient, of: UserId) -> Result<()> {
    let sql = "DELETE FROM operator_recovery_codes WHERE operator_id = $1";
    client.execute(sql, &[&of.0]).await?;
    Ok(())
}
