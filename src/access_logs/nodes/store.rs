//! Statements on the nodes. They are the operator's, and no vendor's.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::db::{GenericClient, Result};

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// When its shipper said something last.
    pub seen_at: Timestamp,
    /// When the file had been read to its end.
    pub checked_at: Option<Timestamp>,
    /// Whether that is no more than 30 seconds ago: a shipper that has said nothing for longer has stopped. Shippers go by
    /// real time, so this does.
    pub is_fresh: bool,
    /// Since when it cannot be read.
    pub failing_since: Option<Timestamp>,
    /// Why, in fixed words.
    pub problem: Option<String>,
    /// The newest line that was stored.
    pub newest_at: Option<Timestamp>,
    /// Lines read.
    pub lines: i64,
    /// Lines not understood.
    pub malformed: i64,
    /// Lines that came late.
    pub late: i64,
}

const COLUMNS: &str = "node, greatest(updated_at, checked_at) AS seen_at, checked_at, \
                       coalesce(checked_at > now() - interval '30 seconds', false) AS is_fresh, failing_since, problem, \
                       newest_at, lines, malformed, late";

fn node(row: &Row) -> Result<Node> {
    Ok(Node {
        name: row.try_get("node")?,
        seen_at: row.try_get("seen_at")?,
        checked_at: row.try_get("checked_at")?,
        is_fresh: row.try_get("is_fresh")?,
        failing_since: row.try_get("failing_since")?,
        problem: row.try_get("problem")?,
        newest_at: row.try_get("newest_at")?,
        lines: row.try_get("lines")?,
        malformed: row.try_get("malformed")?,
        late: row.try_get("late")?,
    })
}

/// All nodes, by name.
///
/// # Errors
/// Where the database does not answer.
pub async fn all(client: &impl GenericClient) -> Result<Vec<Node>> {
    let sql = format!("SELECT {COLUMNS} FROM audit_positions ORDER BY node");
    let rows = client.query(&sql, &[]).await?;
    rows.iter().map(node).collect()
}

/// A node, locked until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_for_update(client: &impl GenericClient, name: &str) -> Result<Option<Node>> {
    let sql = format!("SELECT {COLUMNS} FROM audit_positions WHERE node = $1 FOR UPDATE");
    let row = client.query_opt(&sql, &[&name]).await?;
    row.as_ref().map(node).transpose()
}

/// Forgets a node.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(client: &impl GenericClient, name: &str) -> Result<()> {
    let sql = "DELETE FROM audit_positions WHERE node = $1";
    client.execute(sql, &[&name]).await?;
    Ok(())
}
