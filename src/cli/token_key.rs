//! `gatehouse token-key`.

use clap::Subcommand;
use reqwest::Method;

use super::out;
use super::remote::Remote;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Show the versions of the key: which one signs, and until when the others are published
    List,
    /// Make a new version: published at once, it signs after a minute and a half
    Rotate,
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let method = match args {
        Args::List => Method::GET,
        Args::Rotate => Method::POST,
    };
    let remote = Remote::from_env()?;
    out::answer(&remote.call(method, "/api/admin/token-keys", None).await?)
}
