//! Statements that read a lockbox whole, and put another in its place.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Opened;
use crate::db::{GenericClient, Result};
use crate::lockbox::crypto::Wrap;
use crate::lockbox::store::{NEW_WRAP, WRAP, numbers, with_wrap, wrap};
use crate::types::VendorId;

/// An entry as it is stored.
pub struct Entry {
    /// Names it.
    pub id: i64,
    /// Which client it is for.
    pub client_id: String,
    /// Who may read it.
    pub required_group: String,
    /// What it is called.
    pub key: String,
    /// Of the value.
    pub kind: String,
    /// The value.
    pub sealed: Vec<u8>,
    /// Of the data key.
    pub generation: i32,
    /// Of the entry.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

/// The wrapped key of a lockbox that is unlocked at this epoch; `None` where it is not.
///
/// # Errors
/// Where the database does not answer.
pub async fn wrap_at(
    client: &impl GenericClient,
    vendor: VendorId,
    epoch: i64,
) -> Result<Option<Wrap>> {
    let sql =
        format!("SELECT {WRAP} FROM lockboxes WHERE vendor_id = $1 AND epoch = $2 AND NOT locked");
    let row = client.query_opt(&sql, &[&vendor.0, &epoch]).await?;
    row.as_ref().map(wrap).transpose()
}

/// About how many bytes a lockbox takes as a file.
///
/// # Errors
/// Where the database does not answer.
pub async fn size(client: &impl GenericClient, vendor: VendorId) -> Result<usize> {
    let sql = "SELECT coalesce(sum(octet_length(sealed) + octet_length(key) + octet_length(client_id) + 300) * 4 / 3, 0)::bigint \
               AS size FROM lockbox_entries WHERE vendor_id = $1";
    let row = client.query_one(sql, &[&vendor.0]).await?;
    Ok(usize::try_from(row.try_get::<_, i64>("size")?).unwrap_or(usize::MAX))
}

/// All entries, in the order of their ids.
///
/// # Errors
/// Where the database does not answer.
pub async fn entries(client: &impl GenericClient, vendor: VendorId) -> Result<Vec<Entry>> {
    let sql = "SELECT id, client_id, required_group, key, type, sealed, generation, version, created_at, created_by, \
               updated_at, updated_by FROM lockbox_entries WHERE vendor_id = $1 ORDER BY id";
    let rows = client.query(sql, &[&vendor.0]).await?;
    rows.iter()
        .map(|row| {
            Ok(Entry {
                id: row.try_get("id")?,
                client_id: row.try_get("client_id")?,
                required_group: row.try_get("required_group")?,
                key: row.try_get("key")?,
                kind: row.try_get("type")?,
                sealed: row.try_get("sealed")?,
                generation: row.try_get("generation")?,
                version: row.try_get("version")?,
                created_at: row.try_get("created_at")?,
                created_by: row.try_get("created_by")?,
                updated_at: row.try_get("updated_at")?,
                updated_by: row.try_get("updated_by")?,
            })
        })
        .collect()
}

/// Gives a lockbox a fresh wrapped key in the place of this edition, and unlocks it: the epoch, or `None` where the key
/// was wrapped anew since.
///
/// # Errors
/// Where the database does not answer.
pub async fn replace(
    client: &impl GenericClient,
    vendor: VendorId,
    edition: i32,
    wrap: &Wrap,
    now: Timestamp,
) -> Result<Option<i64>> {
    let sql = format!(
        "UPDATE lockboxes SET {NEW_WRAP}, former_key = NULL, locked = false, epoch = epoch + 1, unlocked_at = now(), \
         initialized_at = coalesce(initialized_at, $10) WHERE vendor_id = $1 AND wrap_edition = $9 RETURNING epoch"
    );
    let numbers = numbers(wrap);
    let row = client
        .query_opt(
            &sql,
            &with_wrap(&vendor.0, wrap, &numbers, &[&edition, &now]),
        )
        .await?;
    row.map(|row| Ok(row.try_get("epoch")?)).transpose()
}

/// Deletes all entries; those that do not come back get a last line in their history.
///
/// # Errors
/// Where the database does not answer.
pub async fn clear(
    client: &impl GenericClient,
    vendor: VendorId,
    coming_back: &[i64],
    by: &str,
    now: Timestamp,
) -> Result<()> {
    let sql = "WITH gone AS (DELETE FROM lockbox_entries WHERE vendor_id = $1 RETURNING *) \
               INSERT INTO lockbox_history (vendor_id, entry_id, version, action, client_id, required_group, key, type, at, by) \
               SELECT vendor_id, id, version + 1, 'deleted', client_id, required_group, key, type, \
                      date_trunc('second', $4::timestamptz), $3 FROM gone WHERE id <> ALL($2)";
    client
        .execute(sql, &[&vendor.0, &coming_back, &by, &now])
        .await?;
    Ok(())
}

/// The latest version of each entry there ever was.
///
/// # Errors
/// Where the database does not answer.
pub async fn versions(client: &impl GenericClient, vendor: VendorId) -> Result<HashMap<i64, i32>> {
    let sql = "SELECT entry_id, max(version) AS version FROM lockbox_history WHERE vendor_id = $1 GROUP BY entry_id";
    let rows = client.query(sql, &[&vendor.0]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("entry_id")?, row.try_get("version")?)))
        .collect()
}

/// An entry that comes back.
pub struct Restored<'a> {
    /// As it stands in the backup.
    pub entry: &'a Opened,
    /// Of the entry from now on.
    pub version: i32,
    /// The value.
    pub sealed: Vec<u8>,
}

/// Adds entries of a backup, each with a line in its history.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    generation: i32,
    restored: &[Restored<'_>],
    by: &str,
    now: Timestamp,
) -> Result<()> {
    let sql = "WITH back AS (INSERT INTO lockbox_entries (vendor_id, id, client_id, required_group, key, type, sealed, \
                                 generation, version, created_at, created_by, updated_at, updated_by) \
                             SELECT $1, b.id, b.client_id, b.required_group, b.key, b.type, b.sealed, $2, b.version, \
                                    b.created_at, b.created_by, b.updated_at, b.updated_by \
                             FROM unnest($5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[], \
                                         $11::integer[], $12::timestamptz[], $13::text[], $14::timestamptz[], $15::text[]) \
                                  AS b (id, client_id, required_group, key, type, sealed, version, created_at, created_by, \
                                        updated_at, updated_by) RETURNING *) \
               INSERT INTO lockbox_history (vendor_id, entry_id, version, action, client_id, required_group, key, type, at, by) \
               SELECT vendor_id, id, version, 'restored', client_id, required_group, key, type, \
                      date_trunc('second', $4::timestamptz), $3 FROM back";
    let entries = || restored.iter().map(|one| one.entry);
    let ids: Vec<i64> = entries().map(|e| e.id).collect();
    let clients: Vec<&str> = entries().map(|e| e.client_id.as_str()).collect();
    let groups: Vec<&str> = entries().map(|e| e.required_group.as_str()).collect();
    let keys: Vec<&str> = entries().map(|e| e.key.as_str()).collect();
    let kinds: Vec<&str> = entries().map(|e| e.kind.as_str()).collect();
    let sealed: Vec<&[u8]> = restored.iter().map(|one| one.sealed.as_slice()).collect();
    let versions: Vec<i32> = restored.iter().map(|one| one.version).collect();
    let created: Vec<Timestamp> = entries().map(|e| e.created_at).collect();
    let creators: Vec<&str> = entries().map(|e| e.created_by.as_str()).collect();
    let updated: Vec<Timestamp> = entries().map(|e| e.updated_at).collect();
    let updaters: Vec<&str> = entries().map(|e| e.updated_by.as_str()).collect();
    client
        .execute(
            sql,
            &[
                &vendor.0,
                &generation,
                &by,
                &now,
                &ids,
                &clients,
                &groups,
                &keys,
                &kinds,
                &sealed,
                &versions,
                &created,
                &creators,
                &updated,
                &updaters,
            ],
        )
        .await?;
    Ok(())
}

/// Makes sure that no id is given out twice.
///
/// # Errors
/// Where the database does not answer.
pub async fn move_ids(client: &impl GenericClient, vendor: VendorId) -> Result<()> {
    let sql = "UPDATE lockboxes l SET next_entry_id = greatest(l.next_entry_id, 1 + coalesce( \
               (SELECT max(e.id) FROM lockbox_entries e WHERE e.vendor_id = $1), 0)) WHERE l.vendor_id = $1";
    client.execute(sql, &[&vendor.0]).await?;
    Ok(())
}
