//! Statements on the shippers of OpenBao's audit logs.

use jiff::Timestamp;

use crate::db::{GenericClient, Result};

/// A node whose audit log is read.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// When its shipper said last that it reads.
    pub checked_at: Option<Timestamp>,
    /// Since when it cannot.
    pub failing_since: Option<Timestamp>,
    /// Why, in fixed words.
    pub problem: Option<String>,
    /// Whether it has said so within `seconds`.
    pub is_fresh: bool,
}

/// The nodes whose audit logs are read. Shippers go by real time, so this does.
///
/// # Errors
/// Where the database does not answer.
pub async fn nodes(client: &impl GenericClient, seconds: i32) -> Result<Vec<Node>> {
    let sql = "SELECT node, checked_at, failing_since, problem, \
               coalesce(checked_at > now() - make_interval(secs => $1::int), false) AS is_fresh \
               FROM audit_positions ORDER BY node";
    let rows = client.query(sql, &[&seconds]).await?;
    rows.iter()
        .map(|row| {
            Ok(Node {
                name: row.try_get("node")?,
                checked_at: row.try_get("checked_at")?,
                failing_since: row.try_get("failing_since")?,
                problem: row.try_get("problem")?,
                is_fresh: row.try_get("is_fresh")?,
            })
        })
        .collect()
}
