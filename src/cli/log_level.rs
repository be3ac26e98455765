//! `gatehouse log-level`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::out;
use super::remote::Remote;

const PATH: &str = "/api/admin/log-levels";

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Show the levels of the replica that answers
    Show,
    /// Log more, or less, in all replicas for a while
    Set {
        /// As in `RUST_LOG`: error, warn or info, or `gatehouse::module=level` up to trace, with commas between
        levels: String,
        /// For how long: 1 to 3600
        #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=3600))]
        seconds: u32,
    },
    /// Take back the usual levels in all replicas
    Reset,
}

/// Runs it.
///
/// # Errors
/// What the service says.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let (method, body) = match args {
        Args::Show => (Method::GET, None),
        Args::Set { levels, seconds } => {
            let body = json!({ "levels": levels, "seconds": seconds });
            (Method::PUT, Some(body))
        }
        Args::Reset => (Method::DELETE, None),
    };
    let remote = Remote::from_env()?;
    out::answer(&remote.call(method, PATH, body.as_ref()).await?)
}
