//! Handlers by which operators change the levels of the log.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LogLevels, Raised, Standing, set};
use crate::app::App;
use crate::auth::Operator;
use crate::error::Result;
use crate::http::{Answer, Json, in_background};
use crate::telemetry::logs;

/// The body of `PUT /api/admin/log-levels`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLevelsRequest {
    /// What stands beside the usual levels.
    levels: LogLevels,
    /// For how long, seconds.
    #[serde(default)]
    seconds: Standing,
}

/// What this replica logs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogLevelsInForce)]
pub struct LevelsView {
    usual: String,
    #[schema(required)]
    levels: Option<LogLevels>,
    #[schema(required)]
    until: Option<Timestamp>,
}

/// `GET /api/admin/log-levels`: the usual levels of the replica that answers, and what stands beside them.
pub async fn show(_operator: Operator) -> Result<Answer<LevelsView>> {
    Ok(shown())
}

/// `PUT /api/admin/log-levels`: sets levels in all replicas, for a while.
pub async fn change(
    app: web::Data<App>,
    operator: Operator,
    body: Json<LogLevelsRequest>,
) -> Result<Answer<LevelsView>> {
    let LogLevelsRequest { levels, seconds } = body.0;
    by(&app, &operator, Some((levels, seconds))).await
}

/// `DELETE /api/admin/log-levels`: takes back the usual levels in all replicas.
pub async fn reset(app: web::Data<App>, operator: Operator) -> Result<Answer<LevelsView>> {
    by(&app, &operator, None).await
}

async fn by(
    app: &web::Data<App>,
    operator: &Operator,
    asked: Option<(LogLevels, Standing)>,
) -> Result<Answer<LevelsView>> {
    let actor = operator.actor();
    in_background(
        app,
        move |app| async move { set(&app, asked, &actor).await },
    )
    .await?;
    Ok(shown())
}

fn shown() -> Answer<LevelsView> {
    let now = logs::now();
    let (usual, raised) = now.map(|now| (now.usual, now.raised)).unwrap_or_default();
    let (levels, until) = raised
        .map(|Raised { levels, until }| (levels, until))
        .unzip();
    Answer::ok(LevelsView {
        usual,
        levels,
        until,
    })
}
