//! Handlers on pauses of support, for the vendor or an operator.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changes, Pause, store};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::error::{Error, FieldError, Result};
use crate::http::{Answer, Json, in_background};
use crate::types::ExpiresAt;

/// A year.
const LONGEST: SignedDuration = SignedDuration::from_hours(365 * 24);

/// A pause as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SupportPause)]
pub struct PauseView {
    paused: bool,
    /// Its end; `null` where support is not paused.
    #[schema(required)]
    until: Option<Timestamp>,
    pause_on_lockdown: bool,
    lockdown_pause_minutes: i32,
}

fn shown(app: &App, pause: &Pause) -> Answer<PauseView> {
    let until = pause.in_force(app.clock.now());
    Answer::ok(PauseView {
        paused: until.is_some(),
        until,
        pause_on_lockdown: pause.on_lockdown,
        lockdown_pause_minutes: pause.lockdown_minutes,
    })
}

/// `GET /api/support-pause`.
pub async fn show(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<PauseView>> {
    let client = app.db.of(by.vendor.id).await?;
    let pause = store::find(&client, by.vendor.id).await?;
    Ok(shown(&app, &pause.ok_or(Error::NotFound)?))
}

/// The body of `PUT /api/support-pause`: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// From now on.
    minutes: Option<i64>,
    until: Option<ExpiresAt>,
}

impl PauseRequest {
    fn end(&self, now: Timestamp) -> Result<Timestamp> {
        let until = self.until.and_then(|ExpiresAt(until)| until);
        let (field, end) = match (self.minutes, until) {
            (Some(minutes), None) => {
                let length = SignedDuration::try_from_mins(minutes);
                let end = length.and_then(|length| now.checked_add(length).ok());
                ("minutes", end)
            }
            (None, Some(until)) => ("until", Some(until)),
            _ => {
                let fault = FieldError::at("", "must hold minutes or until, one of them");
                return Err(Error::InvalidField(vec![fault]));
            }
        };
        let rule = "must end within a year from now";
        end.filter(|end| *end > now && end.duration_since(now) <= LONGEST)
            .ok_or_else(|| Error::field(field, rule))
    }
}

/// `PUT /api/support-pause`: pauses support, and replaces the pause in force.
pub async fn set(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<PauseRequest>,
) -> Result<Answer<PauseView>> {
    let until = body.0.end(app.clock.now())?;
    let set = in_background(&app, move |app| async move {
        super::set(&app, &by, until).await
    });
    Ok(shown(&app, &set.await?))
}

/// `DELETE /api/support-pause`: ends the pause in force, if there is one.
pub async fn end(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<PauseView>> {
    Ok(shown(&app, &super::end(&app, &by).await?))
}

/// The body of `PATCH /api/support-pause`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePauseRequest {
    pause_on_lockdown: Option<bool>,
    lockdown_pause_minutes: Option<i32>,
}

/// `PATCH /api/support-pause`: whether a report of a lockdown pauses support, and for how long.
pub async fn change(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<ChangePauseRequest>,
) -> Result<Answer<PauseView>> {
    let minutes = body.0.lockdown_pause_minutes;
    if minutes.is_some_and(|minutes| !(1..=1440).contains(&minutes)) {
        return Err(Error::field("lockdownPauseMinutes", "must be 1 to 1440"));
    }
    let to = Changes {
        on_lockdown: body.0.pause_on_lockdown,
        lockdown_minutes: minutes,
    };
    Ok(shown(&app, &super::change(&app, &by, &to).await?))
}
