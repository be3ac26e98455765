//! Statements on operators' tokens. They belong to no vendor.

use jiff::Timestamp;

use super::OperatorToken;
use crate::auth::KeyedDigest;
use crate::db::{Error, GenericClient, Result};

/// All operators' tokens that are not revoked.
///
/// # Errors
/// Where the database does not answer.
pub async fn operator_tokens(client: &impl GenericClient) -> Result<Vec<OperatorToken>> {
    let sql = "SELECT id, name, digest FROM operator_tokens WHERE revoked_at IS NULL";
    let rows = client.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let digest = KeyedDigest::from_bytes(row.try_get("digest")?);
            Ok(OperatorToken {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                digest: digest.ok_or(Error::Corrupt("operator_tokens.digest"))?,
            })
        })
        .collect()
}

/// Adds an operator's token.
///
/// # Errors
/// Where the database does not answer.
pub async fn add_operator_token(
    client: &impl GenericClient,
    id: i64,
    name: &str,
    digest: &KeyedDigest,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO operator_tokens (id, name, digest, created_at) VALUES ($1, $2, $3, $4)";
    client
        .execute(sql, &[&id, &name, &digest.as_bytes(), &now])
        .await?;
    Ok(())
}

/// Revokes all tokens of an operator of that name, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn revoke_operator(
    client: &impl GenericClient,
    name: &str,
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE operator_tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL";
    Ok(client.execute(sql, &[&name, &now]).await?)
}
