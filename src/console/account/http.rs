//! Handlers of one's own account.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::sessions::{self, Row};
use crate::app::App;
use crate::console::http::{Faults, Field, page, see_other, shown};
use crate::console::layout::{Area, Frame, moment};
use crate::console::session::Session;
use crate::console::session::http::{Entrant, EntrantAct, Holder, HolderAct};
use crate::console::texts;
use crate::error::{Error, Result};
use crate::http::{SessionPath, in_background};
use crate::types::Secret;
use crate::users::accounts::own;
use crate::users::accounts::recovery;
use crate::users::accounts::sessions::{Revoker, Which, revoke};

#[derive(Template)]
#[template(path = "console/account/show.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    /// Of operators, who alone have recovery codes.
    codes_left: Option<i64>,
    has_factor: bool,
    password_changed: String,
    password: Field,
    code: Field,
    sessions: Vec<Row>,
}

/// `GET /console/account`.
pub async fn show(app: web::Data<App>, by: Holder, request: HttpRequest) -> Result<HttpResponse> {
    let frame = Frame::new(&by.0.who(), Area::Account, "Your account");
    let frame = frame.after(request.query_string());
    overview(&app, &by.0, StatusCode::OK, frame, &Faults::none()).await
}

/// The page of an account, with what was wrong with a form of it.
pub(super) async fn overview(
    app: &App,
    by: &Session,
    status: StatusCode,
    frame: Frame,
    faults: &Faults,
) -> Result<HttpResponse> {
    let account = by.account();
    let (client, now) = (app.db.of(account.vendor).await?, app.clock.now());
    let codes_left = if account.is_operator() {
        Some(recovery::store::left(&client, account.id).await?)
    } else {
        None
    };
    let sessions = sessions::rows(&client, account, by.id(), now).await?;
    drop(client);
    page(
        status,
        &AccountPage {
            frame,
            name: account.name.as_str().to_owned(),
            codes_left,
            has_factor: account.totp_confirmed_at.is_some(),
            password_changed: moment(&account.password_changed_at),
            password: Field::password("password", "Password", "current-password")
                .filled(None, faults),
            code: Field::code("code", "Code").required().filled(None, faults),
            sessions,
        },
    )
}

/// `POST /console/account/sessions/{session}/end`: one of one's own.
pub async fn end_session(
    app: web::Data<App>,
    sent: HolderAct,
    path: SessionPath,
) -> Result<HttpResponse> {
    let account = sent.by.account().clone();
    let id = path.0.ok_or(Error::NotFound)?;
    in_background(&app, move |app| async move {
        let actor = account.actor();
        revoke(&app, &account, Which::One(id), &Revoker { actor: &actor }).await
    })
    .await?;
    Ok(see_other("/console/account?done=session-ended"))
}

#[derive(Template)]
#[template(path = "console/account/password.html")]
struct PasswordPage {
    frame: Frame,
    is_temporary: bool,
    name: String,
    current: Field,
    new: Field,
    again: Field,
}

impl PasswordPage {
    fn new(by: &Session, faults: &Faults) -> Self {
        Self {
            frame: Frame::new(&by.who(), Area::Account, "Change your password"),
            is_temporary: by.account().password_temporary,
            name: by.account().name.as_str().to_owned(),
            current: Field::password("current", "Password up to now", "current-password")
                .filled(None, faults),
            new: Field::password("new", "New password", "new-password")
                .hint("Long, and hard to guess: some words that do not go together are best.")
                .filled(None, faults),
            again: Field::password("again", "New password once more", "new-password")
                .filled(None, faults),
        }
    }
}

/// `GET /console/account/password`.
pub async fn password(by: Entrant) -> Result<HttpResponse> {
    shown(&PasswordPage::new(&by.0, &Faults::none()))
}

/// `POST /console/account/password`: all other sessions end.
pub async fn change_password(app: web::Data<App>, sent: EntrantAct) -> Result<HttpResponse> {
    let EntrantAct { by, form } = sent;
    let secret = |name| form.secret(name).cloned();
    let (current, new) = (secret("current"), secret("new"));
    let mut faults = Faults::none();
    if form.get("new") != form.get("again") {
        faults.add("again", "is not the same");
    }
    let empty = || Secret::new(String::new());
    let (current, new) = (current.unwrap_or_else(empty), new.unwrap_or_else(empty));
    let error = if faults.is_empty() {
        let own = by.own(&app);
        let changed = in_background(&app, move |app| async move {
            own::change_password(&app, &own, &current, &new).await
        });
        match changed.await {
            Ok(()) if by.is_enrolling() => return Ok(see_other("/console/account/totp")),
            Ok(()) => return Ok(see_other("/console/account?done=password")),
            Err(error) => error,
        }
    } else {
        return page(
            StatusCode::UNPROCESSABLE_ENTITY,
            &PasswordPage::new(&by, &faults),
        );
    };
    let status = error.entry().status;
    let faults = match texts::proof(error.entry().code) {
        Some((_, rule)) => Faults::one("current", rule),
        None => Faults::of(error)?,
    };
    page(status, &PasswordPage::new(&by, &faults))
}
