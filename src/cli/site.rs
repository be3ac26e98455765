//! `gatehouse site`.

use clap::Subcommand;
use reqwest::Method;

use super::out;
use super::remote::Remote;
use super::vendor::{namespace, paged};
use crate::types::{Namespace, SecretId};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// List a vendor's registered sites, a page at a time
    List {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// Rows of a page, 1 to 100
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        limit: u8,
        /// From the page before
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Remove a site: its tokens die, its secret is deleted
    Revoke {
        /// Which vendor
        #[arg(value_parser = namespace)]
        namespace: Namespace,
        /// Which site
        #[arg(value_parser = secret_id)]
        secret_id: SecretId,
    },
}

/// A secret id as an argument.
///
/// # Errors
/// Says the rule it breaks.
pub fn secret_id(text: &str) -> Result<SecretId, String> {
    SecretId::parse(text).map_err(|e| e.to_string())
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let remote = Remote::from_env()?;
    let answer = match args {
        Args::List {
            namespace,
            limit,
            cursor,
        } => {
            let path = format!("/api/admin/vendors/{namespace}/sites");
            remote
                .call(Method::GET, &paged(&path, limit, cursor.as_deref()), None)
                .await?
        }
        Args::Revoke {
            namespace,
            secret_id,
        } => {
            let path = format!("/api/admin/vendors/{namespace}/sites/{secret_id}");
            remote.call(Method::DELETE, &path, None).await?
        }
    };
    out::answer(&answer)
}
