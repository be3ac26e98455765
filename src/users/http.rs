//! The log-in that workers and users share.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::header::HOST;
use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::log_in::{self, Shown};
use super::workers::sessions;
use crate::app::App;
use crate::auth;
use crate::error::{Error, Result};
use crate::http::{Answer, Json};
use crate::types::{Secret, WorkerLogin};

/// The body of `POST /api/sessions`, as the workers' SDK sends it; `totp` is for users.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    session: LogIn,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    email: String,
    password: Secret,
    totp: Option<Secret>,
}

/// An access token.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    #[serde(serialize_with = "Secret::serialize_exposed")]
    access_token: Secret,
    expires_at: Timestamp,
    /// Where the token is good for setting up a second factor, and for nothing else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    enrol_totp: bool,
}

/// `POST /api/sessions`: a worker's name and key, or a user's name and password, for an access token.
pub async fn log_in(
    app: web::Data<App>,
    request: HttpRequest,
    body: Json<SessionRequest>,
) -> Result<Answer<SessionView>> {
    let result = if WorkerLogin::parse(&body.0.session.email).is_some() {
        of_worker(&app, &body.0.session).await
    } else {
        of_user(&app, &request, body.0.session).await
    };
    match result {
        Ok(view) => Ok(Answer::ok(view)),
        Err(Error::CredentialsInvalid) => Err(auth::refused(&app, &request)),
        Err(error) => Err(error),
    }
}

async fn of_worker(app: &App, shown: &LogIn) -> Result<SessionView> {
    let session = sessions::log_in(app, &shown.email, &shown.password).await?;
    Ok(SessionView {
        access_token: session.token,
        expires_at: session.expires_at,
        enrol_totp: false,
    })
}

async fn of_user(app: &web::Data<App>, request: &HttpRequest, shown: LogIn) -> Result<SessionView> {
    let host = request.headers().get(HOST);
    let shown = Shown {
        login: shown.email,
        password: shown.password,
        code: shown.totp,
        host: host.and_then(|host| host.to_str().ok()).map(str::to_owned),
    };
    let origin = auth::origin(app, request);
    let session = log_in::log_in(&app.clone().into_inner(), shown, &origin).await?;
    Ok(SessionView {
        access_token: session.made.token,
        expires_at: session.made.expires_at,
        enrol_totp: session.enrolling,
    })
}
