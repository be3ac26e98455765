//! Handlers on operators' sessions and their own accounts.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::log_in::{self, Begun, Shown};
use crate::app::App;
use crate::auth::{self, EnrollingPerson, Person};
use crate::error::{Error, Result};
use crate::http::{Answer, Changed, Json, Page, PageRequest, SessionPath, in_background};
use crate::types::{Secret, SessionId, UserName};
use crate::users::accounts::own::http::{
    BeginTotpRequest, BegunTotpView, ChangePasswordRequest, ConfirmTotpRequest, RemoveTotpRequest,
    TotpView,
};
use crate::users::accounts::own::{self, Own};
use crate::users::accounts::proof::Second;
use crate::users::accounts::recovery;
use crate::users::accounts::sessions::Which;
use crate::users::accounts::sessions::http::{EndedView, SessionView, end, page};

/// The body of `POST /api/admin/sessions`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OperatorLogInRequest)]
pub struct LogInRequest {
    name: String,
    password: Secret,
    /// A code of the second factor.
    otp: Option<Secret>,
    /// In its place.
    recovery_code: Option<Secret>,
}

/// An operator's new session: its token is shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperatorSession)]
pub struct BegunView {
    id: String,
    #[serde(serialize_with = "Secret::serialize_exposed")]
    token: Secret,
    /// When it ends without use; each use moves that, up to 12 hours after the log-in.
    expires_at: Timestamp,
    /// Whether it is good for setting up a second factor only.
    enrolling: bool,
    /// Whether the password must be changed first.
    password_temporary: bool,
}

/// `POST /api/admin/sessions`: a name, its password and a code of the second factor for a session. 201.
pub async fn log_in(
    app: web::Data<App>,
    request: HttpRequest,
    body: Json<LogInRequest>,
) -> Result<Answer<BegunView>> {
    let body = body.0;
    let second = match (body.otp, body.recovery_code) {
        (Some(_), Some(_)) => {
            return Err(Error::field("recoveryCode", "cannot stand beside otp"));
        }
        (code, None) => Second::Code(code),
        (None, Some(code)) => Second::Recovery(code),
    };
    let shown = Shown {
        name: body.name,
        password: body.password,
        second,
    };
    let origin = auth::origin(&app, &request);
    match log_in::log_in(&app.clone().into_inner(), shown, &origin).await {
        Ok(begun) => Ok(Answer::created(BegunView::from(begun))),
        Err(Error::CredentialsInvalid) => Err(auth::refused(&app, &request)),
        Err(error) => Err(error),
    }
}

impl From<Begun> for BegunView {
    fn from(begun: Begun) -> Self {
        let made = begun.session.made;
        Self {
            id: made.id.to_string(),
            token: made.token,
            expires_at: made.expires_at,
            enrolling: begun.session.enrolling,
            password_temporary: begun.password_temporary,
        }
    }
}

/// `GET /api/admin/sessions`: a page of one's own.
pub async fn list(
    app: web::Data<App>,
    person: Person,
    wanted: PageRequest,
) -> Result<Answer<Page<SessionView>>> {
    page(&app, &person.account, Some(person.session), wanted).await
}

/// `DELETE /api/admin/sessions`: all, also the one that asks.
pub async fn remove_all(app: web::Data<App>, person: Person) -> Result<Answer<EndedView>> {
    let actor = person.account.actor();
    end(&app, person.account, Which::All, actor).await
}

/// `DELETE /api/admin/sessions/{session}`; `current` is the one that asks: a log-out.
pub async fn remove(
    app: web::Data<App>,
    person: EnrollingPerson,
    path: SessionPath,
) -> Result<Answer<EndedView>> {
    let EnrollingPerson(person) = person;
    let own = SessionId(person.session);
    let id = path.0.unwrap_or(own);
    let person = if id == own { person } else { person.settled()? };
    let actor = person.account.actor();
    end(&app, person.account, Which::One(id), actor).await
}

/// An operator's own account as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperatorAccount)]
pub struct OwnView {
    name: UserName,
    /// Whether a second factor is in force.
    totp: bool,
    /// How many recovery codes are left.
    recovery_codes: i64,
    /// Whether this session is good for setting up a second factor only.
    enrolling: bool,
    /// Whether the password must be changed first.
    password_temporary: bool,
    password_changed_at: Timestamp,
    #[schema(required)]
    last_login_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// `GET /api/admin/account`.
pub async fn show(app: web::Data<App>, person: EnrollingPerson) -> Result<Answer<OwnView>> {
    let EnrollingPerson(person) = person;
    let account = person.account;
    let client = app.db.all().await?;
    Ok(Answer::ok(OwnView {
        recovery_codes: recovery::store::left(&client, account.id).await?,
        name: account.name,
        totp: account.totp_confirmed_at.is_some(),
        enrolling: person.enrolling,
        password_temporary: account.password_temporary,
        password_changed_at: account.password_changed_at,
        last_login_at: account.last_login_at,
        created_at: account.created_at,
    }))
}

/// As what an account does with itself knows it.
#[must_use]
pub fn own(person: Person) -> Own {
    Own {
        login: person.account.name.as_str().to_owned(),
        rules: super::rules(person.account.name.as_str(), "new"),
        account: person.account,
        session: Some(person.session),
        origin: person.origin,
    }
}

/// `PUT /api/admin/account/password`. All other sessions end.
pub async fn change_password(
    app: web::Data<App>,
    person: EnrollingPerson,
    body: Json<ChangePasswordRequest>,
) -> Result<Answer<Changed>> {
    let ChangePasswordRequest { current, new } = body.0;
    let own = own(person.0);
    in_background(&app, move |app| async move {
        own::change_password(&app, &own, &current, &new).await
    })
    .await?;
    Ok(Answer::ok(Changed::DONE))
}

/// `POST /api/admin/account/totp`: the secret of a second factor, shown once; in force with its first code. 201.
pub async fn begin_totp(
    app: web::Data<App>,
    person: EnrollingPerson,
    body: Json<BeginTotpRequest>,
) -> Result<Answer<BegunTotpView>> {
    let own = own(person.0);
    let begun = in_background(&app, move |app| async move {
        own::begin_totp(&app, &own, &body.0.password).await
    });
    Ok(Answer::created(begun.await?.into()))
}

/// The second factor is in force.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperatorTotp)]
pub struct ConfirmedTotpView {
    totp: bool,
    #[serde(serialize_with = "Secret::serialize_each")]
    recovery_codes: Vec<Secret>,
}

/// `PUT /api/admin/account/totp`: puts the second factor into force; the recovery codes are shown once.
pub async fn confirm_totp(
    app: web::Data<App>,
    person: EnrollingPerson,
    body: Json<ConfirmTotpRequest>,
) -> Result<Answer<ConfirmedTotpView>> {
    let own = own(person.0);
    let codes = in_background(&app, move |app| async move {
        own::confirm_totp(&app, &own, body.0.code()).await
    });
    Ok(Answer::ok(ConfirmedTotpView {
        totp: true,
        recovery_codes: codes.await?,
    }))
}

/// `DELETE /api/admin/account/totp`: to set another one up. Until then no session of the operator is good for more.
pub async fn remove_totp(
    app: web::Data<App>,
    person: Person,
    body: Json<RemoveTotpRequest>,
) -> Result<Answer<TotpView>> {
    let own = own(person);
    in_background(&app, move |app| async move {
        own::remove_totp(&app, &own, &body.0.password, body.0.code()).await
    })
    .await?;
    Ok(Answer::ok(TotpView::new(false)))
}

/// New recovery codes, shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecoveryCodes)]
pub struct RecoveryCodesView {
    #[serde(serialize_with = "Secret::serialize_each")]
    recovery_codes: Vec<Secret>,
}

/// `POST /api/admin/account/recovery-codes`: new ones in the place of all before, shown once. 201.
pub async fn renew_recovery_codes(
    app: web::Data<App>,
    person: Person,
    body: Json<RemoveTotpRequest>,
) -> Result<Answer<RecoveryCodesView>> {
    let own = own(person);
    let codes = in_background(&app, move |app| async move {
        own::renew_recovery_codes(&app, &own, &body.0.password, body.0.code()).await
    });
    Ok(Answer::created(RecoveryCodesView {
        recovery_codes: codes.await?,
    }))
}
