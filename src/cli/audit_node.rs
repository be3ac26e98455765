//! `gatehouse audit-node`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::out;
use super::remote::Remote;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Show the nodes whose audit logs are read, and how far
    List,
    /// Forget a node that is no more, an hour after its shipper stopped
    Remove {
        /// Its name, as in `GATEHOUSE_AUDIT_NODE`
        node: String,
    },
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let remote = Remote::from_env()?;
    let answer = match args {
        Args::List => {
            let path = "/api/admin/audit-nodes";
            remote.call(Method::GET, path, None).await?
        }
        Args::Remove { node } => {
            let path = "/api/admin/audit-nodes/remove";
            let body = json!({ "node": node });
            remote.call(Method::POST, path, Some(&body)).await?
        }
    };
    out::answer(&answer)
}
