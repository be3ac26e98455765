//! Statements that count live tokens, and say how many there may be.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::tally::{Counts, Live};
use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// Counts the live tokens of all vendors: by vendor without those of the `own` kinds, which are counted apart, and by
/// client where one holds `least` or more.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(
    client: &impl GenericClient,
    own: &[&str],
    now: Timestamp,
    least: u32,
) -> Result<Counts> {
    let sql = "SELECT vendor_id, client_network, grouping(client_network) = 1 AS of_vendor, \
                      count(*) FILTER (WHERE kind <> ALL($2)) AS handed_out, \
                      count(*) FILTER (WHERE kind = ANY($2)) AS own, \
                      min(max_expires_at) FILTER (WHERE kind <> ALL($2)) AS next_end \
               FROM issuances WHERE revoked_at IS NULL AND max_expires_at > $1 \
               GROUP BY GROUPING SETS ((vendor_id), (vendor_id, client_network)) \
               HAVING grouping(client_network) = 1 OR client_network IS NOT NULL AND count(*) >= $3";
    let statement = client.prepare_cached(sql).await?;
    let rows = client
        .query(&statement, &[&now, &own, &i64::from(least)])
        .await?;
    let mut counts = Counts {
        vendors: HashMap::new(),
        ..Counts::default()
    };
    for row in &rows {
        let vendor = VendorId(row.try_get("vendor_id")?);
        let live = live_of(row)?;
        if row.try_get("of_vendor")? {
            counts.own = counts.own.saturating_add(number(row, "own")?);
            counts.vendors.insert(vendor, live);
        } else if let Some(network) = network(row)? {
            counts.networks.insert((vendor, network), live);
        }
    }
    Ok(counts)
}

fn live_of(row: &Row) -> Result<Live> {
    Ok(Live {
        tokens: number(row, "handed_out")?,
        next_end: row.try_get("next_end")?,
    })
}

fn number(row: &Row, column: &str) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<_, i64>(column)?).unwrap_or(u32::MAX))
}

fn network(row: &Row) -> Result<Option<IpAddr>> {
    let text: Option<&str> = row.try_get("client_network")?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// A vendor's live tokens, by name, of those who hold most.
pub struct Holder {
    /// Whose.
    pub namespace: String,
    /// How many live.
    pub live: u32,
    /// How many may, by an operator.
    pub cap: Option<u32>,
    /// When the next of them is over for good.
    pub next_end: Option<Timestamp>,
}

/// The vendors that hold most, or one vendor.
///
/// # Errors
/// Where the database does not answer.
pub async fn holders(
    client: &impl GenericClient,
    vendor: Option<VendorId>,
    own: &[&str],
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Holder>> {
    let sql = "SELECT v.namespace, v.lease_cap, coalesce(l.live, 0) AS live, l.next_end FROM vendors v LEFT JOIN ( \
                 SELECT vendor_id, count(*) AS live, min(max_expires_at) AS next_end FROM issuances \
                 WHERE ($1::bigint IS NULL OR vendor_id = $1) AND revoked_at IS NULL AND max_expires_at > $2 \
                 AND kind <> ALL($3) GROUP BY vendor_id) l ON l.vendor_id = v.id \
               WHERE v.id = $1 OR $1 IS NULL AND l.live > 0 ORDER BY l.live DESC NULLS LAST, v.id LIMIT $4";
    let vendor = vendor.map(|id| id.0);
    let rows = client.query(sql, &[&vendor, &now, &own, &limit]).await?;
    rows.iter()
        .map(|row| {
            let cap: Option<i32> = row.try_get("lease_cap")?;
            Ok(Holder {
                namespace: row.try_get("namespace")?,
                live: number(row, "live")?,
                cap: cap.map(i32::unsigned_abs),
                next_end: row.try_get("next_end")?,
            })
        })
        .collect()
}

/// How many tokens live: handed out, and the service's own.
///
/// # Errors
/// Where the database does not answer.
pub async fn live(client: &impl GenericClient, own: &[&str], now: Timestamp) -> Result<(u32, u32)> {
    let sql = "SELECT count(*) FILTER (WHERE kind <> ALL($2)) AS handed_out, count(*) FILTER (WHERE kind = ANY($2)) AS own \
               FROM issuances WHERE revoked_at IS NULL AND max_expires_at > $1";
    let row = client.query_one(sql, &[&now, &own]).await?;
    Ok((number(&row, "handed_out")?, number(&row, "own")?))
}

/// Says how many tokens of a vendor may live; `None`: as many as the service's settings say.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_cap(
    client: &impl GenericClient,
    vendor: VendorId,
    cap: Option<u32>,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE vendors SET lease_cap = $2, updated_at = $3 WHERE id = $1";
    let cap = cap.map(|cap| i32::try_from(cap).unwrap_or(i32::MAX));
    client.execute(sql, &[&vendor.0, &cap, &now]).await?;
    Ok(())
}
