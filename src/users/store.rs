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
    let sql = "SELECT id, name, digest, created_at, expires_at FROM operator_tokens WHERE revoked_at IS NULL \
               ORDER BY name, created_at";
    let rows = client.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let digest = KeyedDigest::from_bytes(row.try_get("digest")?);
            Ok(OperatorToken {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                digest: digest.ok_or(Error::Corrupt("operator_tokens.digest"))?,
                created_at: row.try_get("created_at")?,
                expires_at: row.try_get("expires_at")?,
            })
        })
        .collect()
}

/// Adds an operator's token.
///
/// # Errors
/// Where the database does not answer.
pub async fn add_operator_token(client: &impl GenericClient, token: &OperatorToken) -> Result<()> {
    let sql = "INSERT INTO operator_tokens (id, name, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
    let OperatorToken { id, name, .. } = token;
    let (made, ends) = (&token.created_at, &token.expires_at);
    client
        .execute(sql, &[id, name, &token.digest.as_bytes(), made, ends])
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
