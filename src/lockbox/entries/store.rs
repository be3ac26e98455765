//! Statements on entries and their history.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Draft, Entry, EntryId, Kind};
use crate::db::{Error, GenericClient, Result};
use crate::types::VendorId;

/// Of an entry called `e`, without its value.
pub(super) const COLUMNS: &str = "e.id, e.client_id, e.required_group, e.key, e.type, e.version, \
                                  e.created_at, e.created_by, e.updated_at, e.updated_by";

pub(super) fn entry(row: &Row) -> Result<Entry> {
    Ok(Entry {
        id: EntryId(row.try_get("id")?),
        client_id: row.try_get("client_id")?,
        required_group: row.try_get("required_group")?,
        key: row.try_get("key")?,
        kind: Kind::parse(row.try_get("type")?).ok_or(Error::Corrupt("lockbox_entries.type"))?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        created_by: row.try_get("created_by")?,
        updated_at: row.try_get("updated_at")?,
        updated_by: row.try_get("updated_by")?,
    })
}

/// A value as it is stored.
pub struct Sealed {
    /// Of the data key.
    pub generation: i32,
    /// The value, sealed.
    pub bytes: Vec<u8>,
}

/// Whether a lockbox is open at this epoch.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_open(client: &impl GenericClient, vendor: VendorId, epoch: i64) -> Result<bool> {
    let sql = "SELECT 1 FROM lockboxes WHERE vendor_id = $1 AND epoch = $2 AND NOT locked";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&vendor.0, &epoch]).await?;
    Ok(row.is_some())
}

/// Holds the row of a lockbox until the transaction ends, if it is open at this epoch. Others who write, lock or change
/// the key come after.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold_open(client: &impl GenericClient, vendor: VendorId, epoch: i64) -> Result<bool> {
    let sql = "SELECT 1 FROM lockboxes WHERE vendor_id = $1 AND epoch = $2 AND NOT locked FOR NO KEY UPDATE";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&vendor.0, &epoch]).await?;
    Ok(row.is_some())
}

/// As [`hold_open`], and takes the next id; `None` where the lockbox is not open at this epoch.
///
/// # Errors
/// Where the database does not answer.
pub async fn next_id(
    client: &impl GenericClient,
    vendor: VendorId,
    epoch: i64,
) -> Result<Option<EntryId>> {
    let sql = "UPDATE lockboxes SET next_entry_id = next_entry_id + 1 \
               WHERE vendor_id = $1 AND epoch = $2 AND NOT locked RETURNING next_entry_id - 1 AS id";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&vendor.0, &epoch]).await?;
    row.map(|row| Ok(EntryId(row.try_get("id")?))).transpose()
}

/// An entry with its sealed value: `None` where the lockbox is not open at this epoch, `Some(None)` where it has none of
/// this id.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    vendor: VendorId,
    epoch: i64,
    id: EntryId,
) -> Result<Option<Option<(Entry, Sealed)>>> {
    let sql = format!(
        "SELECT {COLUMNS}, e.generation, e.sealed FROM lockboxes l \
         LEFT JOIN lockbox_entries e ON e.vendor_id = l.vendor_id AND e.id = $3 \
         WHERE l.vendor_id = $1 AND l.epoch = $2 AND NOT l.locked"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&vendor.0, &epoch, &id.0])
        .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<_, Option<i64>>("id")?.is_none() {
        return Ok(Some(None));
    }
    let sealed = Sealed {
        generation: row.try_get("generation")?,
        bytes: row.try_get("sealed")?,
    };
    Ok(Some(Some((entry(&row)?, sealed))))
}

/// An entry, held until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold(
    client: &impl GenericClient,
    vendor: VendorId,
    id: EntryId,
) -> Result<Option<Entry>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM lockbox_entries e WHERE e.vendor_id = $1 AND e.id = $2 FOR UPDATE"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&vendor.0, &id.0]).await?;
    row.as_ref().map(entry).transpose()
}

/// Whether another entry has this key for this client. To be asked while the lockbox's row is held.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_taken(
    client: &impl GenericClient,
    vendor: VendorId,
    draft: &Draft,
    except: Option<EntryId>,
) -> Result<bool> {
    let sql = "SELECT 1 FROM lockbox_entries WHERE vendor_id = $1 \
               AND (CASE client_id WHEN '0' THEN '' ELSE client_id END) = (CASE $2::text WHEN '0' THEN '' ELSE $2 END) \
               AND key = $3 AND id <> $4";
    let statement = client.prepare_cached(sql).await?;
    let except = except.map_or(0, |id| id.0);
    let row = client
        .query_opt(
            &statement,
            &[&vendor.0, &draft.client_id, &draft.key, &except],
        )
        .await?;
    Ok(row.is_some())
}

/// Adds an entry.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    entry: &Entry,
    sealed: &Sealed,
) -> Result<()> {
    let sql = "INSERT INTO lockbox_entries (vendor_id, id, client_id, required_group, key, type, sealed, generation, \
               version, created_at, created_by, updated_at, updated_by) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(
            &statement,
            &[
                &vendor.0,
                &entry.id.0,
                &entry.client_id,
                &entry.required_group,
                &entry.key,
                &entry.kind.as_str(),
                &sealed.bytes,
                &sealed.generation,
                &entry.version,
                &entry.created_at,
                &entry.created_by,
                &entry.updated_at,
                &entry.updated_by,
            ],
        )
        .await?;
    Ok(())
}

/// Replaces an entry that is held.
///
/// # Errors
/// Where the database does not answer.
pub async fn replace(
    client: &impl GenericClient,
    vendor: VendorId,
    entry: &Entry,
    sealed: &Sealed,
) -> Result<()> {
    let sql = "UPDATE lockbox_entries SET client_id = $3, required_group = $4, key = $5, type = $6, sealed = $7, \
               generation = $8, version = $9, updated_at = $10, updated_by = $11 WHERE vendor_id = $1 AND id = $2";
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(
            &statement,
            &[
                &vendor.0,
                &entry.id.0,
                &entry.client_id,
                &entry.required_group,
                &entry.key,
                &entry.kind.as_str(),
                &sealed.bytes,
                &sealed.generation,
                &entry.version,
                &entry.updated_at,
                &entry.updated_by,
            ],
        )
        .await?;
    Ok(())
}

/// Removes an entry that is held.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(client: &impl GenericClient, vendor: VendorId, id: EntryId) -> Result<()> {
    let sql = "DELETE FROM lockbox_entries WHERE vendor_id = $1 AND id = $2";
    client.execute(sql, &[&vendor.0, &id.0]).await?;
    Ok(())
}

/// A row of an entry's history.
#[derive(Clone, Debug)]
pub struct Past {
    /// The version that began.
    pub version: i32,
    /// `created`, `updated`, `deleted` or `restored`.
    pub action: String,
    /// As it was from then on.
    pub client_id: String,
    /// As it was from then on.
    pub required_group: String,
    /// As it was from then on.
    pub key: String,
    /// As it was from then on.
    pub type_name: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// Notes what became of an entry: `entry` is what it is from now on, or was at its end.
///
/// # Errors
/// Where the database does not answer.
pub async fn note(
    client: &impl GenericClient,
    vendor: VendorId,
    action: &'static str,
    entry: &Entry,
) -> Result<()> {
    let sql = "INSERT INTO lockbox_history (vendor_id, entry_id, version, action, client_id, required_group, key, type, \
               at, by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(
            &statement,
            &[
                &vendor.0,
                &entry.id.0,
                &entry.version,
                &action,
                &entry.client_id,
                &entry.required_group,
                &entry.key,
                &entry.kind.as_str(),
                &entry.updated_at,
                &entry.updated_by,
            ],
        )
        .await?;
    Ok(())
}

/// An entry's history before a version, the newest first, one row more than asked where there is more. Nothing where the
/// lockbox is not open at this epoch.
///
/// # Errors
/// Where the database does not answer.
pub async fn history(
    client: &impl GenericClient,
    vendor: VendorId,
    epoch: i64,
    id: EntryId,
    (before, limit): (i32, i64),
) -> Result<Vec<Past>> {
    let sql = "SELECT version, action, client_id, required_group, key, type, at, by FROM lockbox_history \
               WHERE vendor_id = $1 AND entry_id = $3 AND version < $4 \
               AND (SELECT epoch FROM lockboxes WHERE vendor_id = $1 AND NOT locked) = $2 \
               ORDER BY version DESC LIMIT $5";
    let statement = client.prepare_cached(sql).await?;
    let rows = client
        .query(
            &statement,
            &[&vendor.0, &epoch, &id.0, &before, &(limit + 1)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Past {
                version: row.try_get("version")?,
                action: row.try_get("action")?,
                client_id: row.try_get("client_id")?,
                required_group: row.try_get("required_group")?,
                key: row.try_get("key")?,
                type_name: row.try_get("type")?,
                at: row.try_get("at")?,
                by: row.try_get("by")?,
            })
        })
        .collect()
}
