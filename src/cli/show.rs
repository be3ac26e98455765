//! `gatehouse app-token` and `gatehouse task`.

use clap::Subcommand;
use reqwest::Method;

use super::out;
use super::remote::Remote;

/// What to do with the app tokens.
#[derive(Subcommand)]
pub enum AppToken {
    /// Show how long they live, when they were and will be renewed
    Show,
    /// Renew them now
    Renew,
}

/// What to do with the tasks.
#[derive(Subcommand)]
pub enum Task {
    /// Show the last report of each
    List,
    /// Make a pass of one now, in the replica that answers
    Run {
        /// Which, as `task list` names it
        task: String,
    },
}

/// Runs `app-token`.
///
/// # Errors
/// What the service says.
pub async fn app_token(args: AppToken) -> anyhow::Result<()> {
    let remote = Remote::from_env()?;
    let (method, path) = match args {
        AppToken::Show => (Method::GET, "/api/admin/app-token"),
        AppToken::Renew => (Method::POST, "/api/admin/app-token/renew"),
    };
    out::answer(&remote.call(method, path, None).await?)
}

/// Runs `task`.
///
/// # Errors
/// What the service says.
pub async fn task(args: Task) -> anyhow::Result<()> {
    let (method, path) = match &args {
        Task::List => (Method::GET, "/api/admin/tasks".to_owned()),
        Task::Run { task } => {
            let is_name = |b: u8| b.is_ascii_lowercase() || b == b'_';
            anyhow::ensure!(task.bytes().all(is_name), "no task is called that");
            (Method::POST, format!("/api/admin/tasks/{task}/run"))
        }
    };
    let answer = Remote::from_env()?.call(method, &path, None).await?;
    out::answer(&answer)?;
    anyhow::ensure!(
        answer["failed"] != true,
        "the pass failed: the log says why"
    );
    Ok(())
}
