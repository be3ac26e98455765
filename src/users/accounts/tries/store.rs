//! Statements on tries to log in.

use jiff::Timestamp;

use super::{Counted, KNOWN, LOCKED_OUT, Place};
use crate::auth::KeyedDigest;
use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// What is known of a source.
pub struct State {
    /// The network, or empty.
    pub source: String,
    /// In a row.
    pub failures: i32,
    /// Until then no password counts.
    pub blocked_until: Option<Timestamp>,
}

/// The state of the source a try would count for; `None` where nothing is known of it.
///
/// # Errors
/// Where the database does not answer.
pub async fn state(
    client: &impl GenericClient,
    at: &Place,
    now: Timestamp,
) -> Result<Option<State>> {
    let sql = "SELECT source, failures, blocked_until FROM login_tries WHERE vendor_id = $1 AND name_digest = $2 \
               AND (source = '' OR (source = $3 AND known_until > $4)) ORDER BY source DESC LIMIT 1";
    let statement = client.prepare_cached(sql).await?;
    let row = client
        .query_opt(
            &statement,
            &[&at.vendor.0, &at.name.as_bytes(), &at.network, &now],
        )
        .await?;
    row.map(|row| {
        Ok(State {
            source: row.try_get("source")?,
            failures: row.try_get("failures")?,
            blocked_until: row.try_get("blocked_until")?,
        })
    })
    .transpose()
}

/// Counts a try as a failure; `None` where its source is shut out. From the fifth on the source is shut out: 15
/// seconds, twice as long each time, 15 minutes at most.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(
    client: &impl GenericClient,
    at: &Place,
    now: Timestamp,
) -> Result<Option<Counted>> {
    let sql = "INSERT INTO login_tries AS t (vendor_id, name_digest, source, failures, last_at) \
               SELECT $1, $2, CASE WHEN EXISTS (SELECT 1 FROM login_tries k WHERE k.vendor_id = $1 \
                   AND k.name_digest = $2 AND k.source = $3 AND k.known_until > $4) THEN $3 ELSE '' END, 1, $4 WHERE true \
               ON CONFLICT (vendor_id, name_digest, source) DO UPDATE SET failures = t.failures + 1, last_at = $4, \
                   blocked_until = CASE WHEN t.failures >= 4 \
                       THEN $4::timestamptz + make_interval(secs => least(900, 15 * 2 ^ least(t.failures - 4, 6))) END \
               WHERE (t.blocked_until IS NULL OR t.blocked_until <= $4) AND (t.source <> '' OR t.failures < $5) \
               RETURNING source, failures";
    let statement = client.prepare_cached(sql).await?;
    let name = at.name.as_bytes();
    let row = client
        .query_opt(
            &statement,
            &[&at.vendor.0, &name, &at.network, &now, &LOCKED_OUT],
        )
        .await?;
    row.map(|row| {
        Ok(Counted {
            source: row.try_get("source")?,
            failures: row.try_get("failures")?,
        })
    })
    .transpose()
}

/// Notes a success: the source begins anew, and the network is a known one.
///
/// # Errors
/// Where the database does not answer.
pub async fn succeeded(
    client: &impl GenericClient,
    at: &Place,
    counted: &Counted,
    now: Timestamp,
) -> Result<()> {
    let sql = "WITH cleared AS (UPDATE login_tries SET failures = 0, blocked_until = NULL, last_at = $4 \
                   WHERE vendor_id = $1 AND name_digest = $2 AND source = $5 AND source <> $3) \
               INSERT INTO login_tries (vendor_id, name_digest, source, known_until, last_at) \
               VALUES ($1, $2, $3, $6, $4) ON CONFLICT (vendor_id, name_digest, source) DO UPDATE \
               SET failures = 0, blocked_until = NULL, known_until = $6, last_at = $4";
    let known_until = now.checked_add(KNOWN).unwrap_or(Timestamp::MAX);
    let name = at.name.as_bytes();
    client
        .execute(
            sql,
            &[
                &at.vendor.0,
                &name,
                &at.network,
                &now,
                &counted.source,
                &known_until,
            ],
        )
        .await?;
    Ok(())
}

/// Takes one try back, and the block it began.
///
/// # Errors
/// Where the database does not answer.
pub async fn take_back(client: &impl GenericClient, at: &Place, counted: &Counted) -> Result<()> {
    let sql = "UPDATE login_tries SET failures = greatest(failures - 1, 0), blocked_until = NULL \
               WHERE vendor_id = $1 AND name_digest = $2 AND source = $3";
    let name = at.name.as_bytes();
    client
        .execute(sql, &[&at.vendor.0, &name, &counted.source])
        .await?;
    Ok(())
}

/// Forgets all tries under a name, and the networks it is known from.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget(
    client: &impl GenericClient,
    vendor: VendorId,
    name: &KeyedDigest,
) -> Result<()> {
    let sql = "DELETE FROM login_tries WHERE vendor_id = $1 AND name_digest = $2";
    client.execute(sql, &[&vendor.0, &name.as_bytes()]).await?;
    Ok(())
}

/// Begins anew for all sources of a name; known networks stay known.
///
/// # Errors
/// Where the database does not answer.
pub async fn reset(
    client: &impl GenericClient,
    vendor: VendorId,
    name: &KeyedDigest,
) -> Result<()> {
    let sql = "UPDATE login_tries SET failures = 0, blocked_until = NULL WHERE vendor_id = $1 AND name_digest = $2";
    client.execute(sql, &[&vendor.0, &name.as_bytes()]).await?;
    Ok(())
}

/// Forgets what is old under names of any vendor, and gives how many rows: a few wrong tries after a day, more after
/// 30, known networks at their end. What an administrator must reset stays.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, now: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM login_tries WHERE (vendor_id, name_digest, source) IN ( \
               SELECT vendor_id, name_digest, source FROM login_tries old \
               WHERE last_at < $1::timestamptz - interval '1 day' AND failures < $2 \
               AND (failures < 5 OR last_at < $1::timestamptz - interval '30 days') \
               AND (known_until IS NULL OR known_until < $1) LIMIT 10000)";
    Ok(client.execute(sql, &[&now, &LOCKED_OUT]).await?)
}
