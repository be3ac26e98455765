//! Statements of those who manage users.

use jiff::Timestamp;

use super::{Changes, UserRules};
use crate::db::{GenericClient, Result};
use crate::types::{GroupName, UserId, UserName, VendorId};
use crate::users::accounts::Account;
use crate::users::accounts::store::{COLUMNS, account};
use crate::users::accounts::whose::tables;

/// A user, or an operator, by name; its row held until the transaction ends, where that is asked.
///
/// # Errors
/// Where the database does not answer.
pub async fn by_name(
    client: &impl GenericClient,
    vendor: VendorId,
    name: &UserName,
    hold: bool,
) -> Result<Option<Account>> {
    let hold = if hold { "FOR UPDATE" } else { "" };
    let of = tables(vendor);
    let sql = format!(
        "SELECT {} FROM {} u WHERE {} = $1 AND u.name = $2 AND u.removed_at IS NULL {hold}",
        of.columns, of.people, of.vendor
    );
    let row = client.query_opt(&sql, &[&vendor.0, &name.as_str()]).await?;
    row.as_ref().map(account).transpose()
}

/// A page of a vendor's users in the order of their names, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Account>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users u WHERE u.vendor_id = $1 AND u.name > $2 AND u.removed_at IS NULL \
         ORDER BY u.name LIMIT $3"
    );
    let rows = client
        .query(&sql, &[&vendor.0, &after.unwrap_or(""), &(limit + 1)])
        .await?;
    rows.iter().map(account).collect()
}

/// Groups of a vendor's users in the order of their names, each with how many are in it, one row more than asked.
///
/// # Errors
/// Where the database does not answer.
pub async fn groups(
    client: &impl GenericClient,
    vendor: VendorId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT g.name COLLATE \"C\" AS name, count(*) AS members FROM users u, unnest(u.groups) AS g (name) \
               WHERE u.vendor_id = $1 AND u.removed_at IS NULL AND g.name COLLATE \"C\" > $2 \
               GROUP BY 1 ORDER BY 1 LIMIT $3";
    let rows = client
        .query(sql, &[&vendor.0, &after.unwrap_or(""), &(limit + 1)])
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("name")?, row.try_get("members")?)))
        .collect()
}

/// Changes a user whose row is held.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    of: &Account,
    to: &Changes,
    password: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE users SET groups = coalesce($3, groups), password = coalesce($4, password), \
               password_edition = password_edition + CASE WHEN $4::text IS NULL THEN 0 ELSE 1 END, \
               password_changed_at = CASE WHEN $4::text IS NULL THEN password_changed_at ELSE $7 END, \
               disabled_at = CASE WHEN $5::boolean IS NULL THEN disabled_at WHEN $5 THEN coalesce(disabled_at, $7) END, \
               totp_sealed = CASE WHEN $6 THEN NULL ELSE totp_sealed END, \
               totp_confirmed_at = CASE WHEN $6 THEN NULL ELSE totp_confirmed_at END, \
               totp_last_step = CASE WHEN $6 THEN NULL ELSE totp_last_step END, \
               updated_at = $7 WHERE vendor_id = $1 AND id = $2";
    let texts = |groups: &super::Groups| {
        let texts = groups.as_slice().iter().map(GroupName::as_str);
        texts.map(str::to_owned).collect::<Vec<String>>()
    };
    let groups = to.groups.as_ref().map(texts);
    client
        .execute(
            sql,
            &[
                &of.vendor.0,
                &of.id.0,
                &groups,
                &password,
                &to.disabled,
                &to.reset_totp,
                &now,
            ],
        )
        .await?;
    Ok(())
}

/// Marks a user, or an operator, as removed, and forgets its secrets.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(
    client: &impl GenericClient,
    vendor: VendorId,
    id: UserId,
    now: Timestamp,
) -> Result<()> {
    let of = tables(vendor);
    let sql = format!(
        "UPDATE {} SET removed_at = $3, updated_at = $3, password = '', password_edition = password_edition + 1, \
         totp_sealed = NULL, totp_confirmed_at = NULL WHERE {} = $1 AND id = $2",
        of.people, of.vendor
    );
    client.execute(&sql, &[&vendor.0, &id.0, &now]).await?;
    Ok(())
}

/// Lets one transaction at a time take administrators of a vendor away.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock_administrators(client: &impl GenericClient, vendor: VendorId) -> Result<()> {
    let sql =
        "SELECT pg_advisory_xact_lock(hashtextextended('administrators of ' || $1::bigint, 0))";
    client.execute(sql, &[&vendor.0]).await?;
    Ok(())
}

/// Whether a vendor has an enabled administrator besides this user.
///
/// # Errors
/// Where the database does not answer.
pub async fn other_administrators(
    client: &impl GenericClient,
    vendor: VendorId,
    but: UserId,
) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE vendor_id = $1 AND id <> $2 AND removed_at IS NULL \
               AND disabled_at IS NULL AND $3 = ANY (groups)) AS is";
    let group = GroupName::ADMINISTRATORS;
    let row = client.query_one(sql, &[&vendor.0, &but.0, &group]).await?;
    Ok(row.try_get("is")?)
}

/// What a vendor demands of its users.
///
/// # Errors
/// Where the database does not answer.
pub async fn rules(client: &impl GenericClient, vendor: VendorId) -> Result<UserRules> {
    let sql = "SELECT require_totp FROM user_rules WHERE vendor_id = $1";
    let row = client.query_opt(sql, &[&vendor.0]).await?;
    let Some(row) = row else {
        return Ok(UserRules::default());
    };
    Ok(UserRules {
        require_totp: row.try_get("require_totp")?,
    })
}

/// Changes it.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_rules(
    client: &impl GenericClient,
    vendor: VendorId,
    to: UserRules,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO user_rules (vendor_id, require_totp, updated_at) VALUES ($1, $2, $3) \
               ON CONFLICT (vendor_id) DO UPDATE SET require_totp = $2, updated_at = $3";
    client
        .execute(sql, &[&vendor.0, &to.require_totp, &now])
        .await?;
    Ok(())
}
