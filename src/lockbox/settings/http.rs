//! Handlers on a lockbox's settings.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;

use super::store::{self, Changes};
use super::{AutoLock, Settings};
use crate::app::App;
use crate::auth::Administrator;
use crate::error::Result;
use crate::http::{Answer, Json};
use crate::lockbox;
use crate::lockbox::prove;

/// `GET /api/lockbox/settings`.
pub async fn show(app: web::Data<App>, by: Administrator) -> Result<Answer<Settings>> {
    let client = app.db.of(by.0.vendor.id).await?;
    let settings = store::read(&client, by.0.vendor.id).await?;
    Ok(Answer::ok(settings))
}

/// The body of `PATCH /api/lockbox/settings`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = LockboxSettingsRequest)]
pub struct SettingsRequest {
    /// Seconds without use until it locks itself, 60 to 604800; 0 for never.
    auto_lock: Option<AutoLock>,
    /// Whether passwords must be strong in RPort's dialect too.
    strong_passwords: Option<bool>,
    /// Whether a replica that starts after the unlock gets the key from one that has it.
    join_unlocked: Option<bool>,
}

/// `PATCH /api/lockbox/settings`.
pub async fn update(
    app: web::Data<App>,
    by: Administrator,
    body: Json<SettingsRequest>,
) -> Result<Answer<Settings>> {
    let changes = Changes {
        auto_lock: body.0.auto_lock,
        strong_passwords: body.0.strong_passwords,
        join_unlocked: body.0.join_unlocked,
    };
    let vendor = by.0.vendor.id;
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    lockbox::store::ensure(&transaction, vendor, app.clock.now()).await?;
    store::update(&transaction, vendor, changes).await?;
    prove::record(&transaction, &app, &by, "lockbox.settings_changed").await?;
    let settings: Settings = store::read(&transaction, vendor).await?;
    transaction.commit().await?;
    Ok(Answer::ok(settings))
}
