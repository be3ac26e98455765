//! `gatehouse webhook`.

use std::io::Read;

use clap::Subcommand;

use super::out;
use crate::config::{self, Env};

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Sign a body from standard input, and print the three headers
    ///
    /// The secret is GATEHOUSE_SIGNUP_SECRET; of two, the first signs. The headers are one per line, as
    /// `curl -H @file` reads them. The body must be sent byte for byte as it was signed.
    Sign {
        /// The webhook-id: each id is handled once
        #[arg(long)]
        id: String,
        /// The webhook-timestamp, Unix seconds; now where it is left out
        #[arg(long)]
        timestamp: Option<i64>,
    },
}

/// Runs it.
///
/// # Errors
/// Where the secret is missing or the body cannot be read.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let Args::Sign { id, timestamp } = args;
    let secrets = config::signup_secrets(&Env::process())?;
    let secret = secrets
        .first()
        .ok_or_else(|| anyhow::anyhow!("GATEHOUSE_SIGNUP_SECRET holds no secret"))?;
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body)?;
    let timestamp = timestamp.unwrap_or_else(|| jiff::Timestamp::now().as_second());
    out::line(&format!("webhook-id: {id}"))?;
    out::line(&format!("webhook-timestamp: {timestamp}"))?;
    out::line(&format!(
        "webhook-signature: {}",
        secret.sign(id, timestamp, &body)
    ))
}
