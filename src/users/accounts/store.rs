//! Statements on users, and on operators, who lie in a table of their own.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::Account;
use super::whose::{USERS, tables};
use crate::db::{Error, GenericClient, Result};
use crate::types::{GroupName, UserId, UserName, VendorId};

/// Of a user called `u`.
pub(super) const COLUMNS: &str = USERS.columns;

/// Reads [`COLUMNS`].
pub(in crate::users) fn account(row: &Row) -> Result<Account> {
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
        password_changed_at: row.try_get("password_changed_at")?,
        password_temporary: row.try_get("password_temporary")?,
        totp_confirmed_at: row.try_get("totp_confirmed_at")?,
        disabled_at: row.try_get("disabled_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        last_login_at: row.try_get("last_login_at")?,
    })
}

/// A user with what proves it to be one.
#[derive(Clone)]
pub struct Secrets {
    /// Who.
    pub account: Account,
    /// The password's hash.
    pub password: String,
    /// The second factor, sealed; in force only where [`Account::totp_confirmed_at`] says so.
    pub totp: Option<Vec<u8>>,
    /// Whether the vendor demands a second factor.
    pub totp_demanded: bool,
}

impl Secrets {
    /// Whether the password alone is not enough.
    #[must_use]
    pub fn needs_more(&self) -> bool {
        self.totp_demanded || self.account.totp_confirmed_at.is_some()
    }
}

/// A user by name, with its secrets.
///
/// # Errors
/// Where the database does not answer.
pub async fn with_secrets(
    client: &impl GenericClient,
    vendor: VendorId,
    name: &UserName,
) -> Result<Option<Secrets>> {
    let of = tables(vendor);
    let sql = format!(
        "SELECT {}, u.password, u.totp_sealed, {} AS demanded FROM {} u \
         WHERE {} = $1 AND u.name = $2 AND u.removed_at IS NULL",
        of.columns, of.demanded, of.people, of.vendor
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&vendor.0, &name.as_str()])
        .await?;
    row.map(|row| {
        Ok(Secrets {
            account: account(&row)?,
            password: row.try_get("password")?,
            totp: row.try_get("totp_sealed")?,
            totp_demanded: row.try_get("demanded")?,
        })
    })
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

/// Holds a user's row until the transaction ends, if the user is still as it was when its password was verified.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold(
    client: &impl GenericClient,
    vendor: VendorId,
    as_read: &Account,
) -> Result<bool> {
    let of = tables(vendor);
    let sql = format!(
        "SELECT 1 FROM {} WHERE {} = $1 AND id = $2 AND removed_at IS NULL AND disabled_at IS NULL \
         AND password_edition = $3 AND totp_confirmed_at IS NOT DISTINCT FROM $4 FOR UPDATE",
        of.people, of.vendor
    );
    let row = client
        .query_opt(
            &sql,
            &[
                &vendor.0,
                &as_read.id.0,
                &as_read.password_edition,
                &as_read.totp_confirmed_at,
            ],
        )
        .await?;
    Ok(row.is_some())
}

/// Notes that the right password was shown.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_log_in(
    client: &impl GenericClient,
    vendor: VendorId,
    id: UserId,
    now: Timestamp,
) -> Result<()> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET last_login_at = $3 WHERE {} = $1 AND id = $2",
        of.people, of.vendor
    );
    client.execute(&sql, &[&vendor.0, &id.0, &now]).await?;
    Ok(())
}

/// Puts another hash of the same password in the place of an older one.
///
/// # Errors
/// Where the database does not answer.
pub async fn rehash(
    client: &impl GenericClient,
    vendor: VendorId,
    id: UserId,
    from: &str,
    to: &str,
) -> Result<()> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET password = $4 WHERE {} = $1 AND id = $2 AND password = $3",
        of.people, of.vendor
    );
    client
        .execute(&sql, &[&vendor.0, &id.0, &from, &to])
        .await?;
    Ok(())
}

/// Sets a password, if the one before is still of this edition.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_password(
    client: &impl GenericClient,
    vendor: VendorId,
    as_read: &Account,
    hash: &str,
    now: Timestamp,
) -> Result<bool> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET password = $4, password_edition = password_edition + 1, password_changed_at = $5, \
         updated_at = $5{} WHERE {} = $1 AND id = $2 AND password_edition = $3 AND removed_at IS NULL",
        of.people, of.chosen, of.vendor
    );
    let edition = as_read.password_edition;
    let set = client
        .execute(&sql, &[&vendor.0, &as_read.id.0, &edition, &hash, &now])
        .await?;
    Ok(set == 1)
}
