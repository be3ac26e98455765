//! Handlers that change what a lockbox is locked with.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Administrator;
use crate::error::Result;
use crate::http::{Answer, Changed, Json, in_background};
use crate::lockbox::password;
use crate::types::Secret;

/// The body of `PUT /api/lockbox/password`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeLockboxPasswordRequest)]
pub struct PasswordRequest {
    /// The one of today.
    current: Secret,
    /// The one from now on.
    new: Secret,
}

/// `PUT /api/lockbox/password`: the data key is wrapped anew, no value is touched. It stays locked or unlocked.
pub async fn change_password(
    app: web::Data<App>,
    by: Administrator,
    body: Json<PasswordRequest>,
) -> Result<Answer<Changed>> {
    let PasswordRequest { current, new } = body.0;
    in_background(&app, move |app| async move {
        password::check_own(&app, "new", &new, &by)?;
        super::change_password(&app, &by, &current, &new).await
    })
    .await?;
    Ok(Answer::ok(Changed::DONE))
}

/// The body of `POST /api/lockbox/rotate`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateLockboxRequest)]
pub struct RotateRequest {
    /// Of the lockbox.
    password: Secret,
}

/// There is a fresh key.
#[derive(Serialize, ToSchema)]
#[schema(as = LockboxRotated)]
pub struct RotatedView {
    rotated: bool,
}

/// `POST /api/lockbox/rotate`: a fresh data key. Entries are sealed with it in the background: 202.
pub async fn rotate(
    app: web::Data<App>,
    by: Administrator,
    body: Json<RotateRequest>,
) -> Result<Answer<RotatedView>> {
    in_background(&app, move |app| async move {
        super::rotate(&app, &by, &body.0.password).await
    })
    .await?;
    Ok(Answer::accepted(RotatedView { rotated: true }))
}
