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
    let Task::List = args;
    out::answer(
        &Remote::from_env()?
            .call(Method::GET, "/api/admin/tasks", None)
            .await?,
    )
}
