//! Statements on access logs.

use super::line::{Entry, address};
use super::{Known, Token};
use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};

macro_rules! column {
    ($rows:expr, $of:expr) => {
        &$rows.iter().map($of).collect::<Vec<_>>()
    };
}

/// Finds whose engines the calls were on, and the issuance of each token. Those on engines of no vendor are left out.
///
/// # Errors
/// Where the database does not answer.
pub async fn known<'a>(
    client: &impl GenericClient,
    entries: &[&'a Entry],
) -> Result<Vec<Known<'a>>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT w.n, v.id AS vendor_id, i.id AS issuance_id, i.kind, i.client_address \
               FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (namespace, accessor, n) \
               JOIN vendors v ON v.namespace = w.namespace \
               LEFT JOIN issuances i ON i.accessor = w.accessor AND i.vendor_id = v.id ORDER BY w.n";
    let statement = client.prepare_cached(sql).await?;
    let rows = client
        .query(
            &statement,
            &[
                column!(entries, |e| e.namespace.as_str()),
                column!(entries, |e| e.accessor.as_str()),
            ],
        )
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let number = usize::try_from(row.try_get::<_, i64>("n")? - 1).unwrap_or(0);
        let token = match row.try_get::<_, Option<uuid::Uuid>>("issuance_id")? {
            None => None,
            Some(id) => Some(Token {
                id: IssuanceId(id),
                kind: row.try_get("kind")?,
                client_address: address(row.try_get("client_address")?),
            }),
        };
        found.push(Known {
            vendor: VendorId(row.try_get("vendor_id")?),
            token,
            entry: entries[number],
        });
    }
    Ok(found)
}

/// Adds lines. Calls without a valid token make none: anybody can make them, and as many as they like.
///
/// # Errors
/// Where the database does not answer.
pub async fn append(client: &impl GenericClient, calls: &[Known<'_>]) -> Result<()> {
    let has_token = |call: &&Known<'_>| !call.entry.accessor.is_empty();
    let calls: Vec<_> = calls.iter().filter(has_token).collect();
    if calls.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO access_logs (vendor_id, at, area, name, operation, outcome, issuance_id, remote_address, \
                                        openbao_request_id) \
               SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], \
                                    $7::uuid[], $8::text[], $9::text[])";
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(
            &statement,
            &[
                column!(calls, |c| c.vendor.0),
                column!(calls, |c| c.entry.at),
                column!(calls, |c| c.entry.area),
                column!(calls, |c| c.entry.name.as_str()),
                column!(calls, |c| c.entry.operation),
                column!(calls, |c| c.entry.outcome),
                column!(calls, |c| c.token.as_ref().map(|token| token.id.0)),
                column!(calls, |c| c.entry.remote_address.map(|a| a.to_string())),
                column!(calls, |c| c.entry.request_id.as_str()),
            ],
        )
        .await?;
    Ok(())
}
