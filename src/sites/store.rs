//! Statements on sites.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Site, State};
use crate::auth::KeyedDigest;
use crate::db::{Error, GenericClient, Result};
use crate::types::{SecretId, VendorId};

const COLUMNS: &str = "secret_id, generation, state, site_url, access_key_digest, metadata, expires_at, registered_at";

fn site(row: &Row) -> Result<Site> {
    let access_key: Option<&[u8]> = row.try_get("access_key_digest")?;
    Ok(Site {
        secret_id: secret_id(row)?,
        generation: row.try_get("generation")?,
        state: match row.try_get("state")? {
            "reserved" => State::Reserved,
            "registered" => State::Registered,
            "removing" => State::Removing,
            "removed" => State::Removed,
            _ => return Err(Error::Corrupt("sites.state")),
        },
        site_url: row.try_get("site_url")?,
        access_key: access_key.and_then(KeyedDigest::from_bytes),
        metadata: row.try_get("metadata")?,
        expires_at: row.try_get("expires_at")?,
        registered_at: row.try_get("registered_at")?,
    })
}

fn secret_id(row: &Row) -> Result<SecretId> {
    SecretId::parse(row.try_get("secret_id")?).map_err(|_| Error::Corrupt("sites.secret_id"))
}

/// A site in whatever state.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
) -> Result<Option<Site>> {
    let sql = format!("SELECT {COLUMNS} FROM sites WHERE vendor_id = $1 AND secret_id = $2");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&vendor.0, &id.as_str()])
        .await?;
    row.as_ref().map(site).transpose()
}

/// As [`find`], locked until the end of the transaction.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_for_update(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
) -> Result<Option<Site>> {
    let sql =
        format!("SELECT {COLUMNS} FROM sites WHERE vendor_id = $1 AND secret_id = $2 FOR UPDATE");
    let row = client.query_opt(&sql, &[&vendor.0, &id.as_str()]).await?;
    row.as_ref().map(site).transpose()
}

/// Registered sites with any of these access keys, expired ones left out, oldest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn search(
    client: &impl GenericClient,
    vendor: VendorId,
    digests: &[KeyedDigest],
    now: Timestamp,
) -> Result<Vec<Site>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sites WHERE vendor_id = $1 AND access_key_digest = ANY($2) AND state = 'registered' \
         AND (expires_at IS NULL OR expires_at > $3) ORDER BY registered_at, secret_id LIMIT 1000"
    );
    let digests: Vec<&[u8]> = digests.iter().map(KeyedDigest::as_bytes).collect();
    let rows = client.query(&sql, &[&vendor.0, &digests, &now]).await?;
    rows.iter().map(site).collect()
}

/// A page of registered sites in the order they were registered, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    after: Option<&(Timestamp, SecretId)>,
    limit: i64,
) -> Result<Vec<Site>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sites WHERE vendor_id = $1 AND state = 'registered' \
         AND ($2::timestamptz IS NULL OR (registered_at, secret_id) > ($2, $3)) \
         ORDER BY registered_at, secret_id LIMIT $4"
    );
    let at = after.map(|(at, _)| at);
    let id = after.map(|(_, id)| id.as_str());
    let rows = client
        .query(&sql, &[&vendor.0, &at, &id, &(limit + 1)])
        .await?;
    rows.iter().map(site).collect()
}

/// Makes sure that a site has a row, so that it can be locked.
///
/// # Errors
/// Where the database does not answer.
pub async fn reserve(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO sites (vendor_id, secret_id, generation, state, created_at, touched_at) \
               VALUES ($1, $2, nextval('site_generations'), 'reserved', $3, $3) ON CONFLICT DO NOTHING";
    client
        .execute(sql, &[&vendor.0, &id.as_str(), &now])
        .await?;
    Ok(())
}

/// A site to be registered.
pub struct Registration<'a> {
    /// Names it.
    pub secret_id: &'a SecretId,
    /// `None` leaves what is stored.
    pub site_url: Option<&'a str>,
    /// As above.
    pub access_key: Option<&'a KeyedDigest>,
    /// As above.
    pub delete_key: Option<&'a KeyedDigest>,
    /// As above.
    pub metadata: Option<&'a serde_json::Value>,
    /// Always taken over: leaving it out means never.
    pub expires_at: Option<Timestamp>,
}

/// Registers a site, new, reserved, removed or registered before; `false` while a removal is still to be finished. The
/// caller has locked the row where there is one, and checked that it may.
///
/// # Errors
/// Where the database does not answer.
pub async fn register(
    client: &impl GenericClient,
    vendor: VendorId,
    new: &Registration<'_>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO sites AS s (vendor_id, secret_id, generation, state, site_url, access_key_digest, \
                   delete_key_digest, metadata, expires_at, created_at, registered_at, touched_at) \
               VALUES ($1, $2, nextval('site_generations'), 'registered', $3, $4, $5, coalesce($6::jsonb, '{}'::jsonb), $7, $8, $8, $8) \
               ON CONFLICT (vendor_id, secret_id) DO UPDATE SET \
                   generation = CASE WHEN s.state = 'removed' THEN excluded.generation ELSE s.generation END, \
                   site_url = coalesce($3, CASE WHEN s.state <> 'removed' THEN s.site_url END), \
                   access_key_digest = coalesce($4, CASE WHEN s.state <> 'removed' THEN s.access_key_digest END), \
                   delete_key_digest = coalesce($5, CASE WHEN s.state <> 'removed' THEN s.delete_key_digest END), \
                   metadata = coalesce($6::jsonb, CASE WHEN s.state <> 'removed' THEN s.metadata END, '{}'::jsonb), \
                   expires_at = $7, \
                   registered_at = CASE WHEN s.state = 'registered' THEN s.registered_at ELSE $8 END, \
                   created_at = CASE WHEN s.state = 'removed' THEN $8 ELSE s.created_at END, \
                   removal_asked_at = NULL, removed_at = NULL, removal_attempts = 0, \
                   state = 'registered', touched_at = $8 \
               WHERE s.state <> 'removing'";
    let access_key = new.access_key.map(KeyedDigest::as_bytes);
    let delete_key = new.delete_key.map(KeyedDigest::as_bytes);
    let done = client
        .execute(
            sql,
            &[
                &vendor.0,
                &new.secret_id.as_str(),
                &new.site_url,
                &access_key,
                &delete_key,
                &new.metadata,
                &new.expires_at,
                &now,
            ],
        )
        .await?;
    Ok(done == 1)
}

/// The site that a delete key belongs to, of whatever vendor: the key itself says whose.
///
/// # Errors
/// Where the database does not answer.
pub async fn by_delete_key(
    client: &impl GenericClient,
    digest: &KeyedDigest,
) -> Result<Option<(VendorId, SecretId)>> {
    let sql = "SELECT vendor_id, secret_id FROM sites WHERE delete_key_digest = $1 AND state = 'registered'";
    let row = client.query_opt(sql, &[&digest.as_bytes()]).await?;
    row.map(|row| Ok((VendorId(row.try_get("vendor_id")?), secret_id(&row)?)))
        .transpose()
}

/// Begins a removal: the tombstone, known site or not. Gives its generation.
///
/// # Errors
/// Where the database does not answer.
pub async fn ask_removal(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    now: Timestamp,
) -> Result<i64> {
    let sql = "INSERT INTO sites AS s (vendor_id, secret_id, generation, state, created_at, removal_asked_at, touched_at) \
               VALUES ($1, $2, nextval('site_generations'), 'removing', $3, $3, $3) \
               ON CONFLICT (vendor_id, secret_id) DO UPDATE SET \
                   generation = CASE WHEN s.state = 'removing' THEN s.generation ELSE excluded.generation END, \
                   removal_asked_at = CASE WHEN s.state = 'removing' THEN s.removal_asked_at ELSE $3 END, \
                   removal_attempts = CASE WHEN s.state = 'removing' THEN s.removal_attempts ELSE 0 END, \
                   removal_after = CASE WHEN s.state = 'removing' THEN s.removal_after END, \
                   state = 'removing', delete_key_digest = NULL, access_key_digest = NULL, touched_at = $3 \
               RETURNING generation";
    let row = client
        .query_one(sql, &[&vendor.0, &id.as_str(), &now])
        .await?;
    Ok(row.try_get("generation")?)
}

/// Takes a removal for one worker until `until`; `false` where another has it, or it is done.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_removal(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    generation: i64,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE sites SET removal_claimed_until = $5, removal_attempts = removal_attempts + 1 \
               WHERE vendor_id = $1 AND secret_id = $2 AND generation = $3 AND state = 'removing' \
               AND (removal_claimed_until IS NULL OR removal_claimed_until <= $4)";
    Ok(client
        .execute(sql, &[&vendor.0, &id.as_str(), &generation, &now, &until])
        .await?
        == 1)
}

/// Takes a removal for longer, before the step that must not come late; `false` where it was lost meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn extend_removal(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    generation: i64,
    (from, until): (Timestamp, Timestamp),
) -> Result<bool> {
    let sql = "UPDATE sites SET removal_claimed_until = $5 \
               WHERE vendor_id = $1 AND secret_id = $2 AND generation = $3 AND state = 'removing' \
               AND removal_claimed_until = $4";
    Ok(client
        .execute(sql, &[&vendor.0, &id.as_str(), &generation, &from, &until])
        .await?
        == 1)
}

/// Gives a removal back. The task tries it again after a pause that doubles up to a minute.
///
/// # Errors
/// Where the database does not answer.
pub async fn release_removal(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    generation: i64,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE sites SET removal_claimed_until = NULL, \
               removal_after = $4::timestamptz + least(60, 3 * power(2, least(removal_attempts, 6))) * interval '1 second' \
               WHERE vendor_id = $1 AND secret_id = $2 AND generation = $3 AND state = 'removing'";
    client
        .execute(sql, &[&vendor.0, &id.as_str(), &generation, &now])
        .await?;
    Ok(())
}

/// Ends a removal that OpenBao has followed; `false` where somebody else has.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_removed(
    client: &impl GenericClient,
    vendor: VendorId,
    id: &SecretId,
    generation: i64,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE sites SET state = 'removed', removed_at = $4, removal_claimed_until = NULL, site_url = NULL, \
               metadata = '{}', wp_user_id = NULL, client_version = NULL \
               WHERE vendor_id = $1 AND secret_id = $2 AND generation = $3 AND state = 'removing'";
    let ended = client
        .execute(sql, &[&vendor.0, &id.as_str(), &generation, &now])
        .await?;
    Ok(ended > 0)
}

/// A site of some vendor.
#[derive(Debug)]
pub struct Due {
    /// Whose.
    pub vendor: VendorId,
    /// Which.
    pub secret_id: SecretId,
    /// Its generation.
    pub generation: i64,
}

pub(super) fn due(row: &Row) -> Result<Due> {
    Ok(Due {
        vendor: VendorId(row.try_get("vendor_id")?),
        secret_id: secret_id(row)?,
        generation: row.try_get("generation")?,
    })
}

/// Removals of any vendor that wait for OpenBao and are nobody's at the moment.
///
/// # Errors
/// Where the database does not answer.
pub async fn removals_due(
    client: &impl GenericClient,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Due>> {
    let sql = "SELECT vendor_id, secret_id, generation FROM sites WHERE state = 'removing' \
               AND (removal_claimed_until IS NULL OR removal_claimed_until <= $1) \
               AND (removal_after IS NULL OR removal_after <= $1) \
               ORDER BY removal_after NULLS FIRST, removal_asked_at LIMIT $2";
    let rows = client.query(sql, &[&now, &limit]).await?;
    rows.iter().map(due).collect()
}

/// Registered sites of any vendor whose time is over.
///
/// # Errors
/// Where the database does not answer.
pub async fn expired(client: &impl GenericClient, now: Timestamp, limit: i64) -> Result<Vec<Due>> {
    let sql = "SELECT vendor_id, secret_id, generation FROM sites WHERE state = 'registered' AND expires_at <= $1 \
               ORDER BY expires_at LIMIT $2";
    let rows = client.query(sql, &[&now, &limit]).await?;
    rows.iter().map(due).collect()
}

/// Forgets sites that were removed before `before`, and those that no token has named since then and that were never
/// registered, and gives how many. `before` is further back than any token lives.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    Ok(client
        .execute(
            "DELETE FROM sites WHERE state = 'removed' AND removed_at < $1 \
             OR state = 'reserved' AND touched_at < $1 AND storing_until IS NULL",
            &[&before],
        )
        .await?)
}
