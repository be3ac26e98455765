//! Statements on keys that vendors registered, and on tokens of theirs that were used.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;

use super::{JwtKey, Material};
use crate::auth::jwt::{Algorithm, PublicKey};
use crate::db::{Error, GenericClient, Result};
use crate::types::{JwtKeyId, KeySetUrl, Name, VendorId};

const COLUMNS: &str = "vendor_id, id, name, algorithm, jwk, jwks_url, issuer, audience, ends_at, last_used_at, \
                       created_at, updated_at";

fn key(row: &Row) -> Result<JwtKey> {
    let jwk: Option<Value> = row.try_get("jwk")?;
    let url: Option<String> = row.try_get("jwks_url")?;
    let material = match (jwk, url) {
        (Some(Value::Object(jwk)), None) => {
            let public = PublicKey::of_jwk(&jwk).map_err(|_| Error::Corrupt("jwt_keys.jwk"))?;
            Material::Key(jwk, Box::new(public))
        }
        (None, Some(url)) => {
            Material::Set(KeySetUrl::parse(&url).map_err(|_| Error::Corrupt("jwt_keys.jwks_url"))?)
        }
        _ => return Err(Error::Corrupt("jwt_keys.jwk")),
    };
    Ok(JwtKey {
        id: JwtKeyId(row.try_get("id")?),
        name: Name::try_from(row.try_get::<_, String>("name")?)
            .map_err(|_| Error::Corrupt("jwt_keys.name"))?,
        algorithm: Algorithm::of_name(row.try_get("algorithm")?)
            .ok_or(Error::Corrupt("jwt_keys.algorithm"))?,
        material,
        issuer: row.try_get("issuer")?,
        audience: row.try_get("audience")?,
        ends_at: row.try_get("ends_at")?,
        last_used_at: row.try_get("last_used_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// The keys of one vendor, or of all of them, the oldest first. One that breaks the rules of today is to be registered
/// again, and shuts nobody else out.
///
/// # Errors
/// Where the database does not answer.
pub async fn load(
    client: &impl GenericClient,
    vendor: Option<i64>,
) -> Result<HashMap<i64, Vec<Arc<JwtKey>>>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jwt_keys WHERE $1::bigint IS NULL OR vendor_id = $1 ORDER BY created_at, id"
    );
    let mut keys: HashMap<i64, Vec<Arc<JwtKey>>> = HashMap::new();
    for row in client.query(&sql, &[&vendor]).await? {
        match key(&row) {
            Ok(key) => keys
                .entry(row.try_get("vendor_id")?)
                .or_default()
                .push(Arc::new(key)),
            Err(Error::Corrupt(column)) => {
                tracing::error!(column, "A registered key is left out: it breaks a rule");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}

/// The keys of a vendor, the oldest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn all(client: &impl GenericClient, vendor: VendorId) -> Result<Vec<Arc<JwtKey>>> {
    let mut keys = load(client, Some(vendor.0)).await?;
    Ok(keys.remove(&vendor.0).unwrap_or_default())
}

/// How many keys a vendor has. Its row is held until the transaction ends, so that nobody adds one meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_locked(client: &impl GenericClient, vendor: VendorId) -> Result<i64> {
    let sql = "SELECT 1 FROM vendors WHERE id = $1 FOR NO KEY UPDATE";
    client.query_opt(sql, &[&vendor.0]).await?;
    let sql = "SELECT count(*) AS n FROM jwt_keys WHERE vendor_id = $1";
    let row = client.query_one(sql, &[&vendor.0]).await?;
    Ok(row.try_get("n")?)
}

/// Adds a key.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(client: &impl GenericClient, vendor: VendorId, key: &JwtKey) -> Result<()> {
    let sql = "INSERT INTO jwt_keys (vendor_id, id, name, algorithm, jwk, jwks_url, issuer, audience, ends_at, \
               created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)";
    let (jwk, url) = match &key.material {
        Material::Key(jwk, _) => (Some(Value::Object(jwk.clone())), None),
        Material::Set(url) => (None, Some(url.as_str())),
    };
    client
        .execute(
            sql,
            &[
                &vendor.0,
                &key.id.0,
                &key.name.as_str(),
                &key.algorithm.name(),
                &jwk,
                &url,
                &key.issuer,
                &key.audience,
                &key.ends_at,
                &key.created_at,
            ],
        )
        .await?;
    Ok(())
}

/// Changes a key; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    vendor: VendorId,
    id: JwtKeyId,
    (name, ends_at): (Option<&Name>, Option<Option<Timestamp>>),
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE jwt_keys SET name = coalesce($3, name), ends_at = CASE WHEN $4 THEN $5 ELSE ends_at END, \
               updated_at = $6 WHERE vendor_id = $1 AND id = $2";
    let name = name.map(Name::as_str);
    let (says, ends_at) = (ends_at.is_some(), ends_at.flatten());
    let changed = client
        .execute(sql, &[&vendor.0, &id.0, &name, &says, &ends_at, &now])
        .await?;
    Ok(changed == 1)
}

/// Removes a key; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(client: &impl GenericClient, vendor: VendorId, id: JwtKeyId) -> Result<bool> {
    let sql = "DELETE FROM jwt_keys WHERE vendor_id = $1 AND id = $2";
    Ok(client.execute(sql, &[&vendor.0, &id.0]).await? == 1)
}

/// Uses a token up, and notes the use of its key, to the minute. `false` where the token was used before, anywhere.
///
/// # Errors
/// Where the database does not answer.
pub async fn spend(
    client: &impl GenericClient,
    vendor: VendorId,
    key: JwtKeyId,
    digest: &[u8; 32],
    until: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let sql = "WITH spent AS (INSERT INTO used_jwts (vendor_id, digest, expires_at) VALUES ($1, $3, $4) \
               ON CONFLICT DO NOTHING RETURNING 1), \
               used AS (UPDATE jwt_keys SET last_used_at = $5 WHERE vendor_id = $1 AND id = $2 \
               AND EXISTS (SELECT 1 FROM spent) \
               AND (last_used_at IS NULL OR last_used_at < $5::timestamptz - interval '1 minute')) \
               SELECT count(*) AS n FROM spent";
    let statement = client.prepare_cached(sql).await?;
    let digest: &[u8] = digest;
    let row = client
        .query_one(&statement, &[&vendor.0, &key.0, &digest, &until, &now])
        .await?;
    Ok(row.try_get::<_, i64>("n")? == 1)
}

/// Forgets tokens of any vendor that are over, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, now: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM used_jwts WHERE expires_at < $1";
    Ok(client.execute(sql, &[&now]).await?)
}

/// Says whether the vendor's public key alone may neither ask for write tokens nor store sites.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_signed_only(
    client: &impl GenericClient,
    vendor: VendorId,
    only: bool,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE vendors SET signed_clients_only = $2, updated_at = $3 WHERE id = $1";
    client.execute(sql, &[&vendor.0, &only, &now]).await?;
    Ok(())
}
