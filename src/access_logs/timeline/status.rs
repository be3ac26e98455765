//! Whether OpenBao's half of a timeline is there.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access_logs::nodes::store::{self, Node};
use crate::db::GenericClient;
use crate::error::Result;

/// Whether OpenBao's half is there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessLogOpenBao)]
pub struct OpenBao {
    /// Whether each node's audit log is being read.
    pub complete: bool,
    /// Up to when all of them were.
    #[schema(required)]
    pub read_until: Option<Timestamp>,
    /// The nodes; operators see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Vec<NodeView>>,
    /// What is wrong.
    #[schema(required)]
    pub problem: Option<&'static str>,
}

/// A node whose audit log is read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessLogNode)]
pub struct NodeView {
    node: String,
    #[schema(required)]
    checked_at: Option<Timestamp>,
    #[schema(required)]
    failing_since: Option<Timestamp>,
    #[schema(required)]
    problem: Option<String>,
}

/// Looks at the shippers.
///
/// # Errors
/// Where the database does not answer.
pub async fn read(client: &impl GenericClient, names_nodes: bool) -> Result<OpenBao> {
    let nodes = store::all(client).await?;
    Ok(judged(nodes, names_nodes))
}

fn judged(nodes: Vec<Node>, names_nodes: bool) -> OpenBao {
    let problem = if nodes.is_empty() {
        Some("OpenBao's audit log is not read here")
    } else if nodes.iter().any(|node| node.failing_since.is_some()) {
        Some("OpenBao's audit log cannot be read")
    } else if nodes.iter().any(|node| !node.is_fresh) {
        Some("OpenBao's audit log has not been read for 30 seconds or longer")
    } else {
        None
    };
    // A node of which no time is known was read up to nowhere.
    let reached = |node: &Node| match (node.checked_at, node.failing_since) {
        (Some(checked), Some(failing)) => Some(checked.min(failing)),
        (checked, _) => checked,
    };
    let reached: Option<Vec<Timestamp>> = nodes.iter().map(reached).collect();
    let shown = |node: Node| NodeView {
        node: node.name,
        checked_at: node.checked_at,
        failing_since: node.failing_since,
        problem: node.problem,
    };
    OpenBao {
        complete: problem.is_none(),
        read_until: reached.and_then(|all| all.into_iter().min()),
        nodes: names_nodes.then(|| nodes.into_iter().map(shown).collect()),
        problem,
    }
}
