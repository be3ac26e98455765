//! Statements on a vendor's key pairs.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::auth::KeyedDigest;
use crate::db::{GenericClient, Result};
use crate::types::{KeyId, VendorId};
use crate::vendors::PrivateDigests;

/// A key pair, and when its keys were last shown.
pub struct Pair {
    /// Stands in both keys.
    pub id: KeyId,
    /// 1 for the first pair of a vendor.
    pub generation: i32,
    /// Whether it has a private key.
    pub claimed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// After this it is refused.
    pub ends_at: Option<Timestamp>,
    /// When the public key was last shown, to a minute or so.
    pub public_at: Option<Timestamp>,
    /// The same of the private key.
    pub private_at: Option<Timestamp>,
}

impl Pair {
    /// Whether it is served.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| end > now)
    }
}

const COLUMNS: &str = "k.id, k.generation, k.private_digest IS NOT NULL AS claimed, k.created_at, k.ends_at, u.public_at, \
                       u.private_at FROM api_keys k LEFT JOIN api_key_uses u ON u.vendor_id = k.vendor_id AND u.key_id = k.id";

fn read(row: &Row) -> Result<Pair> {
    Ok(Pair {
        id: KeyId(row.try_get("id")?),
        generation: row.try_get("generation")?,
        claimed: row.try_get("claimed")?,
        created_at: row.try_get("created_at")?,
        ends_at: row.try_get("ends_at")?,
        public_at: row.try_get("public_at")?,
        private_at: row.try_get("private_at")?,
    })
}

/// All pairs of a vendor; others that would change them wait until this transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock(client: &impl GenericClient, vendor: VendorId) -> Result<Vec<Pair>> {
    let sql = "SELECT FROM vendors WHERE id = $1 FOR NO KEY UPDATE";
    client.execute(sql, &[&vendor.0]).await?;
    let sql = format!("SELECT {COLUMNS} WHERE k.vendor_id = $1 ORDER BY k.generation");
    let rows = client.query(&sql, &[&vendor.0]).await?;
    rows.iter().map(read).collect()
}

/// A page of the pairs of a vendor, the newest first, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<Pair>> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE k.vendor_id = $1 AND ($2::integer IS NULL OR k.generation < $2) \
         ORDER BY k.generation DESC LIMIT $3"
    );
    let rows = client
        .query(&sql, &[&vendor.0, &before, &(limit + 1)])
        .await?;
    rows.iter().map(read).collect()
}

/// One pair.
///
/// # Errors
/// Where the database does not answer.
pub async fn pair(
    client: &impl GenericClient,
    vendor: VendorId,
    id: KeyId,
) -> Result<Option<Pair>> {
    let sql = format!("SELECT {COLUMNS} WHERE k.vendor_id = $1 AND k.id = $2");
    let row = client.query_opt(&sql, &[&vendor.0, &id.0]).await?;
    row.as_ref().map(read).transpose()
}

/// Sets the end of a pair.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_end(
    client: &impl GenericClient,
    vendor: VendorId,
    id: KeyId,
    ends: Option<Timestamp>,
) -> Result<()> {
    let sql = "UPDATE api_keys SET ends_at = $3 WHERE vendor_id = $1 AND id = $2";
    client.execute(sql, &[&vendor.0, &id.0, &ends]).await?;
    Ok(())
}

/// When the keys of one pair were last shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The public key.
    pub public: Option<Timestamp>,
    /// The private key.
    pub private: Option<Timestamp>,
}

/// Keeps when keys were last shown, where that is later than what is kept.
///
/// # Errors
/// Where the database does not answer.
pub async fn note(client: &impl GenericClient, shown: &[(VendorId, KeyId, Shown)]) -> Result<()> {
    let sql = "INSERT INTO api_key_uses AS u (vendor_id, key_id, public_at, private_at) \
               SELECT s.vendor_id, s.key_id, s.public_at, s.private_at \
               FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) \
                   AS s (vendor_id, key_id, public_at, private_at) \
               JOIN api_keys k ON k.vendor_id = s.vendor_id AND k.id = s.key_id ORDER BY s.key_id \
               ON CONFLICT (key_id) DO UPDATE SET public_at = greatest(u.public_at, excluded.public_at), \
               private_at = greatest(u.private_at, excluded.private_at) \
               WHERE u.vendor_id = excluded.vendor_id";
    let vendors: Vec<i64> = shown.iter().map(|(vendor, _, _)| vendor.0).collect();
    let keys: Vec<i64> = shown.iter().map(|(_, key, _)| key.0).collect();
    let public: Vec<_> = shown.iter().map(|(_, _, shown)| shown.public).collect();
    let private: Vec<_> = shown.iter().map(|(_, _, shown)| shown.private).collect();
    client
        .execute(sql, &[&vendors, &keys, &public, &private])
        .await?;
    Ok(())
}

/// Adds a key pair without a private key.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_key(
    client: &impl GenericClient,
    vendor: VendorId,
    key: KeyId,
    generation: i32,
    now: Timestamp,
) -> Result<()> {
    let sql =
        "INSERT INTO api_keys (id, vendor_id, generation, created_at) VALUES ($1, $2, $3, $4)";
    client
        .execute(sql, &[&key.0, &vendor.0, &generation, &now])
        .await?;
    Ok(())
}

/// Sets the private key of a pair; `false` where the one it has is in use.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_private_key(
    client: &impl GenericClient,
    vendor: VendorId,
    key: KeyId,
    digests: &PrivateDigests,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE api_keys SET private_digest = $3, bearer_digest = $4, pair_digest = $5, claimed_at = $6 \
               WHERE vendor_id = $1 AND id = $2 AND private_first_used_at IS NULL AND ends_at IS NULL";
    let set = client
        .execute(
            sql,
            &[
                &vendor.0,
                &key.0,
                &digests.private.as_bytes(),
                &digests.bearer.as_bytes(),
                &digests.pair.as_bytes(),
                &now,
            ],
        )
        .await?;
    Ok(set == 1)
}

/// Notes the first use of a private key; `false` where it is not the pair's any more.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_private_key_used(
    client: &impl GenericClient,
    vendor: VendorId,
    key: KeyId,
    private: &KeyedDigest,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE api_keys SET private_first_used_at = coalesce(private_first_used_at, $4) \
               WHERE vendor_id = $1 AND id = $2 AND private_digest = $3";
    let marked = client
        .execute(sql, &[&vendor.0, &key.0, &private.as_bytes(), &now])
        .await?;
    Ok(marked == 1)
}
