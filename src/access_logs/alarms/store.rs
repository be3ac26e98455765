//! Statements on alarms, and on what must be remembered so that each is raised once.

use jiff::Timestamp;
use uuid::Uuid;

use super::Alarm;
use super::addresses::Seen;
use super::reads::{Bucket, Often};
use super::strangers::Stranger;
use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};

macro_rules! column {
    ($rows:expr, $of:expr) => {
        &$rows.iter().map($of).collect::<Vec<_>>()
    };
}

/// Adds events.
///
/// # Errors
/// Where the database does not answer.
pub async fn add(client: &impl GenericClient, alarms: &[Alarm], now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO events (at, vendor_id, actor, action, outcome, code, secret_id, issuance_id, client_address, details) \
               SELECT $1, w.vendor_id, 'openbao', w.action, w.outcome, w.code, w.secret_id, w.issuance_id, w.address, w.details \
               FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::jsonb[]) \
                   AS w (vendor_id, action, outcome, code, secret_id, issuance_id, address, details)";
    client
        .execute(
            sql,
            &[
                &now,
                column!(alarms, |a| a.vendor.0),
                column!(alarms, |a| a.action),
                column!(alarms, |a| a.outcome.0),
                column!(alarms, |a| a.outcome.1),
                column!(alarms, |a| a.secret_id.as_deref()),
                column!(alarms, |a| a.issuance.map(|id| id.0)),
                column!(alarms, |a| a.address.map(|address| address.to_string())),
                column!(alarms, |a| &a.details),
            ],
        )
        .await?;
    Ok(())
}

/// The addresses that were noted of tokens before, as text.
///
/// # Errors
/// Where the database does not answer.
pub async fn addresses(
    client: &impl GenericClient,
    what: &str,
    seen: &[Seen],
) -> Result<Vec<(VendorId, IssuanceId, String)>> {
    let sql = "SELECT vendor_id, issuance_id, address FROM issuance_addresses \
               WHERE what = $1 AND (vendor_id, issuance_id) IN (SELECT * FROM unnest($2::bigint[], $3::uuid[]))";
    let (vendors, issuances) = (
        column!(seen, |s| s.vendor.0),
        column!(seen, |s| s.issuance.0),
    );
    let rows = client.query(sql, &[&what, vendors, issuances]).await?;
    rows.iter()
        .map(|row| {
            let issuance = IssuanceId(row.try_get::<_, Uuid>("issuance_id")?);
            let vendor = VendorId(row.try_get("vendor_id")?);
            Ok((vendor, issuance, row.try_get("address")?))
        })
        .collect()
}

/// Notes addresses of tokens. Those that another shipper noted meanwhile stay.
///
/// # Errors
/// Where the database does not answer.
pub async fn add_addresses(
    client: &impl GenericClient,
    what: &str,
    new: &[(VendorId, IssuanceId, String)],
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO issuance_addresses (vendor_id, issuance_id, what, address, first_at) \
               SELECT w.vendor_id, w.id, $1, w.address, $2 \
               FROM unnest($3::bigint[], $4::uuid[], $5::text[]) AS w (vendor_id, id, address) ORDER BY w.id, w.address \
               ON CONFLICT DO NOTHING";
    let (vendors, issuances) = (column!(new, |n| n.0.0), column!(new, |n| n.1.0));
    let texts = column!(new, |n| n.2.as_str());
    client
        .execute(sql, &[&what, &now, vendors, issuances, texts])
        .await?;
    Ok(())
}

/// Counts calls by tokens on no record, by the hour. Gives the numbers of those that are the first of their hour, with
/// how many calls the token made in the hour before.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_strangers(
    client: &impl GenericClient,
    strangers: &[Stranger<'_>],
) -> Result<Vec<(usize, i64)>> {
    let sql = "WITH told AS ( \
                   SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::bigint[]) WITH ORDINALITY \
                       AS w (vendor_id, accessor, hour, lines, n) \
               ), added AS ( \
                   INSERT INTO unknown_tokens AS u (vendor_id, accessor, hour, lines) \
                   SELECT vendor_id, accessor, hour, lines FROM told ORDER BY vendor_id, accessor, hour \
                   ON CONFLICT (vendor_id, accessor, hour) DO UPDATE SET lines = u.lines + excluded.lines \
                   RETURNING u.vendor_id, u.accessor, u.hour, u.lines \
               ) \
               SELECT t.n, coalesce(b.lines, 0) AS before FROM told t \
               JOIN added a ON a.vendor_id = t.vendor_id AND a.accessor = t.accessor AND a.hour = t.hour AND a.lines = t.lines \
               LEFT JOIN unknown_tokens b ON b.vendor_id = t.vendor_id AND b.accessor = t.accessor \
                   AND b.hour = t.hour - interval '1 hour' ORDER BY t.n";
    let rows = client
        .query(
            sql,
            &[
                column!(strangers, |s| s.vendor.0),
                column!(strangers, |s| s.first.accessor.as_str()),
                column!(strangers, |s| s.hour),
                column!(strangers, |s| s.lines),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let number = usize::try_from(row.try_get::<_, i64>("n")? - 1).unwrap_or(0);
            Ok((number, row.try_get("before")?))
        })
        .collect()
}

/// Counts reads by the hour, and gives the secrets whose hour is far above what was before, once an hour.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_reads(
    client: &impl GenericClient,
    buckets: &[Bucket],
    now: Timestamp,
) -> Result<Vec<Often>> {
    let sql = "INSERT INTO secret_reads AS r (vendor_id, area, name, hour, reads) \
               SELECT w.* FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[]) \
                   AS w (vendor_id, area, name, hour, reads) ORDER BY 1, 2, 3, 4 \
               ON CONFLICT (vendor_id, area, name, hour) DO UPDATE SET reads = r.reads + excluded.reads \
               RETURNING r.vendor_id, r.area, r.name, r.hour, r.reads, r.noted_at";
    let statement = client.prepare_cached(sql).await?;
    let rows = client
        .query(
            &statement,
            &[
                column!(buckets, |b| b.vendor.0),
                column!(buckets, |b| b.area),
                column!(buckets, |b| b.name.as_str()),
                column!(buckets, |b| b.hour),
                column!(buckets, |b| b.reads),
            ],
        )
        .await?;
    let mut often = Vec::new();
    for row in &rows {
        let noted: Option<Timestamp> = row.try_get("noted_at")?;
        let reads: i64 = row.try_get("reads")?;
        if noted.is_none() && reads >= super::reads::FEW {
            often.push(Often {
                vendor: VendorId(row.try_get("vendor_id")?),
                area: row.try_get("area")?,
                name: row.try_get("name")?,
                hour: row.try_get("hour")?,
                reads,
                before: 0,
            });
        }
    }
    look_back(client, &mut often).await?;
    often.retain(Often::is_far_above);
    note_often(client, &often, now).await?;
    Ok(often)
}

/// Fills in how often they were read in the seven days before.
async fn look_back(client: &impl GenericClient, often: &mut [Often]) -> Result<()> {
    if often.is_empty() {
        return Ok(());
    }
    let sql = "SELECT w.n, sum(r.reads)::bigint AS before \
               FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY \
                   AS w (vendor_id, area, name, hour, n) \
               JOIN secret_reads r ON r.vendor_id = w.vendor_id AND r.area = w.area AND r.name = w.name \
                   AND r.hour >= w.hour - interval '7 days' AND r.hour < w.hour GROUP BY w.n";
    let rows = client
        .query(
            sql,
            &[
                column!(often, |o| o.vendor.0),
                column!(often, |o| o.area.as_str()),
                column!(often, |o| o.name.as_str()),
                column!(often, |o| o.hour),
            ],
        )
        .await?;
    for row in rows {
        let number = usize::try_from(row.try_get::<_, i64>("n")? - 1).unwrap_or(0);
        often[number].before = row.try_get("before")?;
    }
    Ok(())
}

/// Notes that these were told. Their rows are locked already.
async fn note_often(client: &impl GenericClient, often: &[Often], now: Timestamp) -> Result<()> {
    if often.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE secret_reads r SET noted_at = $1 \
               FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[]) AS w (vendor_id, area, name, hour) \
               WHERE r.vendor_id = w.vendor_id AND r.area = w.area AND r.name = w.name AND r.hour = w.hour";
    client
        .execute(
            sql,
            &[
                &now,
                column!(often, |o| o.vendor.0),
                column!(often, |o| o.area.as_str()),
                column!(often, |o| o.name.as_str()),
                column!(often, |o| o.hour),
            ],
        )
        .await?;
    Ok(())
}

/// Drops counts by the hour, of any vendor, from before a moment. Gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    let reads = "DELETE FROM secret_reads WHERE hour < $1";
    let strangers = "DELETE FROM unknown_tokens WHERE hour < $1";
    Ok(client.execute(reads, &[&before]).await? + client.execute(strangers, &[&before]).await?)
}
