//! Statements on credentials. Their values are not here.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Record;
use crate::db::{Error, GenericClient, Result};
use crate::types::{CredentialId, CredentialKey, VendorId};

const COLUMNS: &str = "id, key, type, version, rotate_by, created_at, updated_at, last_used_at, deleted_at, policy_at";

fn record(row: &Row) -> Result<Record> {
    Ok(Record {
        id: CredentialId(row.try_get("id")?),
        key: CredentialKey::parse(row.try_get("key")?)
            .map_err(|_| Error::Corrupt("credentials.key"))?,
        type_name: row.try_get("type")?,
        version: u32::try_from(row.try_get::<_, i32>("version")?)
            .map_err(|_| Error::Corrupt("credentials.version"))?,
        rotate_by: row.try_get("rotate_by")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        last_used_at: row.try_get("last_used_at")?,
        deleted_at: row.try_get("deleted_at")?,
        has_policy: row.try_get::<_, Option<Timestamp>>("policy_at")?.is_some(),
    })
}

fn number(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

/// A credential, deleted or not.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    vendor: VendorId,
    key: &CredentialKey,
) -> Result<Option<Record>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM credentials WHERE vendor_id = $1 AND key = $2 AND destroyed_at IS NULL AND version > 0"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&vendor.0, &key.as_str()])
        .await?;
    row.as_ref().map(record).transpose()
}

/// A page of credentials that are not deleted, in the order of their keys, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    after: Option<&CredentialKey>,
    limit: i64,
) -> Result<Vec<Record>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM credentials WHERE vendor_id = $1 AND key > $2 AND destroyed_at IS NULL \
         AND deleted_at IS NULL AND version > 0 ORDER BY key LIMIT $3"
    );
    let after = after.map_or("", CredentialKey::as_str);
    let rows = client
        .query(&sql, &[&vendor.0, &after, &(limit + 1)])
        .await?;
    rows.iter().map(record).collect()
}

/// Which of `keys` name a credential already, deleted or not, and whether that is still being made or removed.
///
/// # Errors
/// Where the database does not answer.
pub async fn taken(
    client: &impl GenericClient,
    vendor: VendorId,
    keys: &[&str],
) -> Result<Vec<(String, bool)>> {
    let sql = "SELECT key, version = 0 AS unfinished FROM credentials \
               WHERE vendor_id = $1 AND key = ANY($2) AND destroyed_at IS NULL";
    let rows = client.query(sql, &[&vendor.0, &keys]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("key")?, row.try_get("unfinished")?)))
        .collect()
}

/// A credential to be made.
pub struct Reserved<'a> {
    /// Its name.
    pub key: &'a CredentialKey,
    /// Of which model.
    pub type_name: &'static str,
    /// When its owner wants it changed.
    pub rotate_by: Option<Timestamp>,
}

/// Takes a key: a row of version 0 with a claim on it; `None` where the key is taken.
///
/// # Errors
/// Where the database does not answer.
pub async fn reserve(
    client: &impl GenericClient,
    vendor: VendorId,
    new: &Reserved<'_>,
    claim: Uuid,
    now: Timestamp,
) -> Result<Option<CredentialId>> {
    let sql = "INSERT INTO credentials (vendor_id, key, type, rotate_by, claim, claimed_until, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, now() + interval '2 minutes', $6, $6) \
               ON CONFLICT (vendor_id, key) WHERE destroyed_at IS NULL DO NOTHING RETURNING id";
    let key = new.key.as_str();
    let row = client
        .query_opt(
            sql,
            &[
                &vendor.0,
                &key,
                &new.type_name,
                &new.rotate_by,
                &claim,
                &now,
            ],
        )
        .await?;
    row.map(|row| Ok(CredentialId(row.try_get("id")?)))
        .transpose()
}

/// Notes the first version; `false` where the claim was lost meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn finish(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    version: u32,
    claim: Uuid,
) -> Result<bool> {
    let sql = "UPDATE credentials SET version = $3, claim = NULL, claimed_until = NULL \
               WHERE vendor_id = $1 AND id = $2 AND version = 0 AND claim = $4";
    let version = number(version);
    let finished = client
        .execute(sql, &[&vendor.0, &id.0, &version, &claim])
        .await?;
    Ok(finished == 1)
}

/// Takes a credential for one writer, for half a minute; `false` where another has it.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    claim: Uuid,
) -> Result<bool> {
    let sql = "UPDATE credentials SET claim = $3, claimed_until = now() + interval '30 seconds' \
               WHERE vendor_id = $1 AND id = $2 AND destroyed_at IS NULL AND version > 0 \
               AND (claimed_until IS NULL OR claimed_until < now())";
    Ok(client.execute(sql, &[&vendor.0, &id.0, &claim]).await? == 1)
}

/// Keeps a claim for longer; `false` where it was lost.
///
/// # Errors
/// Where the database does not answer.
pub async fn keep_claim(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    claim: Uuid,
) -> Result<bool> {
    let sql = "UPDATE credentials SET claimed_until = now() + interval '2 minutes' \
               WHERE vendor_id = $1 AND id = $2 AND claim = $3";
    Ok(client.execute(sql, &[&vendor.0, &id.0, &claim]).await? == 1)
}

/// Gives a claim back.
///
/// # Errors
/// Where the database does not answer.
pub async fn release(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    claim: Uuid,
) -> Result<()> {
    let sql = "UPDATE credentials SET claim = NULL, claimed_until = NULL WHERE vendor_id = $1 AND id = $2 AND claim = $3";
    client.execute(sql, &[&vendor.0, &id.0, &claim]).await?;
    Ok(())
}

/// Gives a key up that was taken and not used.
///
/// # Errors
/// Where the database does not answer.
pub async fn give_up(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    claim: Uuid,
) -> Result<()> {
    let sql =
        "DELETE FROM credentials WHERE vendor_id = $1 AND id = $2 AND version = 0 AND claim = $3";
    client.execute(sql, &[&vendor.0, &id.0, &claim]).await?;
    Ok(())
}

/// A key that was taken, and whose first version was never noted.
pub struct Unfinished {
    /// Which.
    pub id: CredentialId,
    /// Whose.
    pub vendor: VendorId,
    /// Its name.
    pub key: CredentialKey,
}

/// Claims a key of any active vendor that a crash left.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_unfinished(
    client: &impl GenericClient,
    claim: Uuid,
) -> Result<Option<Unfinished>> {
    let sql = "UPDATE credentials SET claim = $1, claimed_until = now() + interval '2 minutes' WHERE id = ( \
               SELECT c.id FROM credentials c JOIN vendors v ON v.id = c.vendor_id AND v.status = 'active' \
               WHERE c.version = 0 AND c.destroyed_at IS NULL AND c.claimed_until < now() \
               ORDER BY c.claimed_until LIMIT 1 FOR UPDATE OF c SKIP LOCKED) \
               RETURNING id, vendor_id, key";
    let row = client.query_opt(sql, &[&claim]).await?;
    row.map(|row| {
        Ok(Unfinished {
            id: CredentialId(row.try_get("id")?),
            vendor: VendorId(row.try_get("vendor_id")?),
            key: CredentialKey::parse(row.try_get("key")?)
                .map_err(|_| Error::Corrupt("credentials.key"))?,
        })
    })
    .transpose()
}

/// What a new version is.
pub struct NewVersion {
    /// Its number.
    pub version: u32,
    /// Of which model.
    pub type_name: &'static str,
    /// When its owner wants it changed.
    pub rotate_by: Option<Timestamp>,
}

/// Notes a new version; `false` where the claim was lost meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn advance(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    new: &NewVersion,
    claim: Uuid,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE credentials SET version = $3, type = $4, rotate_by = $5, reminded_at = NULL, updated_at = $6 \
               WHERE vendor_id = $1 AND id = $2 AND destroyed_at IS NULL AND claim = $7";
    let version = number(new.version);
    let advanced = client
        .execute(
            sql,
            &[
                &vendor.0,
                &id.0,
                &version,
                &new.type_name,
                &new.rotate_by,
                &now,
                &claim,
            ],
        )
        .await?;
    Ok(advanced == 1)
}

/// Notes that a credential was read, at most once a minute.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_used(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE credentials SET last_used_at = $3 WHERE vendor_id = $1 AND id = $2 \
               AND (last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute')";
    client.execute(sql, &[&vendor.0, &id.0, &now]).await?;
    Ok(())
}

/// Notes that a credential is deleted, or (`None`) that it is read again; `false` where the claim was lost meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_deleted(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    at: Option<Timestamp>,
    claim: Uuid,
) -> Result<bool> {
    let sql =
        "UPDATE credentials SET deleted_at = $3 WHERE vendor_id = $1 AND id = $2 AND claim = $4";
    let marked = client
        .execute(sql, &[&vendor.0, &id.0, &at, &claim])
        .await?;
    Ok(marked == 1)
}

/// Notes that a credential is gone for good; its key is free again. `false` where the claim was lost meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_destroyed(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    claim: Uuid,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE credentials SET destroyed_at = $3 WHERE vendor_id = $1 AND id = $2 \
               AND destroyed_at IS NULL AND claim = $4";
    let marked = client
        .execute(sql, &[&vendor.0, &id.0, &now, &claim])
        .await?;
    Ok(marked == 1)
}

/// Notes whether OpenBao has the policy of tokens that read this one credential.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_policy(
    client: &impl GenericClient,
    vendor: VendorId,
    id: CredentialId,
    at: Option<Timestamp>,
) -> Result<()> {
    let sql = "UPDATE credentials SET policy_at = $3 WHERE vendor_id = $1 AND id = $2";
    client.execute(sql, &[&vendor.0, &id.0, &at]).await?;
    Ok(())
}

/// Marks credentials of any vendor that should be changed before `soon`, so that each is said once.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_to_rotate(
    client: &impl GenericClient,
    now: Timestamp,
    soon: Timestamp,
    limit: i64,
) -> Result<Vec<(VendorId, String, Timestamp)>> {
    let sql = "UPDATE credentials SET reminded_at = $1 WHERE id IN ( \
               SELECT id FROM credentials WHERE rotate_by < $2 AND reminded_at IS NULL AND destroyed_at IS NULL \
               AND deleted_at IS NULL AND version > 0 ORDER BY rotate_by LIMIT $3 FOR UPDATE SKIP LOCKED) \
               RETURNING vendor_id, key, rotate_by";
    let rows = client.query(sql, &[&now, &soon, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok((
                VendorId(row.try_get("vendor_id")?),
                row.try_get("key")?,
                row.try_get("rotate_by")?,
            ))
        })
        .collect()
}
