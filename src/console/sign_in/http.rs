//! Handlers of the sign-in.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::auth;
use crate::console::http::{Faults, Field, SIGN_IN, page, see_other};
use crate::console::layout::Frame;
use crate::console::session::http::{
    EntrantAct, Visitor, VisitorForm, begin, end, end_held, forget,
};
use crate::console::session::{OPERATOR, USER, is_return};
use crate::console::texts;
use crate::error::{Error, Result};
use crate::http::{Form, in_background};
use crate::types::{Secret, SessionId};
use crate::users::accounts::proof::Second;
use crate::users::accounts::{self, Origin};
use crate::users::operators::log_in::{self, Shown};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    frame: Frame,
    csrf: &'a str,
    back: &'a str,
    problem: Option<&'static str>,
    name: Field,
    password: Field,
    code: Field,
    recovery: Field,
    /// Whether the recovery code is what was tried.
    is_recovering: bool,
}

/// `GET /console/sign-in`.
pub async fn show(by: Visitor, request: HttpRequest) -> Result<HttpResponse> {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    let back = pairs.find(|(name, _)| name == "back");
    let back = back.map_or_else(String::new, |(_, path)| path.into_owned());
    let frame = Frame::outside("Sign in").after(request.query_string());
    form(StatusCode::OK, &by, frame, None, (&back, None))
}

fn form(
    status: StatusCode,
    by: &Visitor,
    frame: Frame,
    problem: Option<&'static str>,
    (back, sent): (&str, Option<&Form>),
) -> Result<HttpResponse> {
    let none = Faults::none();
    let name = Field::text("name", "Name").required();
    let name = name.hint("Of a vendor's user: name@namespace.");
    let name = Field {
        autocomplete: "username",
        ..name
    };
    let mut answer = page(
        status,
        &SignInPage {
            frame,
            csrf: &by.csrf,
            back: if is_return(back) { back } else { "" },
            problem,
            name: name.filled(sent.and_then(|sent| sent.get("name")), &none),
            password: Field::password("password", "Password", "current-password"),
            code: Field::code("code", "Code").hint(
                "Six digits, from your authenticator app. Leave it empty at your first sign-in.",
            ),
            recovery: Field::text("recoveryCode", "Recovery code")
                .hint("Of operators: one of those you kept when you set up the second factor. It is good once."),
            is_recovering: sent.is_some_and(|sent| sent.get("recoveryCode").is_some()),
        },
    )?;
    by.keep(&mut answer);
    Ok(answer)
}

/// `POST /console/sign-in`.
pub async fn sign_in(
    app: web::Data<App>,
    sent: VisitorForm,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let VisitorForm { by, form: fields } = sent;
    let origin = auth::origin(&app, &request);
    let app = app.into_inner();
    let back = fields.get("back").unwrap_or_default();
    let begun = match fields.get("name") {
        // Operators' names have none.
        Some(login) if login.contains('@') => user(&app, login, &fields, &origin).await,
        _ => operator(&app, &fields, &origin).await,
    };
    let error = match begun {
        Ok((cookie, token)) => {
            end_held(&app, &request).await?;
            let mut answer = see_other(if is_return(back) { back } else { "/console" });
            begin(&mut answer, cookie, &token);
            return Ok(answer);
        }
        Err(Error::CredentialsInvalid) => auth::refused(&app, &request),
        Err(error) => error,
    };
    let entry = error.entry();
    if !matches!(
        error,
        Error::CredentialsInvalid | Error::TotpRequired | Error::LockedOut
    ) {
        return Err(error);
    }
    let problem = texts::sign_in(entry.code);
    let frame = Frame::outside("Sign in");
    form(
        entry.status,
        &by,
        frame,
        Some(problem),
        (back, Some(&fields)),
    )
}

fn password(fields: &Form) -> Secret {
    let password = fields.secret("password").cloned();
    password.unwrap_or_else(|| Secret::new(String::new()))
}

/// The cookie of a session that was begun, and its token.
type Cookie = (&'static str, Secret);

async fn operator(app: &Arc<App>, fields: &Form, origin: &Origin) -> Result<Cookie> {
    let secret = |name| fields.secret(name).cloned();
    let shown = Shown {
        name: fields.get("name").unwrap_or_default().to_owned(),
        password: password(fields),
        second: match secret("recoveryCode") {
            Some(code) => Second::Recovery(code),
            None => Second::Code(secret("code")),
        },
    };
    let begun = log_in::log_in(app, shown, origin).await?;
    Ok((OPERATOR, begun.session.made.token))
}

/// A user of a vendor, by `name@namespace`.
async fn user(app: &Arc<App>, login: &str, fields: &Form, origin: &Origin) -> Result<Cookie> {
    let shown = accounts::log_in::Shown {
        login: login.to_owned(),
        password: password(fields),
        code: fields.secret("code").cloned(),
        host: None,
    };
    let begun = accounts::log_in::log_in(app, shown, origin).await?;
    Ok((USER, begun.made.token))
}

/// `POST /console/sign-out`: the session ends.
pub async fn sign_out(app: web::Data<App>, sent: EntrantAct) -> Result<HttpResponse> {
    let (account, session) = (sent.by.account().clone(), sent.by.id());
    if let Some(session) = session {
        in_background(&app, move |app| async move {
            end(&app, &account, SessionId(session)).await
        })
        .await?;
    }
    let mut answer = see_other(&format!("{SIGN_IN}?done=signed-out"));
    forget(&mut answer);
    Ok(answer)
}
