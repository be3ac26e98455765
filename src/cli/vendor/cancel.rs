//! `gatehouse vendor cancel`.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::cli::progress::Progress;
use crate::cli::remote::Remote;
use crate::types::Namespace;
use crate::vendors::cancel::Stage;

/// How often it is looked how far it is.
const EVERY: Duration = Duration::from_millis(500);

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
    loop {
        let cancellation = &vendor["cancellation"];
        if !cancellation["finishedAt"].is_null() {
            return Ok(vendor);
        }
        let stage = cancellation["stage"].as_str().unwrap_or_default();
        let step = Stage::ALL.iter().position(|one| one.as_str() == stage);
        progress.at(step.unwrap_or(0), told(stage, cancellation));
        tokio::time::sleep(EVERY).await;
        vendor = remote.call(Method::GET, &path, None).await?;
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
