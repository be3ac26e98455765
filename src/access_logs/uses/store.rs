//! Statements on uses.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::LastUses;
use crate::access_logs::Known;
use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};

/// Notes when tokens were used last, where nobody else holds their rows. Gives those it is noted of.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_tokens(client: &impl GenericClient, uses: &LastUses) -> Result<Vec<IssuanceId>> {
    let sql = "WITH used AS ( \
                   SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[]) AS u (vendor_id, id, at) \
               ), free AS MATERIALIZED ( \
                   SELECT i.vendor_id, i.id, u.at FROM issuances i JOIN used u ON i.vendor_id = u.vendor_id AND i.id = u.id \
                   ORDER BY i.id FOR NO KEY UPDATE OF i SKIP LOCKED \
               ) UPDATE issuances i SET last_used_at = greatest(i.last_used_at, f.at) FROM free f WHERE i.vendor_id = f.vendor_id AND i.id = f.id \
               RETURNING i.id";
    let statement = client.prepare_cached(sql).await?;
    let vendors: Vec<i64> = uses.0.values().map(|one| one.vendor.0).collect();
    let ids: Vec<Uuid> = uses.0.keys().map(|id| id.0).collect();
    let times: Vec<Timestamp> = uses.0.values().map(|one| one.at).collect();
    let rows = client.query(&statement, &[&vendors, &ids, &times]).await?;
    rows.iter()
        .map(|row| Ok(IssuanceId(row.try_get("id")?)))
        .collect()
}

/// Notes which tokens touched what.
///
/// # Errors
/// Where the database does not answer.
pub async fn touch(client: &impl GenericClient, calls: &[Known<'_>]) -> Result<()> {
    let mut touched: BTreeMap<(IssuanceId, &str, &str), (VendorId, Timestamp, Timestamp)> =
        BTreeMap::new();
    for call in calls.iter().filter(|call| !call.entry.name.is_empty()) {
        let (Some(token), entry) = (&call.token, call.entry) else {
            continue;
        };
        let key = (token.id, entry.area, entry.name.as_str());
        let span = touched
            .entry(key)
            .or_insert((call.vendor, entry.at, entry.at));
        (span.1, span.2) = (span.1.min(entry.at), span.2.max(entry.at));
    }
    if touched.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($key:pat, $span:pat => $of:expr) => {
            &touched.iter().map(|($key, $span)| $of).collect::<Vec<_>>()
        };
    }
    // In the order of the key: two shippers wait for each other in one direction only.
    let sql = "INSERT INTO issuance_uses AS u (vendor_id, issuance_id, area, name, first_at, last_at) \
               SELECT w.* FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[]) \
                   AS w (vendor_id, issuance_id, area, name, first_at, last_at) \
               JOIN issuances i ON i.vendor_id = w.vendor_id AND i.id = w.issuance_id ORDER BY 2, 3, 4 \
               ON CONFLICT (issuance_id, area, name) DO UPDATE \
               SET first_at = least(u.first_at, excluded.first_at), last_at = greatest(u.last_at, excluded.last_at) \
               WHERE u.vendor_id = excluded.vendor_id";
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(
            &statement,
            &[
                column!(_, (vendor, _, _) => vendor.0),
                column!((id, _, _), _ => id.0),
                column!((_, area, _), _ => *area),
                column!((_, _, name), _ => *name),
                column!(_, (_, first, _) => *first),
                column!(_, (_, _, last) => *last),
            ],
        )
        .await?;
    Ok(())
}

/// Notes when credentials were read last, with tokens that were handed out. Reads by the service itself, for somebody or
/// for a test, are noted there, or are none.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_credentials(client: &impl GenericClient, calls: &[Known<'_>]) -> Result<()> {
    let mut used: BTreeMap<(VendorId, &str), Timestamp> = BTreeMap::new();
    for call in calls {
        let is_handed_out = call.token.as_ref().is_some_and(|t| t.kind == "credentials");
        if call.entry.is_read && call.entry.area == "credentials" && is_handed_out {
            let key = (call.vendor, call.entry.name.as_str());
            let at = used.entry(key).or_insert(call.entry.at);
            *at = (*at).max(call.entry.at);
        }
    }
    if used.is_empty() {
        return Ok(());
    }
    let sql = "WITH used AS ( \
                   SELECT * FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS u (vendor_id, key, at) \
               ), locked AS MATERIALIZED ( \
                   SELECT c.vendor_id, c.id, u.at FROM credentials c JOIN used u ON c.vendor_id = u.vendor_id AND c.key = u.key \
                   WHERE c.destroyed_at IS NULL AND (c.last_used_at IS NULL OR c.last_used_at < u.at) \
                   ORDER BY c.id FOR NO KEY UPDATE OF c \
               ) UPDATE credentials c SET last_used_at = l.at FROM locked l WHERE c.vendor_id = l.vendor_id AND c.id = l.id";
    let vendors: Vec<i64> = used.keys().map(|(vendor, _)| vendor.0).collect();
    let keys: Vec<&str> = used.keys().map(|(_, key)| *key).collect();
    let times: Vec<Timestamp> = used.into_values().collect();
    client.execute(sql, &[&vendors, &keys, &times]).await?;
    Ok(())
}
