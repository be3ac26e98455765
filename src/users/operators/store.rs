//! Statements on operators' accounts that those on users have no like of.

use jiff::Timestamp;

use crate::db::{GenericClient, Result};
use crate::types::{UserId, UserName};
use crate::users::accounts::store::account;
use crate::users::accounts::{Account, OPERATORS};

/// Holds names of operators and of their tokens until the transaction ends: no name is given to both.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock_names(client: &impl GenericClient) -> Result<()> {
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended('names of operators', 0))";
    client.execute(sql, &[]).await?;
    Ok(())
}

/// Whether a token that is not revoked has this name.
///
/// # Errors
/// Where the database does not answer.
pub async fn has_token(client: &impl GenericClient, name: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM operator_tokens WHERE name = $1 AND revoked_at IS NULL) AS is";
    Ok(client.query_one(sql, &[&name]).await?.try_get("is")?)
}

/// Whether a person has this name.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_person(client: &impl GenericClient, name: &str) -> Result<bool> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM operators WHERE name = $1 AND removed_at IS NULL) AS is";
    Ok(client.query_one(sql, &[&name]).await?.try_get("is")?)
}

/// A password's hash, and whether its owner must change it.
pub struct NewPassword {
    /// In the PHC form.
    pub hash: String,
    /// Whether the service made it.
    pub temporary: bool,
}

/// Adds an operator; `false` where the name is taken.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    id: UserId,
    name: &UserName,
    password: &NewPassword,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO operators (id, name, password, password_temporary, password_changed_at, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $5, $5) ON CONFLICT (name) WHERE removed_at IS NULL DO NOTHING";
    let NewPassword { hash, temporary } = password;
    let added = client
        .execute(sql, &[&id.0, &name.as_str(), hash, temporary, &now])
        .await?;
    Ok(added == 1)
}

/// All operators in the order of their names.
///
/// # Errors
/// Where the database does not answer.
pub async fn list(client: &impl GenericClient) -> Result<Vec<Account>> {
    let sql = format!(
        "SELECT {} FROM operators u WHERE u.removed_at IS NULL ORDER BY u.name",
        OPERATORS.columns
    );
    client.query(&sql, &[]).await?.iter().map(account).collect()
}

/// Sets a password in the operator's place.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_password(
    client: &impl GenericClient,
    id: UserId,
    password: &NewPassword,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE operators SET password = $2, password_temporary = $3, password_edition = password_edition + 1, \
               password_changed_at = $4, updated_at = $4 WHERE id = $1 AND removed_at IS NULL";
    let NewPassword { hash, temporary } = password;
    client.execute(sql, &[&id.0, hash, temporary, &now]).await?;
    Ok(())
}

/// Suspends an operator, or lets it log in again.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_suspended(
    client: &impl GenericClient,
    id: UserId,
    suspended: bool,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE operators SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, $3) END, updated_at = $3 \
               WHERE id = $1 AND removed_at IS NULL";
    client.execute(sql, &[&id.0, &suspended, &now]).await?;
    Ok(())
}
