//! Statements on whose turn it is, and on what was found and left alone.

use jiff::Timestamp;

use super::Finding;
use crate::db::{Error, GenericClient, Result};
use crate::types::{CredentialId, CredentialKey, VendorId};

/// Vendors that were not compared since, those that never were first.
///
/// # Errors
/// Where the database does not answer.
pub async fn due(
    client: &impl GenericClient,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<VendorId>> {
    let sql = "SELECT v.id FROM vendors v LEFT JOIN vendor_checks c ON c.vendor_id = v.id \
               WHERE v.status <> 'cancelled' AND v.provisioned_level > 0 AND (c.checked_at IS NULL OR c.checked_at < $1) \
               ORDER BY c.checked_at NULLS FIRST, v.id LIMIT $2";
    let rows = client.query(sql, &[&since, &limit]).await?;
    rows.iter()
        .map(|row| Ok(VendorId(row.try_get("id")?)))
        .collect()
}

/// Notes that a vendor was compared.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_checked(
    client: &impl GenericClient,
    vendor: VendorId,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO vendor_checks (vendor_id, checked_at) VALUES ($1, $2) \
               ON CONFLICT (vendor_id) DO UPDATE SET checked_at = $2";
    client.execute(sql, &[&vendor.0, &now]).await?;
    Ok(())
}

/// Credentials of a vendor that tokens of their own were made for.
///
/// # Errors
/// Where the database does not answer, or a row breaks the rules of its type.
pub async fn credentials(
    client: &impl GenericClient,
    vendor: VendorId,
) -> Result<Vec<(CredentialId, CredentialKey)>> {
    let sql = "SELECT id, key FROM credentials WHERE vendor_id = $1 AND policy_at IS NOT NULL \
               AND destroyed_at IS NULL ORDER BY id";
    let rows = client.query(sql, &[&vendor.0]).await?;
    rows.iter()
        .map(|row| {
            let key: String = row.try_get("key")?;
            let key =
                CredentialKey::try_from(key).map_err(|_| Error::Corrupt("credentials.key"))?;
            Ok((CredentialId(row.try_get("id")?), key))
        })
        .collect()
}

/// Whether tokens of its own were made for a credential that is there.
///
/// # Errors
/// Where the database does not answer.
pub async fn has_policy(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
) -> Result<bool> {
    let sql = "SELECT FROM credentials WHERE vendor_id = $1 AND id = $2 AND policy_at IS NOT NULL AND destroyed_at IS NULL";
    Ok(client.query_opt(sql, &[&vendor.0, &id.0]).await?.is_some())
}

/// Keeps a finding; `false` where it stood there already.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    (what, name): (&str, &str),
    vendor: Option<VendorId>,
    says: &str,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO findings (what, name, vendor_id, says, since) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (what, name) DO UPDATE SET says = $4 RETURNING xmax = 0 AS is_new";
    let vendor = vendor.map(|vendor| vendor.0);
    let row = client
        .query_one(sql, &[&what, &name, &vendor, &says, &now])
        .await?;
    Ok(row.try_get("is_new")?)
}

/// Forgets the findings about a vendor but these.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_of_vendor(
    client: &impl GenericClient,
    vendor: VendorId,
    but: &[&str],
) -> Result<()> {
    let sql = "DELETE FROM findings WHERE vendor_id = $1 AND name <> ALL ($2)";
    client.execute(sql, &[&vendor.0, &but]).await?;
    Ok(())
}

/// Forgets the findings of a kind that are about no vendor, but these.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_of_platform(
    client: &impl GenericClient,
    what: &str,
    but: &[&str],
) -> Result<()> {
    let sql = "DELETE FROM findings WHERE vendor_id IS NULL AND what = $1 AND name <> ALL ($2)";
    client.execute(sql, &[&what, &but]).await?;
    Ok(())
}

/// A page of what was found and left alone, the oldest first, of all vendors: it is the operators' to read. One row more
/// than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn findings(client: &impl GenericClient, after: i64, limit: i64) -> Result<Vec<Finding>> {
    let sql = "SELECT f.id, f.what, f.name, v.namespace, f.says, f.since FROM findings f \
               LEFT JOIN vendors v ON v.id = f.vendor_id WHERE f.id > $1 ORDER BY f.id LIMIT $2";
    let rows = client.query(sql, &[&after, &(limit + 1)]).await?;
    rows.iter()
        .map(|row| {
            Ok(Finding {
                id: row.try_get("id")?,
                what: row.try_get("what")?,
                name: row.try_get("name")?,
                namespace: row.try_get("namespace")?,
                says: row.try_get("says")?,
                since: row.try_get("since")?,
            })
        })
        .collect()
}

/// Of these namespaces, those that may have policies in OpenBao: of vendors that were not cancelled, or that are being
/// removed still.
///
/// # Errors
/// Where the database does not answer.
pub async fn namespaces(client: &impl GenericClient, names: &[&str]) -> Result<Vec<String>> {
    let sql = "SELECT v.namespace FROM vendors v LEFT JOIN cancellations c ON c.vendor_id = v.id \
               WHERE v.namespace = ANY ($1) AND (v.status <> 'cancelled' OR c.checked_at IS NULL)";
    let rows = client.query(sql, &[&names]).await?;
    rows.iter()
        .map(|row| Ok(row.try_get("namespace")?))
        .collect()
}

/// Of these ids, those of workers and of credentials that may have a policy in OpenBao, with the namespace of each.
///
/// # Errors
/// Where the database does not answer.
pub async fn scopes(
    client: &impl GenericClient,
    workers: &[i64],
    credentials: &[i64],
) -> Result<Vec<(String, bool, i64)>> {
    let sql = "SELECT v.namespace, true AS is_worker, w.id FROM workers w JOIN vendors v ON v.id = w.vendor_id \
               WHERE w.id = ANY ($1) AND w.policy_gone_at IS NULL \
               UNION ALL SELECT v.namespace, false, c.id::bigint FROM credentials c JOIN vendors v ON v.id = c.vendor_id \
               WHERE c.id = ANY ($2::bigint[]) AND c.policy_at IS NOT NULL";
    let rows = client.query(sql, &[&workers, &credentials]).await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get("namespace")?,
                row.try_get("is_worker")?,
                row.try_get("id")?,
            ))
        })
        .collect()
}
