//! `gatehouse vendor cancel`.

use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use serde_json::Value;

use crate::cli::progress::Progress;
use crate::cli::remote::Remote;
use crate::types::Namespace;
use crate::vendors::cancel::Stage;

/// How often it is looked how far it is.
const EVERY: Duration = Duration::from_millis(500);
/// So many looks in a row may fail: a replica that restarts is back before.
const PATIENCE: u32 = 60;

/// Cancels the vendor and, where that is wanted, waits until nothing is left of it. Gives what is shown of it then.
///
/// # Errors
/// What the service says.
pub async fn run(
    remote: &Remote,
    (namespace, confirm): (&Namespace, &Namespace),
    wait: bool,
) -> anyhow::Result<Value> {
    let path = format!("/api/admin/vendors/{namespace}");
    let order = format!("{path}?confirm={confirm}");
    let mut vendor = remote.call(Method::DELETE, &order, None).await?;
    if !wait {
        return Ok(vendor);
    }
    let progress = Progress::of_steps(Stage::ALL.len() - 1, "cancelled");
    let mut failed = 0;
    loop {
        let cancellation = &vendor["cancellation"];
        let stage = cancellation["stage"].as_str();
        let stage = stage.context("the service does not say how far the cancellation is")?;
        if stage == Stage::Done.as_str() {
            return Ok(vendor);
        }
        let step = Stage::ALL.iter().position(|one| one.as_str() == stage);
        progress.at(step.unwrap_or(0), &told(stage, cancellation));
        tokio::time::sleep(EVERY).await;
        match remote.call(Method::GET, &path, None).await {
            Ok(shown) => (vendor, failed) = (shown, 0),
            Err(error) if failed == PATIENCE => {
                return Err(
                    error.context("the vendor is cancelled, and how far it is cannot be told")
                );
            }
            Err(_) => failed += 1,
        }
    }
}

/// What is at work, and what holds it up.
fn told(stage: &str, cancellation: &Value) -> String {
    let counts = [
        ("secretsRemoved", "secrets removed"),
        ("tokensRevoked", "tokens ended"),
    ];
    let counts = counts.map(|(field, what)| format!("{} {what}", cancellation[field]));
    let problem = cancellation["lastProblem"].as_str();
    let problem = problem.map_or_else(String::new, |code| format!(", held up by {code}"));
    format!("{stage}, {}{problem}", counts.join(", "))
}
