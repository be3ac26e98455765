//! What operators see of the background tasks, and of the app token.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::collections::BTreeMap;

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Operator;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::http::{Answer, TaskPath, in_background};
use crate::tasks::{LastPass, Task};
use crate::vault::AppTokenState;

/// The background tasks.
#[derive(Serialize, ToSchema)]
#[schema(as = Tasks)]
pub struct TasksView {
    /// The last pass of each in this replica, by its name.
    tasks: BTreeMap<&'static str, LastPass>,
}

/// `GET /api/admin/tasks`: the last report of each task in this replica.
pub async fn list(app: web::Data<App>, _operator: Operator) -> Result<Answer<TasksView>> {
    Ok(Answer::ok(TasksView {
        tasks: app.board.read(),
    }))
}

/// `POST /api/admin/tasks/{task}/run`: a pass now, in this replica. 200 whether it goes well or not: `failed` says it.
pub async fn run(
    app: web::Data<App>,
    operator: Operator,
    path: TaskPath,
) -> Result<Answer<LastPass>> {
    let task = Task::named(&path.0).ok_or(Error::NotFound)?;
    let actor = operator.actor();
    let pass = in_background(
        &app,
        move |app| async move { task.pass_now(&app, &actor).await },
    );
    let pass = pass.await?.ok_or(Error::Conflict)?;
    Ok(Answer::ok(pass))
}

/// The service's own tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = AppTokens)]
pub struct AppTokensView {
    tokens: Vec<AppTokenState>,
}

/// `GET /api/admin/app-token`: the service's own tokens, never the tokens themselves.
pub async fn app_tokens(app: web::Data<App>, _operator: Operator) -> Result<Answer<AppTokensView>> {
    Ok(states(&app))
}

/// `POST /api/admin/app-token/renew`: renews them now.
pub async fn renew_app_tokens(
    app: web::Data<App>,
    operator: Operator,
) -> Result<Answer<AppTokensView>> {
    let worker = app.clone().into_inner();
    let actor = operator.actor();
    app.detached(async move { renew_all(&worker, &actor).await })
        .await?;
    Ok(states(&app))
}

/// Renews the service's own tokens now. It is on record.
pub async fn renew_all(app: &App, actor: &str) -> Result<()> {
    for token in app.vault.app_tokens() {
        token.renew_now().await?;
    }
    let client = app.db.all().await?;
    Event::done("app_token.renewed", None, actor)
        .record(&client, app.clock.now())
        .await?;
    Ok(())
}

fn states(app: &App) -> Answer<AppTokensView> {
    let tokens = app.vault.app_tokens();
    let tokens = tokens.iter().map(|token| token.state()).collect();
    Answer::ok(AppTokensView { tokens })
}
