//! Statements on users.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::Account;
use crate::db::{Error, GenericClient, Result};
use crate::types::{GroupName, UserId, UserName, VendorId};

/// Of a user called `u`.
const COLUMNS: &str = "u.id, u.vendor_id, u.name, u.groups, u.password_edition, u.totp_confirmed_at, u.disabled_at, \
                       u.created_at, u.updated_at, u.last_login_at";

fn account(row: &Row) -> Result<Account> {
    let groups: Vec<String> = row.try_get("groups")?;
    let groups: std::result::Result<Vec<GroupName>, _> =
        groups.into_iter().map(GroupName::try_from).collect();
    Ok(Account {
        id: UserId(row.try_get("id")?),
        vendor: VendorId(row.try_get("vendor_id")?),
        name: UserName::try_from(row.try_get::<_, String>("name")?)
            .map_err(|_| Error::Corrupt("users.name"))?,
        groups: groups.map_err(|_| Error::Corrupt("users.groups"))?,
        password_edition: row.try_get("password_edition")?,
        totp_confirmed_at: row.try_get("totp_confirmed_at")?,
        disabled_at: row.try_get("disabled_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        last_login_at: row.try_get("last_login_at")?,
    })
}

/// A user by name, with the password's hash.
///
/// # Errors
/// Where the database does not answer.
pub async fn with_password(
    client: &impl GenericClient,
    vendor: VendorId,
    name: &UserName,
) -> Result<Option<(Account, String)>> {
    let sql = format!(
        "SELECT {COLUMNS}, u.password FROM users u WHERE u.vendor_id = $1 AND u.name = $2 AND u.removed_at IS NULL"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&vendor.0, &name.as_str()])
        .await?;
    row.map(|row| Ok((account(&row)?, row.try_get("password")?)))
        .transpose()
}

/// A user to be added.
pub struct NewUser<'a> {
    /// Names the user.
    pub id: UserId,
    /// Unique within the vendor.
    pub name: &'a UserName,
    /// Of the user.
    pub groups: &'a [GroupName],
    /// The password's hash.
    pub password: &'a str,
}

/// Adds a user; `false` where the name is taken.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    new: &NewUser<'_>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO users (vendor_id, id, name, groups, password, password_changed_at, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $6, $6) ON CONFLICT (vendor_id, name) WHERE removed_at IS NULL DO NOTHING";
    let groups: Vec<&str> = new.groups.iter().map(GroupName::as_str).collect();
    let name = new.name.as_str();
    let added = client
        .execute(
            sql,
            &[&vendor.0, &new.id.0, &name, &groups, &new.password, &now],
        )
        .await?;
    Ok(added == 1)
}
