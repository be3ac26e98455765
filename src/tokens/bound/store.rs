//! Statements on the roles of sets of networks.

use jiff::Timestamp;

use super::Bound;
use crate::db::{Error, GenericClient, Result};
use crate::tokens::Kind;
use crate::types::{Namespace, Networks, VendorId};

/// A row, as far as a token path needs it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its number.
    pub id: i64,
    /// Whether the role was made.
    pub is_made: bool,
}

fn row(row: &tokio_postgres::Row) -> Result<Row> {
    Ok(Row {
        id: row.try_get("id")?,
        is_made: row.try_get("is_made")?,
    })
}

/// Notes that a role is used; `None` where there is none of that kind and set.
///
/// # Errors
/// Where the database does not answer.
pub async fn touch(
    client: &impl GenericClient,
    vendor: VendorId,
    kind: Kind,
    networks: &Networks,
    now: Timestamp,
) -> Result<Option<Row>> {
    let sql = "UPDATE bound_roles SET last_used_at = greatest(last_used_at, $4) \
               WHERE vendor_id = $1 AND kind = $2 AND networks = $3 AND removing_at IS NULL \
               RETURNING id, made_at IS NOT NULL AS is_made";
    let (kind, networks) = (kind.rules().name, networks.written());
    let found = client
        .query_opt(sql, &[&vendor.0, &kind, &networks, &now])
        .await?;
    found.as_ref().map(row).transpose()
}

/// Lets one at a time add a role of the vendor, until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold(client: &impl GenericClient, vendor: VendorId) -> Result<()> {
    let name = format!("bound_roles {}", vendor.0);
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
    client.query_one(sql, &[&name]).await?;
    Ok(())
}

/// How many roles the vendor has.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(client: &impl GenericClient, vendor: VendorId) -> Result<i64> {
    let sql =
        "SELECT count(*) AS roles FROM bound_roles WHERE vendor_id = $1 AND removing_at IS NULL";
    Ok(client
        .query_one(sql, &[&vendor.0])
        .await?
        .try_get("roles")?)
}

/// Adds a role that is still to be made; `None` where the vendor is not active.
///
/// # Errors
/// Where the database does not answer.
pub async fn add(
    client: &impl GenericClient,
    vendor: VendorId,
    kind: Kind,
    networks: &Networks,
    now: Timestamp,
) -> Result<Option<Row>> {
    let sql = "WITH active AS (SELECT id FROM vendors WHERE id = $1 AND status = 'active' FOR SHARE) \
               INSERT INTO bound_roles (vendor_id, kind, networks, last_used_at) SELECT id, $2, $3, $4 FROM active \
               RETURNING id, false AS is_made";
    let (kind, networks) = (kind.rules().name, networks.written());
    let added = client
        .query_opt(sql, &[&vendor.0, &kind, &networks, &now])
        .await?;
    added.as_ref().map(row).transpose()
}

/// Notes that a role stands; `false` where it is on its way out.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_made(
    client: &impl GenericClient,
    vendor: VendorId,
    id: i64,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE bound_roles SET made_at = $3 WHERE vendor_id = $1 AND id = $2 AND removing_at IS NULL";
    Ok(client.execute(sql, &[&vendor.0, &id, &now]).await? == 1)
}

fn bound(row: &tokio_postgres::Row) -> Result<(VendorId, Bound)> {
    let namespace = Namespace::parse(row.try_get("namespace")?)
        .map_err(|_| Error::Corrupt("vendors.namespace"))?;
    let kind = Kind::named(row.try_get("kind")?).ok_or(Error::Corrupt("bound_roles.kind"))?;
    let networks: Vec<String> = row.try_get("networks")?;
    let networks =
        Networks::parse(&networks).map_err(|_| Error::Corrupt("bound_roles.networks"))?;
    let bound = Bound::new(row.try_get("id")?, &namespace, kind, networks);
    Ok((VendorId(row.try_get("vendor_id")?), bound))
}

const COLUMNS: &str = "SELECT b.id, b.vendor_id, v.namespace, b.kind, b.networks \
                       FROM bound_roles b JOIN vendors v ON v.id = b.vendor_id";

/// The roles of a vendor that should stand.
///
/// # Errors
/// Where the database does not answer, or a row breaks the rules of its type.
pub async fn standing(client: &impl GenericClient, vendor: VendorId) -> Result<Vec<Bound>> {
    let sql = format!(
        "{COLUMNS} WHERE b.vendor_id = $1 AND b.made_at IS NOT NULL AND b.removing_at IS NULL ORDER BY b.id"
    );
    let rows = client.query(&sql, &[&vendor.0]).await?;
    rows.iter().map(|row| Ok(bound(row)?.1)).collect()
}

/// Marks for removal what nobody used since and no live token needs, of any vendor; some at a time, in a transaction.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_unused(
    client: &impl GenericClient,
    now: Timestamp,
    since: Timestamp,
    limit: i64,
) -> Result<u64> {
    // Locked first, in a statement of its own: a token recorded meanwhile is then seen by the second, or its row waits,
    // and is refused.
    let lock = "SELECT b.id FROM bound_roles b WHERE removing_at IS NULL AND last_used_at < $1 AND NOT EXISTS ( \
                SELECT 1 FROM issuances i WHERE i.vendor_id = b.vendor_id AND i.bound_role_id = b.id AND i.revoked_at IS NULL \
                AND i.max_expires_at > $2) ORDER BY last_used_at LIMIT $3 FOR UPDATE SKIP LOCKED";
    let rows = client.query(lock, &[&since, &now, &limit]).await?;
    let ids: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<std::result::Result<_, _>>()?;
    let mark = "UPDATE bound_roles b SET removing_at = $2 WHERE id = ANY($1) AND NOT EXISTS ( \
                SELECT 1 FROM issuances i WHERE i.vendor_id = b.vendor_id AND i.bound_role_id = b.id AND i.revoked_at IS NULL \
                AND i.max_expires_at > $2)";
    Ok(client.execute(mark, &[&ids, &now]).await?)
}

/// Marks all of a vendor's for removal, whoever needs them.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_all(client: &impl GenericClient, vendor: VendorId, now: Timestamp) -> Result<()> {
    let sql =
        "UPDATE bound_roles SET removing_at = $2 WHERE vendor_id = $1 AND removing_at IS NULL";
    client.execute(sql, &[&vendor.0, &now]).await?;
    Ok(())
}

/// Some that are marked for removal: of one vendor, or of all.
///
/// # Errors
/// Where the database does not answer, or a row breaks the rules of its type.
pub async fn marked(
    client: &impl GenericClient,
    whose: Option<VendorId>,
    limit: i64,
) -> Result<Vec<(VendorId, Bound)>> {
    let sql = format!(
        "{COLUMNS} WHERE b.removing_at IS NOT NULL AND ($1::bigint IS NULL OR b.vendor_id = $1) ORDER BY b.id LIMIT $2"
    );
    let rows = client
        .query(&sql, &[&whose.map(|vendor| vendor.0), &limit])
        .await?;
    rows.iter().map(bound).collect()
}

/// Forgets a role that is gone.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(client: &impl GenericClient, vendor: VendorId, id: i64) -> Result<()> {
    let sql =
        "DELETE FROM bound_roles WHERE vendor_id = $1 AND id = $2 AND removing_at IS NOT NULL";
    client.execute(sql, &[&vendor.0, &id]).await?;
    Ok(())
}

/// Of these numbers, those that rows have, of any vendor.
///
/// # Errors
/// Where the database does not answer, or a row breaks the rules of its type.
pub async fn known(client: &impl GenericClient, ids: &[i64]) -> Result<Vec<Bound>> {
    let sql = format!("{COLUMNS} WHERE b.id = ANY($1)");
    let rows = client.query(&sql, &[&ids]).await?;
    rows.iter().map(|row| Ok(bound(row)?.1)).collect()
}
