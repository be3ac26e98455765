//! Statements on how far audit logs have been read. A node is the operator's, and no vendor's.

use jiff::Timestamp;

use super::{Counts, Position};
use crate::db::{GenericClient, Result};

/// How far a node's audit log has been read.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(client: &impl GenericClient, node: &str) -> Result<Position> {
    let sql = "SELECT file, head, place, began_at, newest_at, passed FROM audit_positions WHERE node = $1";
    let Some(row) = client.query_opt(sql, &[&node]).await? else {
        return Ok(Position::default());
    };
    Ok(Position {
        file: row.try_get("file")?,
        head: row.try_get("head")?,
        place: row.try_get("place")?,
        began: row.try_get("began_at")?,
        newest: row.try_get("newest_at")?,
        passed: row.try_get("passed")?,
    })
}

/// Moves on from a place to another; `false` where the node's log was read from elsewhere meanwhile. Only where there
/// was no more to read (`at_end`) the node counts as looked at: what is behind is not all there.
///
/// # Errors
/// Where the database does not answer.
pub async fn advance(
    client: &impl GenericClient,
    node: &str,
    (from, to): (&Position, &Position),
    (counts, at_end): (Counts, bool),
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO audit_positions AS p (node, file, head, place, began_at, newest_at, lines, malformed, late, \
                                                 updated_at, checked_at, passed) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $14::bool THEN $10::timestamptz END, $15) \
               ON CONFLICT (node) DO UPDATE SET file = excluded.file, head = excluded.head, place = excluded.place, \
               began_at = excluded.began_at, newest_at = greatest(p.newest_at, excluded.newest_at), \
               lines = p.lines + excluded.lines, malformed = p.malformed + excluded.malformed, \
               late = p.late + excluded.late, updated_at = excluded.updated_at, \
               checked_at = coalesce(excluded.checked_at, p.checked_at), \
               passed = CASE WHEN p.passed = excluded.passed THEN p.passed ELSE excluded.passed END, \
               failing_since = NULL, problem = NULL \
               WHERE p.file = $11 AND p.head = $12 AND p.place = $13";
    let statement = client.prepare_cached(sql).await?;
    let moved = client
        .execute(
            &statement,
            &[
                &node,
                &to.file,
                &to.head,
                &to.place,
                &to.began,
                &to.newest,
                &counts.lines,
                &counts.malformed,
                &counts.late,
                &now,
                &from.file,
                &from.head,
                &from.place,
                &at_end,
                &to.passed,
            ],
        )
        .await?;
    Ok(moved == 1)
}

/// Notes that a node's audit log was looked at, and what is wrong with it; `None` where it can be read.
///
/// # Errors
/// Where the database does not answer.
pub async fn note(
    client: &impl GenericClient,
    node: &str,
    problem: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO audit_positions AS p (node, file, place, updated_at, checked_at, failing_since, problem) \
               SELECT w.*, CASE WHEN $3::text IS NULL THEN w.at END, CASE WHEN $3 IS NOT NULL THEN w.at END, $3 \
               FROM (VALUES ($1::text, '', 0::bigint, $2::timestamptz)) AS w (node, file, place, at) \
               ON CONFLICT (node) DO UPDATE SET checked_at = coalesce(excluded.checked_at, p.checked_at), \
               updated_at = excluded.updated_at, failing_since = CASE WHEN $3 IS NOT NULL THEN coalesce(p.failing_since, excluded.failing_since) END, problem = $3";
    client.execute(sql, &[&node, &now, &problem]).await?;
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
