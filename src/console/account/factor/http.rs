//! Handlers of the second factor.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::{Square, grouped, square};
use crate::app::App;
use crate::console::account::http::overview;
use crate::console::http::{Faults, Field, page, see_other, shown};
use crate::console::layout::{Area, Frame};
use crate::console::session::Session;
use crate::console::session::http::{Act, Entrant, EntrantAct};
use crate::console::texts;
use crate::error::{Error, Result};
use crate::http::{Form, in_background};
use crate::types::Secret;
use crate::users::accounts::own;

/// Where a temporary password is changed, which comes first.
const PASSWORD: &str = "/console/account/password";
const TITLE: &str = "Set up your second factor";

#[derive(Template)]
#[template(path = "console/account/totp.html")]
struct BeginPage {
    frame: Frame,
    password: Field,
}

#[derive(Template)]
#[template(path = "console/account/totp_confirm.html")]
struct ConfirmPage {
    frame: Frame,
    /// What was begun; not shown again behind a wrong code.
    begun: Option<(Square, Secret)>,
    code: Field,
}

#[derive(Template)]
#[template(path = "console/account/codes.html")]
struct CodesPage<'a> {
    frame: Frame,
    codes: &'a [Secret],
}

fn begin_page(by: &Session, faults: &Faults) -> BeginPage {
    BeginPage {
        frame: Frame::new(&by.who(), Area::Account, TITLE),
        password: Field::password("password", "Password", "current-password").filled(None, faults),
    }
}

fn confirm_page(by: &Session, begun: Option<(Square, Secret)>, faults: &Faults) -> ConfirmPage {
    ConfirmPage {
        frame: Frame::new(&by.who(), Area::Account, TITLE),
        begun,
        code: Field::code("code", "Code").required().filled(None, faults),
    }
}

/// `GET /console/account/totp`.
pub async fn show(by: Entrant) -> Result<HttpResponse> {
    if by.0.account().password_temporary {
        return Ok(see_other(PASSWORD));
    }
    shown(&begin_page(&by.0, &Faults::none()))
}

/// What is wrong with a password or a code; other errors are given back.
fn faults(error: Error) -> Result<(StatusCode, Faults)> {
    let entry = error.entry();
    match texts::proof(entry.code) {
        Some((field, rule)) => Ok((entry.status, Faults::one(field, rule))),
        None => Ok((entry.status, Faults::of(error)?)),
    }
}

fn secret(form: &Form, name: &str) -> Secret {
    let found = form.secret(name).cloned();
    found.unwrap_or_else(|| Secret::new(String::new()))
}

/// `POST /console/account/totp`: shows a new secret, once.
pub async fn begin(app: web::Data<App>, sent: EntrantAct) -> Result<HttpResponse> {
    let EntrantAct { by, form } = sent;
    if by.account().password_temporary {
        return Ok(see_other(PASSWORD));
    }
    let (own, password) = (by.own(&app), secret(&form, "password"));
    let begun = in_background(&app, move |app| async move {
        own::begin_totp(&app, &own, &password).await
    });
    match begun.await {
        Ok(begun) => {
            let drawn = (square(&begun.url)?, grouped(&begun.secret));
            shown(&confirm_page(&by, Some(drawn), &Faults::none()))
        }
        Err(error) => {
            let (status, faults) = faults(error)?;
            page(status, &begin_page(&by, &faults))
        }
    }
}

/// `POST /console/account/totp/confirm`: puts it into force; shows the recovery codes, once.
pub async fn confirm(app: web::Data<App>, sent: EntrantAct) -> Result<HttpResponse> {
    let EntrantAct { mut by, form } = sent;
    if by.account().password_temporary {
        return Ok(see_other(PASSWORD));
    }
    let (own, code) = (by.own(&app), secret(&form, "code"));
    let confirmed = in_background(&app, move |app| async move {
        own::confirm_totp(&app, &own, &code).await
    });
    match confirmed.await {
        // Users have no recovery codes.
        Ok(codes) if codes.is_empty() => Ok(see_other("/console/account?done=totp")),
        Ok(codes) => {
            by.enrolled();
            codes_page(&by, &codes)
        }
        Err(error) => {
            let (status, faults) = faults(error)?;
            page(status, &confirm_page(&by, None, &faults))
        }
    }
}

fn codes_page(by: &Session, codes: &[Secret]) -> Result<HttpResponse> {
    shown(&CodesPage {
        frame: Frame::new(&by.who(), Area::Account, "Keep your recovery codes"),
        codes,
    })
}

/// `POST /console/account/recovery-codes`: new ones in the place of all before, shown once.
pub async fn renew_codes(app: web::Data<App>, sent: Act) -> Result<HttpResponse> {
    let Act { by, form } = sent;
    let own = by.own(&app);
    let (password, code) = (secret(&form, "password"), secret(&form, "code"));
    let renewed = in_background(&app, move |app| async move {
        own::renew_recovery_codes(&app, &own, &password, &code).await
    });
    match renewed.await {
        Ok(codes) => codes_page(&by, &codes),
        Err(error) => {
            let (status, faults) = faults(error)?;
            let frame = Frame::new(&by.who(), Area::Account, "Your account");
            overview(&app, &by, status, frame, &faults).await
        }
    }
}
