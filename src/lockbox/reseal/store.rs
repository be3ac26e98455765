//! Statements on entries that are sealed with a former data key.

use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// An entry sealed with a former data key.
pub struct Stale {
    /// Names it.
    pub id: i64,
    /// Of the entry.
    pub version: i32,
    /// Who may read it.
    pub required_group: String,
    /// Which client it is for.
    pub client_id: String,
    /// What it is called.
    pub key: String,
    /// Of the value.
    pub kind: String,
    /// Of the data key.
    pub generation: i32,
    /// The value.
    pub sealed: Vec<u8>,
}

/// The same, sealed with the current one.
pub struct Resealed {
    /// Names it.
    pub id: i64,
    /// Of the entry.
    pub version: i32,
    /// The value.
    pub sealed: Vec<u8>,
}

/// Keeps a lockbox at its epoch until the transaction ends; `false` where it moved or is locked.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold_epoch(client: &impl GenericClient, vendor: VendorId, epoch: i64) -> Result<bool> {
    let sql =
        "SELECT 1 FROM lockboxes WHERE vendor_id = $1 AND epoch = $2 AND NOT locked FOR SHARE";
    Ok(client.query_opt(sql, &[&vendor.0, &epoch]).await?.is_some())
}

/// Entries of former generations after this one, in the order of their ids. They are locked until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn stale(
    client: &impl GenericClient,
    vendor: VendorId,
    generation: i32,
    after: i64,
    limit: i64,
) -> Result<Vec<Stale>> {
    let sql = "SELECT id, version, required_group, client_id, key, type, generation, sealed FROM lockbox_entries \
               WHERE vendor_id = $1 AND generation < $2 AND id > $3 ORDER BY id LIMIT $4 FOR NO KEY UPDATE";
    let rows = client
        .query(sql, &[&vendor.0, &generation, &after, &limit])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Stale {
                id: row.try_get("id")?,
                version: row.try_get("version")?,
                required_group: row.try_get("required_group")?,
                client_id: row.try_get("client_id")?,
                key: row.try_get("key")?,
                kind: row.try_get("type")?,
                generation: row.try_get("generation")?,
                sealed: row.try_get("sealed")?,
            })
        })
        .collect()
}

/// Puts values in the place of the same ones, sealed with a former key, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn replace(
    client: &impl GenericClient,
    vendor: VendorId,
    generation: i32,
    fresh: &[Resealed],
) -> Result<u64> {
    let sql = "UPDATE lockbox_entries e SET sealed = f.sealed, generation = $2 \
               FROM unnest($3::bigint[], $4::integer[], $5::bytea[]) AS f (id, version, sealed) \
               WHERE e.vendor_id = $1 AND e.id = f.id AND e.version = f.version AND e.generation < $2";
    let ids: Vec<i64> = fresh.iter().map(|one| one.id).collect();
    let versions: Vec<i32> = fresh.iter().map(|one| one.version).collect();
    let sealed: Vec<&[u8]> = fresh.iter().map(|one| one.sealed.as_slice()).collect();
    Ok(client
        .execute(sql, &[&vendor.0, &generation, &ids, &versions, &sealed])
        .await?)
}

/// Drops the former key if no entry needs it any more.
///
/// # Errors
/// Where the database does not answer.
pub async fn finish(
    client: &impl GenericClient,
    vendor: VendorId,
    epoch: i64,
    generation: i32,
) -> Result<bool> {
    let sql = "UPDATE lockboxes SET former_key = NULL WHERE vendor_id = $1 AND epoch = $2 AND generation = $3 \
               AND NOT EXISTS (SELECT 1 FROM lockbox_entries e WHERE e.vendor_id = $1 AND e.generation < $3)";
    let finished = client
        .execute(sql, &[&vendor.0, &epoch, &generation])
        .await?;
    Ok(finished == 1)
}
