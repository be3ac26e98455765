//! Statements of retention on chains.

use jiff::Timestamp;

use super::super::digest::{Base, GENESIS};
use super::super::store::Micros;
use crate::db::{GenericClient, Result};

/// Which chains there are: vendors' ids, 0 for events of no vendor.
///
/// # Errors
/// Where the database does not answer.
pub async fn chains(client: &impl GenericClient) -> Result<Vec<i64>> {
    let sql = "SELECT vendor_id FROM event_chains ORDER BY vendor_id";
    let rows = client.query(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok(row.try_get("vendor_id")?))
        .collect()
}

/// Where a chain begins, as its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The last block that went.
    pub seq: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Events before this may be gone.
    pub removed_before: Option<Micros>,
    /// Which version of the key signed it, and how.
    pub signature: Option<(i32, Vec<u8>)>,
}

impl Start {
    /// What was signed of it; `None` where retention never came by.
    #[must_use]
    pub fn base(&self, vendor: i64) -> Option<Base> {
        Some(Base {
            vendor,
            seq: self.seq,
            hash: self.hash.clone(),
            removed_before: self.removed_before?.0,
        })
    }

    /// Whether retention never came by.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.seq == 0 && self.hash == GENESIS && self.removed_before.is_none()
    }
}

/// Where a chain begins.
///
/// # Errors
/// Where the database does not answer.
pub async fn start(client: &impl GenericClient, vendor: i64) -> Result<Option<Start>> {
    let sql = "SELECT base_seq, base_hash, removed_before, base_key_version, base_signature FROM event_chains \
               WHERE vendor_id = $1";
    let row = client.query_opt(sql, &[&vendor]).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &tokio_postgres::Row) -> Result<Start> {
    let version: Option<i32> = row.try_get("base_key_version")?;
    let signature: Option<Vec<u8>> = row.try_get("base_signature")?;
    Ok(Start {
        seq: row.try_get("base_seq")?,
        hash: row.try_get("base_hash")?,
        removed_before: row.try_get("removed_before")?,
        signature: version.zip(signature),
    })
}

/// The same. It does not move until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock_start(client: &impl GenericClient, vendor: i64) -> Result<Option<Start>> {
    let sql = "SELECT base_seq, base_hash, removed_before, base_key_version, base_signature FROM event_chains \
               WHERE vendor_id = $1 FOR UPDATE";
    let row = client.query_opt(sql, &[&vendor]).await?;
    row.as_ref().map(read).transpose()
}

/// Moves the base of a chain, and removes the blocks up to it.
///
/// # Errors
/// Where the database does not answer.
pub async fn move_base(
    client: &impl GenericClient,
    base: &Base,
    removed_before: Timestamp,
    key_version: i32,
    signature: &[u8],
) -> Result<u64> {
    let sql = "UPDATE event_chains SET base_seq = $2, base_hash = $3, removed_before = $4, base_key_version = $5, \
                                       base_signature = $6 WHERE vendor_id = $1";
    client
        .execute(
            sql,
            &[
                &base.vendor,
                &base.seq,
                &base.hash,
                &removed_before,
                &key_version,
                &signature,
            ],
        )
        .await?;
    client
        .execute("SELECT set_config('gatehouse.retention', 'on', true)", &[])
        .await?;
    let sql = "DELETE FROM event_blocks WHERE vendor_id = $1 AND seq <= $2";
    Ok(client.execute(sql, &[&base.vendor, &base.seq]).await?)
}
