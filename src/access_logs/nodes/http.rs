//! Handlers on the nodes.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store::{self, Node};
use crate::app::App;
use crate::auth::Operator;
use crate::error::{Error, Result};
use crate::http::{Answer, Json};

/// A node as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditNode)]
pub struct NodeView {
    node: String,
    #[schema(required)]
    checked_at: Option<Timestamp>,
    #[schema(required)]
    failing_since: Option<Timestamp>,
    #[schema(required)]
    problem: Option<String>,
    #[schema(required)]
    newest_at: Option<Timestamp>,
    lines: i64,
    malformed: i64,
    late: i64,
}

impl From<Node> for NodeView {
    fn from(node: Node) -> Self {
        Self {
            node: node.name,
            checked_at: node.checked_at,
            failing_since: node.failing_since,
            problem: node.problem,
            newest_at: node.newest_at,
            lines: node.lines,
            malformed: node.malformed,
            late: node.late,
        }
    }
}

/// The nodes.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditNodes)]
pub struct NodesView {
    nodes: Vec<NodeView>,
}

/// `GET /api/admin/audit-nodes`: the nodes whose audit logs are read. There are a few, so this is no page.
pub async fn list(app: web::Data<App>, _operator: Operator) -> Result<Answer<NodesView>> {
    let client = app.db.all().await?;
    let nodes = store::all(&client).await?;
    let nodes = nodes.into_iter().map(NodeView::from).collect();
    Ok(Answer::ok(NodesView { nodes }))
}

/// The body of `POST /api/admin/audit-nodes/remove`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveNodeRequest {
    /// Its name, `GATEHOUSE_AUDIT_NODE`.
    node: String,
}

/// A node is forgotten.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditNodeRemoved)]
pub struct RemovedView {
    removed: bool,
}

/// `POST /api/admin/audit-nodes/remove`: forgets a node that is no more, an hour after its shipper stopped.
pub async fn remove(
    app: web::Data<App>,
    operator: Operator,
    body: Json<RemoveNodeRequest>,
) -> Result<Answer<RemovedView>> {
    let node = body.0.node;
    if node.contains('\0') {
        return Err(Error::NotFound);
    }
    super::remove(&app, &node, &operator.actor()).await?;
    Ok(Answer::ok(RemovedView { removed: true }))
}
