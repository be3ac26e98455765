//! Handlers on one's own account.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Own;
use crate::app::App;
use crate::auth::{EnrollingUser, User};
use crate::error::Result;
use crate::http::{Answer, Changed, Json, in_background};
use crate::types::{GroupName, Secret, UserName};
use crate::users::accounts::totp::Begun;

/// One's own account as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Account)]
pub struct OwnView {
    name: UserName,
    /// `name@namespace`.
    login: String,
    groups: Vec<GroupName>,
    /// Whether a second factor is in force.
    totp: bool,
    /// Whether this session is good for setting one up only.
    enrolling: bool,
    password_changed_at: Timestamp,
    #[schema(required)]
    last_login_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// `GET /api/user`.
pub async fn show(user: EnrollingUser) -> Result<Answer<OwnView>> {
    let User {
        vendor,
        account,
        enrolling,
        ..
    } = user.0;
    Ok(Answer::ok(OwnView {
        login: account.login(&vendor.namespace),
        name: account.name,
        groups: account.groups,
        totp: account.totp_confirmed_at.is_some(),
        enrolling,
        password_changed_at: account.password_changed_at,
        last_login_at: account.last_login_at,
        created_at: account.created_at,
    }))
}

/// The body of `PUT /api/user/password`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    /// The one before.
    pub current: Secret,
    /// The one from now on.
    pub new: Secret,
}

/// `PUT /api/user/password`. All other sessions and access tokens end.
pub async fn change_password(
    app: web::Data<App>,
    user: User,
    body: Json<ChangePasswordRequest>,
) -> Result<Answer<Changed>> {
    let ChangePasswordRequest { current, new } = body.0;
    let own = Own::of(&app, &user);
    in_background(&app, move |app| async move {
        super::change_password(&app, &own, &current, &new).await
    })
    .await?;
    Ok(Answer::ok(Changed::DONE))
}

/// A user who asks by anything but an access token.
fn own_session(app: &App, user: &User) -> Result<Own> {
    user.without_token()?;
    Ok(Own::of(app, user))
}

/// The body of `POST /api/user/totp`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginTotpRequest {
    /// Of the account.
    pub password: Secret,
}

/// The secret of a second factor, shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TotpBegun)]
pub struct BegunTotpView {
    /// In base32.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    totp_secret: Secret,
    /// The same for an app, as a QR code holds it.
    #[serde(serialize_with = "Secret::serialize_exposed")]
    otpauth_url: Secret,
}

impl From<Begun> for BegunTotpView {
    fn from(begun: Begun) -> Self {
        Self {
            totp_secret: begun.secret,
            otpauth_url: begun.url,
        }
    }
}

/// Whether a second factor is in force.
#[derive(Serialize, ToSchema)]
#[schema(as = Totp)]
pub struct TotpView {
    totp: bool,
}

impl TotpView {
    /// It is, or it is not.
    #[must_use]
    pub fn new(totp: bool) -> Self {
        Self { totp }
    }
}

/// `POST /api/user/totp`: the secret of a second factor, shown once; in force with its first code. 201.
pub async fn begin_totp(
    app: web::Data<App>,
    user: EnrollingUser,
    body: Json<BeginTotpRequest>,
) -> Result<Answer<BegunTotpView>> {
    let own = own_session(&app, &user.0)?;
    let begun = in_background(&app, move |app| async move {
        super::begin_totp(&app, &own, &body.0.password).await
    });
    Ok(Answer::created(begun.await?.into()))
}

/// The body of `PUT /api/user/totp`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotpRequest {
    code: TotpCode,
}

impl ConfirmTotpRequest {
    /// The code.
    #[must_use]
    pub fn code(&self) -> &Secret {
        &self.code.0
    }
}

/// Six ASCII digits, as a string.
#[derive(Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[0-9]{6}$")]
struct TotpCode(Secret);

impl TryFrom<String> for TotpCode {
    type Error = &'static str;
    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let text = Secret::new(text);
        let bytes = text.expose().as_bytes();
        if bytes.len() == 6 && bytes.iter().all(u8::is_ascii_digit) {
            Ok(Self(text))
        } else {
            Err("must be a string of 6 digits")
        }
    }
}

/// `PUT /api/user/totp`: puts the second factor into force.
pub async fn confirm_totp(
    app: web::Data<App>,
    user: EnrollingUser,
    body: Json<ConfirmTotpRequest>,
) -> Result<Answer<TotpView>> {
    let own = own_session(&app, &user.0)?;
    in_background(&app, move |app| async move {
        super::confirm_totp(&app, &own, body.0.code()).await
    })
    .await?;
    Ok(Answer::ok(TotpView::new(true)))
}

/// The body of `DELETE /api/user/totp`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveTotpRequest {
    /// Of the account.
    pub password: Secret,
    code: TotpCode,
}

impl RemoveTotpRequest {
    /// The code.
    #[must_use]
    pub fn code(&self) -> &Secret {
        &self.code.0
    }
}

/// `DELETE /api/user/totp`.
pub async fn remove_totp(
    app: web::Data<App>,
    user: User,
    body: Json<RemoveTotpRequest>,
) -> Result<Answer<TotpView>> {
    let own = own_session(&app, &user)?;
    in_background(&app, move |app| async move {
        super::remove_totp(&app, &own, &body.0.password, body.0.code()).await
    })
    .await?;
    Ok(Answer::ok(TotpView::new(false)))
}
