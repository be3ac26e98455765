//! Who asks for a page, or sends a form: extractors, and the cookies.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};

use super::{Identity, OPERATOR, Session, USER, VISIT, cookie, is_return, new_visit};
use crate::app::App;
use crate::auth::{self, KeyRing};
use crate::console::csrf;
use crate::console::http::{SIGN_IN, SIGN_OUT, send_to};
use crate::error::{Error, Result};
use crate::http::limit::Share;
use crate::http::{Decided, Described, Form};
use crate::telemetry;
use crate::types::{Secret, SessionId};
use crate::users::accounts::Account;
use crate::users::accounts::sessions::{self, Revoker, Which};

/// A stranger who looks at a page.
pub struct Visitor {
    cookie: Secret,
    is_new: bool,
    /// The token of the form.
    pub csrf: String,
}

/// A stranger's form.
pub struct VisitorForm {
    /// Who sent it.
    pub by: Visitor,
    /// Its fields.
    pub form: Form,
}

/// An operator who looks at a page, with all done that is to be done at the first sign-in.
pub struct SignedIn(pub Session);

/// An operator, or an administrator of the vendor that the path names, who looks at a page. Where it names none, the page
/// shows what is the vendor's.
pub struct Member(pub Session);

/// The same, and any other user of that vendor.
pub struct Agent(pub Session);

/// Anybody who is signed in and has done all that is to be done at first: one's own account.
pub struct Holder(pub Session);

/// Anybody who is signed in, whatever is still to be done.
pub struct Entrant(pub Session);

/// A form of a [`Member`].
pub struct MemberAct {
    /// Who sent it.
    pub by: Session,
    /// Its fields.
    pub form: Form,
}

/// A form of an [`Agent`].
pub struct AgentAct {
    /// Who sent it.
    pub by: Session,
    /// Its fields.
    pub form: Form,
}

/// A form of a [`Holder`].
pub struct HolderAct {
    /// Who sent it.
    pub by: Session,
    /// Its fields.
    pub form: Form,
}

/// A form of an operator.
pub struct Act {
    /// Who sent it.
    pub by: Session,
    /// Its fields.
    pub form: Form,
}

/// The same, whatever is still to be done.
pub struct EntrantAct {
    /// Who sent it.
    pub by: Session,
    /// Its fields.
    pub form: Form,
}

impl Visitor {
    /// Sets the cookie, where there was none.
    pub fn keep(&self, answer: &mut HttpResponse) {
        if self.is_new {
            set(answer, VISIT, self.cookie.expose(), "");
        }
    }
}

/// Puts the session into its cookie, [`OPERATOR`] or [`USER`], and takes the stranger's and the other one away.
pub fn begin(answer: &mut HttpResponse, cookie: &'static str, token: &Secret) {
    for name in [OPERATOR, USER, VISIT] {
        if name == cookie {
            set(answer, name, token.expose(), "");
        } else {
            set(answer, name, "", "; Max-Age=0");
        }
    }
}

/// Takes the session's cookie away.
pub fn forget(answer: &mut HttpResponse) {
    for name in [OPERATOR, USER] {
        set(answer, name, "", "; Max-Age=0");
    }
}

fn set(answer: &mut HttpResponse, name: &str, value: &str, more: &str) {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{more}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}

pub(super) type Outcome<T> = std::result::Result<T, actix_web::Error>;
pub(super) type Extracted<T> = Pin<Box<dyn Future<Output = Outcome<T>>>>;

fn read(request: &HttpRequest, name: &str) -> Option<Secret> {
    let headers = request.headers().get_all(header::COOKIE);
    cookie(headers.filter_map(|value| value.to_str().ok()), name)
}

pub(super) fn found(request: &HttpRequest) -> Result<Arc<App>> {
    let app = request.app_data::<web::Data<App>>().cloned();
    let app = app.ok_or_else(|| Error::Internal("the app is not there".to_owned()))?;
    Ok(app.into_inner())
}

/// The answer that sends whoever asked elsewhere.
fn elsewhere(request: &HttpRequest, to: &str, forgets: bool) -> actix_web::Error {
    let mut answer = send_to(request, to);
    if forgets {
        forget(&mut answer);
    }
    InternalError::from_response(Error::CredentialsMissing.to_string(), answer).into()
}

/// The sign-in, which leads back to what was asked for.
fn sign_in(request: &HttpRequest, forgets: bool) -> actix_web::Error {
    let asked = request
        .uri()
        .path_and_query()
        .map_or("", |path| path.as_str());
    let may_return = request.method() == actix_web::http::Method::GET && is_return(asked);
    let to = if may_return && asked != "/console" {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("back", asked)
            .finish();
        format!("{SIGN_IN}?{query}")
    } else {
        SIGN_IN.to_owned()
    };
    elsewhere(request, &to, forgets)
}

/// The session of the cookie.
pub(super) async fn session(app: &Arc<App>, request: &HttpRequest) -> Outcome<(Session, Secret)> {
    let origin = auth::origin(app, request);
    let (token, identity) = if let Some(token) = read(request, OPERATOR) {
        let person = sessions::person_of(app, &token, &origin).await?;
        (token, person.map(Identity::Operator))
    } else if let Some(token) = read(request, USER) {
        let user = sessions::user_at_pages(app, &token, &origin).await?;
        (token, user.map(Identity::User))
    } else {
        return Err(sign_in(request, false));
    };
    let Some(identity) = identity else {
        return Err(match auth::refused(app, request) {
            Error::CredentialsInvalid => sign_in(request, true),
            limited => limited.into(),
        });
    };
    let session = Session::new(app.keys()?, identity, &token);
    let seen = telemetry::current().seen;
    match &session.identity {
        Identity::Operator(_) => seen.note_caller(None, session.actor()),
        // Everybody may sign out. Bodies are read of callers of active vendors only, so it is nobody's there.
        Identity::User(_) if request.path() == SIGN_OUT => seen.note_caller(None, session.actor()),
        Identity::User(user) => {
            seen.note_caller(Some(user.vendor.id), session.actor());
            app.limits.check_vendor(user.vendor.id, Share::Users)?;
            user.vendor.refuse_inactive()?;
        }
    }
    Ok((session, token))
}

/// Ends the sessions that a browser still holds, as another takes their place.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_held(app: &Arc<App>, request: &HttpRequest) -> Result<()> {
    let origin = auth::origin(app, request);
    let mut held = Vec::new();
    if let Some(token) = read(request, OPERATOR) {
        let person = sessions::person_of(app, &token, &origin).await?;
        held.extend(person.map(|person| (person.account, Some(person.session))));
    }
    if let Some(token) = read(request, USER) {
        let user = sessions::user_at_pages(app, &token, &origin).await?;
        held.extend(user.map(|user| (user.account.clone(), user.session())));
    }
    for (account, session) in held {
        let Some(session) = session else { continue };
        end(app, &account, SessionId(session)).await?;
    }
    Ok(())
}

/// Ends a session. Somebody else may have ended it before.
///
/// # Errors
/// Where the database does not answer.
pub async fn end(app: &Arc<App>, account: &Account, session: SessionId) -> Result<()> {
    let actor = account.actor();
    let revoker = Revoker { actor: &actor };
    match sessions::revoke(app, account, Which::One(session), &revoker).await {
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn settled(request: &HttpRequest, session: Session) -> Outcome<Session> {
    match session.first_step() {
        None => Ok(session),
        Some(step) => Err(elsewhere(request, step, false)),
    }
}

/// Lets operators pass. Others are led from the first page to their own.
pub(super) fn operator(request: &HttpRequest, session: Session) -> Outcome<Session> {
    let session = settled(request, session)?;
    match session.identity {
        Identity::Operator(_) => Ok(session),
        Identity::User(_) if request.path() == "/console" => {
            Err(elsewhere(request, &session.home(), false))
        }
        Identity::User(_) => Err(Error::CallerNotAllowed.into()),
    }
}

/// Lets operators pass, and users where the path names their vendor, or none. Another vendor's is not there for them.
fn of_vendor(request: &HttpRequest, session: Session) -> Outcome<Session> {
    let session = settled(request, session)?;
    if let Identity::User(user) = &session.identity {
        let named = request.match_info().get("namespace");
        if named.is_some_and(|named| named != user.vendor.namespace.as_str()) {
            return Err(Error::NotFound.into());
        }
    }
    Ok(session)
}

/// The same, of users those only who are administrators.
pub(super) fn member(request: &HttpRequest, session: Session) -> Outcome<Session> {
    let session = of_vendor(request, session)?;
    if session.is_administrator() {
        Ok(session)
    } else {
        Err(Error::NoAdministrator.into())
    }
}

/// Lets a form pass that one of our own pages sent.
pub(super) fn refuse_foreign(request: &HttpRequest) -> Result<()> {
    let one = |name: &str| {
        let mut values = request.headers().get_all(name);
        let first = values.next().map(|value| value.to_str().unwrap_or("?"));
        if values.next().is_some() {
            Some("?")
        } else {
            first
        }
    };
    let is_ours = |origin: &str| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_some() && host == one("host")
    };
    match (one("sec-fetch-site"), one("origin")) {
        // Our pages have no referrer, so browsers say no origin of their forms.
        (Some("same-origin"), None | Some("null")) => Ok(()),
        (Some("same-origin") | None, Some(origin)) if is_ours(origin) => Ok(()),
        _ => Err(Error::FormRefused),
    }
}

/// Lets a form pass if its token is bound to the cookie.
pub(super) fn checked(
    ring: &KeyRing,
    request: &HttpRequest,
    form: Result<Form>,
    cookie: &Secret,
) -> Result<Form> {
    let form = form.map_err(|error| match error {
        Error::OAuth(_) => Error::FormRefused,
        other => other,
    })?;
    let header = request.headers().get(csrf::HEADER);
    let header = header.and_then(|value| value.to_str().ok());
    let shown = form.get(csrf::FIELD).or(header).unwrap_or_default();
    if csrf::is_right(ring, cookie, shown) {
        Ok(form)
    } else {
        Err(Error::FormRefused)
    }
}

/// An extractor that decides who calls: paths and queries wait until it has, or has let go of `decided`.
macro_rules! extract {
    ($what:ty, |$app:ident, $request:ident, $payload:ident, $decided:ident| $body:expr) => {
        impl Described for $what {}
        impl FromRequest for $what {
            type Error = actix_web::Error;
            type Future = Extracted<Self>;
            fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
                let ($request, mut $payload) = (request.clone(), payload.take());
                let $decided = Decided::begin(request);
                Box::pin(async move {
                    let $payload = &mut $payload;
                    let $app = found(&$request)?;
                    $body
                })
            }
        }
    };
}

pub(super) use extract;

fn visitor(app: &App, request: &HttpRequest) -> Result<Visitor> {
    let known = read(request, VISIT);
    let (is_new, cookie) = (known.is_none(), known.unwrap_or_else(new_visit));
    Ok(Visitor {
        csrf: csrf::token(app.keys()?, &cookie),
        cookie,
        is_new,
    })
}

extract!(Visitor, |app, request, _payload, _decided| Ok(visitor(
    &app, &request
)?));
/// A page, and the form of a page, of whom `$admit` lets pass.
macro_rules! admitted {
    ($page:ident, $form:ident, $admit:expr) => {
        extract!($page, |app, request, _payload, _decided| {
            let (session, _) = session(&app, &request).await?;
            $admit(&request, session).map(Self)
        });
        extract!($form, |app, request, payload, decided| {
            let (session, token) = session(&app, &request).await?;
            refuse_foreign(&request)?;
            let by = $admit(&request, session)?;
            drop(decided);
            let form = Form::from_request(&request, payload).await;
            let form = checked(app.keys()?, &request, form, &token)?;
            Ok(Self { by, form })
        });
    };
}

extract!(VisitorForm, |app, request, payload, decided| {
    refuse_foreign(&request)?;
    let by = visitor(&app, &request)?;
    drop(decided);
    let form = Form::from_request(&request, payload).await;
    let form = checked(app.keys()?, &request, form, &by.cookie)?;
    Ok(Self { by, form })
});
admitted!(SignedIn, Act, operator);
admitted!(Member, MemberAct, member);
admitted!(Agent, AgentAct, of_vendor);
admitted!(Holder, HolderAct, settled);
admitted!(Entrant, EntrantAct, |_, session| Outcome::<Session>::Ok(
    session
));
