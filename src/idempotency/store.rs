//! Statements on idempotency keys.

use jiff::Timestamp;

use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// A key to claim.
pub struct Claim<'a> {
    /// Names the row.
    pub id: &'a [u8; 32],
    /// Of the request.
    pub fingerprint: &'a [u8; 32],
    /// Names the try.
    pub owner: i64,
    /// Of the request.
    pub request_id: &'a str,
    /// Now.
    pub now: Timestamp,
    /// Until when the claim holds.
    pub until: Timestamp,
    /// Rows from before this count for nothing.
    pub forgotten: Timestamp,
}

/// Tries before this one that were not answered.
pub struct Former {
    /// The ids of their requests.
    pub requests: Vec<String>,
    /// When the first began.
    pub claimed_at: Timestamp,
}

/// A key that is known.
pub struct Row {
    /// Of its request.
    pub fingerprint: Vec<u8>,
    /// Until when the answer is given again; `None` while there is none.
    pub replay_until: Option<Timestamp>,
    /// The answer, sealed.
    pub reply: Option<Vec<u8>>,
}

/// Claims a key that is free, forgotten, or was left by a try of the same request; `None` where it is none of these.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim(
    client: &impl GenericClient,
    vendor: Option<VendorId>,
    claim: &Claim<'_>,
) -> Result<Option<Former>> {
    let sql = "INSERT INTO idempotency_keys AS k (id, vendor_id, fingerprint, owner, claimed_until, request_ids, claimed_at) \
               VALUES ($1, $2, $3, $4, $5, ARRAY[$6::text], $7) \
               ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, owner = excluded.owner, \
                   claimed_until = excluded.claimed_until, done_at = NULL, replay_until = NULL, reply = NULL, \
                   request_ids = CASE WHEN k.claimed_at <= $8 THEN excluded.request_ids \
                                      ELSE k.request_ids || excluded.request_ids END, \
                   claimed_at = CASE WHEN k.claimed_at <= $8 THEN excluded.claimed_at ELSE k.claimed_at END \
               WHERE k.vendor_id IS NOT DISTINCT FROM excluded.vendor_id \
                 AND (k.claimed_at <= $8 OR (k.done_at IS NULL AND k.claimed_until <= $7 \
                                             AND k.fingerprint = excluded.fingerprint)) \
               RETURNING request_ids, claimed_at";
    let row = client
        .query_opt(
            sql,
            &[
                &claim.id.as_slice(),
                &vendor.map(|vendor| vendor.0),
                &claim.fingerprint.as_slice(),
                &claim.owner,
                &claim.until,
                &claim.request_id,
                &claim.now,
                &claim.forgotten,
            ],
        )
        .await?;
    row.map(|row| {
        let mut requests: Vec<String> = row.try_get("request_ids")?;
        requests.pop();
        Ok(Former {
            requests,
            claimed_at: row.try_get("claimed_at")?,
        })
    })
    .transpose()
}

/// What is known of a key.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    vendor: Option<VendorId>,
    id: &[u8; 32],
) -> Result<Option<Row>> {
    let sql = "SELECT fingerprint, replay_until, reply FROM idempotency_keys \
               WHERE vendor_id IS NOT DISTINCT FROM $1 AND id = $2";
    let (vendor, id) = (vendor.map(|vendor| vendor.0), id.as_slice());
    let row = client.query_opt(sql, &[&vendor, &id]).await?;
    row.map(|row| {
        Ok(Row {
            fingerprint: row.try_get("fingerprint")?,
            replay_until: row.try_get("replay_until")?,
            reply: row.try_get("reply")?,
        })
    })
    .transpose()
}

/// Keeps the answer of a try that holds the key still.
///
/// # Errors
/// Where the database does not answer.
pub async fn finish(
    client: &impl GenericClient,
    vendor: Option<VendorId>,
    (id, owner): (&[u8; 32], i64),
    (now, until): (Timestamp, Timestamp),
    reply: &[u8],
) -> Result<u64> {
    let sql = "UPDATE idempotency_keys SET done_at = $4, replay_until = $5, reply = $6 \
               WHERE vendor_id IS NOT DISTINCT FROM $1 AND id = $2 AND owner = $3 AND done_at IS NULL";
    let (vendor, id) = (vendor.map(|vendor| vendor.0), id.as_slice());
    Ok(client
        .execute(sql, &[&vendor, &id, &owner, &now, &until, &reply])
        .await?)
}

/// Forgets the tries before this one, whose tokens are revoked.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_former(
    client: &impl GenericClient,
    vendor: Option<VendorId>,
    (id, owner): (&[u8; 32], i64),
    request_id: &str,
) -> Result<()> {
    let sql = "UPDATE idempotency_keys SET request_ids = ARRAY[$4::text] \
               WHERE vendor_id IS NOT DISTINCT FROM $1 AND id = $2 AND owner = $3";
    let (vendor, id) = (vendor.map(|vendor| vendor.0), id.as_slice());
    client
        .execute(sql, &[&vendor, &id, &owner, &request_id])
        .await?;
    Ok(())
}

/// Ends the claim of a try; the key stays bound to its request.
///
/// # Errors
/// Where the database does not answer.
pub async fn leave(
    client: &impl GenericClient,
    vendor: Option<VendorId>,
    (id, owner): (&[u8; 32], i64),
    now: Timestamp,
) -> Result<u64> {
    let sql = "UPDATE idempotency_keys SET claimed_until = $4 \
               WHERE vendor_id IS NOT DISTINCT FROM $1 AND id = $2 AND owner = $3 AND done_at IS NULL";
    let (vendor, id) = (vendor.map(|vendor| vendor.0), id.as_slice());
    Ok(client.execute(sql, &[&vendor, &id, &owner, &now]).await?)
}

/// Gives a key back that a try holds still.
///
/// # Errors
/// Where the database does not answer.
pub async fn release(
    client: &impl GenericClient,
    vendor: Option<VendorId>,
    (id, owner): (&[u8; 32], i64),
) -> Result<u64> {
    let sql = "DELETE FROM idempotency_keys \
               WHERE vendor_id IS NOT DISTINCT FROM $1 AND id = $2 AND owner = $3 AND done_at IS NULL";
    let (vendor, id) = (vendor.map(|vendor| vendor.0), id.as_slice());
    Ok(client.execute(sql, &[&vendor, &id, &owner]).await?)
}

/// Wipes answers that are not given again, drops keys from before `forgotten`, and gives how many of each.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(
    client: &impl GenericClient,
    now: Timestamp,
    forgotten: Timestamp,
) -> Result<(u64, u64)> {
    let wipe =
        "UPDATE idempotency_keys SET reply = NULL WHERE reply IS NOT NULL AND replay_until <= $1";
    let wiped = client.execute(wipe, &[&now]).await?;
    let drop = "DELETE FROM idempotency_keys WHERE claimed_at <= $1";
    Ok((wiped, client.execute(drop, &[&forgotten]).await?))
}
