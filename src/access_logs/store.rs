//! Statements on access logs and on how far they have been read.

use jiff::Timestamp;

use super::line::Entry;
use crate::db::{GenericClient, Result};

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Device and inode.
    pub file: String,
    /// Bytes from its beginning.
    pub place: i64,
}

/// How far a node's audit log has been read.
///
/// # Errors
/// Where the database does not answer.
pub async fn position(client: &impl GenericClient, node: &str) -> Result<Option<Position>> {
    let sql = "SELECT file, place FROM audit_positions WHERE node = $1";
    let row = client.query_opt(sql, &[&node]).await?;
    row.map(|row| {
        Ok(Position {
            file: row.try_get("file")?,
            place: row.try_get("place")?,
        })
    })
    .transpose()
}

/// Moves on from a place to another; `false` where the node's log was read from elsewhere meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn advance(
    client: &impl GenericClient,
    node: &str,
    from: Option<&Position>,
    to: &Position,
    now: Timestamp,
) -> Result<bool> {
    let moved = match from {
        None => {
            let sql = "INSERT INTO audit_positions (node, file, place, updated_at) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (node) DO NOTHING";
            client
                .execute(sql, &[&node, &to.file, &to.place, &now])
                .await?
        }
        Some(from) => {
            let sql = "UPDATE audit_positions SET file = $4, place = $5, updated_at = $6 \
                       WHERE node = $1 AND file = $2 AND place = $3";
            client
                .execute(
                    sql,
                    &[&node, &from.file, &from.place, &to.file, &to.place, &now],
                )
                .await?
        }
    };
    Ok(moved == 1)
}

/// Adds lines of known vendors, with the issuance of each token. A call by a token that is on no record of the vendor's
/// is an alarm among its events. Gives how many those were.
///
/// # Errors
/// Where the database does not answer.
pub async fn append(client: &impl GenericClient, entries: &[Entry], now: Timestamp) -> Result<u64> {
    if entries.is_empty() {
        return Ok(0);
    }
    macro_rules! column {
        ($of:expr) => {
            &entries.iter().map($of).collect::<Vec<_>>()
        };
    }
    let sql = "WITH told AS ( \
                   SELECT v.id AS vendor_id, w.*, i.id AS issuance_id \
                   FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
                               $8::text[], $9::text[]) \
                        AS w (namespace, at, area, name, operation, outcome, accessor, remote_address, request_id) \
                   JOIN vendors v ON v.namespace = w.namespace \
                   LEFT JOIN issuances i ON i.accessor = w.accessor AND i.vendor_id = v.id \
               ), added AS ( \
                   INSERT INTO access_logs (vendor_id, at, area, name, operation, outcome, issuance_id, remote_address, \
                                            openbao_request_id) \
                   SELECT vendor_id, at, area, name, operation, outcome, issuance_id, remote_address, request_id FROM told \
               ) \
               INSERT INTO events (at, vendor_id, actor, action, outcome, code, client_address, secret_id, details) \
               SELECT $10, vendor_id, 'openbao', 'access.unknown_token', outcome, \
                      CASE outcome WHEN 'refused' THEN 'openbao_refused' WHEN 'failed' THEN 'openbao_failed' END, \
                      remote_address, CASE WHEN area = 'store' AND name <> '' THEN name END, \
                      jsonb_build_object('area', area, 'name', name, 'operation', operation, 'openbaoRequestId', request_id) \
               FROM told WHERE issuance_id IS NULL";
    let strangers = client
        .execute(
            sql,
            &[
                column!(|e| e.namespace.as_str()),
                column!(|e| e.at),
                column!(|e| e.area),
                column!(|e| e.name.as_str()),
                column!(|e| e.operation),
                column!(|e| e.outcome),
                column!(|e| e.accessor.as_str()),
                column!(|e| e.remote_address.as_deref()),
                column!(|e| e.request_id.as_str()),
                &now,
            ],
        )
        .await?;
    Ok(strangers)
}

/// Notes when credentials were read last, with tokens that were handed out. Reads by the service itself, for somebody or
/// for a test, are noted there, or are none.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_used(client: &impl GenericClient, entries: &[Entry]) -> Result<()> {
    let uses: Vec<&Entry> = entries.iter().filter(|entry| entry.is_use).collect();
    if uses.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($of:expr) => {
            &uses.iter().map($of).collect::<Vec<_>>()
        };
    }
    let sql = "UPDATE credentials c SET last_used_at = u.at FROM ( \
                   SELECT i.vendor_id, w.key, max(w.at) AS at \
                   FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[]) AS w (namespace, key, at, accessor) \
                   JOIN vendors v ON v.namespace = w.namespace \
                   JOIN issuances i ON i.accessor = w.accessor AND i.vendor_id = v.id AND i.kind = 'credentials' \
                   GROUP BY i.vendor_id, w.key \
               ) AS u WHERE c.vendor_id = u.vendor_id AND c.key = u.key AND c.destroyed_at IS NULL \
               AND (c.last_used_at IS NULL OR c.last_used_at < u.at)";
    client
        .execute(
            sql,
            &[
                column!(|e| e.namespace.as_str()),
                column!(|e| e.name.as_str()),
                column!(|e| e.at),
                column!(|e| e.accessor.as_str()),
            ],
        )
        .await?;
    Ok(())
}

/// An alarm among the events: lines may be lost.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_lost(client: &impl GenericClient, node: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO events (at, actor, action, outcome, code, details) \
               VALUES ($2, 'openbao', 'audit.lines_lost', 'failed', 'lines_lost', jsonb_build_object('node', $1::text))";
    client.execute(sql, &[&node, &now]).await?;
    Ok(())
}
