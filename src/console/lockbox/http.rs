//! Handlers of the lockbox as a whole.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{Faults, Field, page, see_other, shown};
use crate::console::layout::{Area, Frame, moment, next_query};
use crate::console::session::Session;
use crate::console::session::own::http::{Colleague, StewardAct};
use crate::error::{Error, Result};
use crate::http::{Form, Page, PageRequest, in_background};
use crate::lockbox::entries::Entry;
use crate::lockbox::entries::list::Query;
use crate::lockbox::http::entries;
use crate::lockbox::password;
use crate::lockbox::throttle::Patience;
use crate::lockbox::unlock::{self, Status};
use crate::types::Secret;

/// Where the lockbox is.
pub const HOME: &str = "/console/lockbox";

/// A page of the lockbox.
pub fn frame(by: &Session, title: impl Into<String>) -> Frame {
    Frame::new(&by.who(), Area::Lockbox, title)
}

/// An entry without its value.
pub(super) struct Row {
    pub id: i64,
    pub key: String,
    pub client: String,
    pub group: String,
    pub kind: &'static str,
    pub changed: String,
    pub by: String,
}

impl From<Entry> for Row {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.0,
            key: entry.key,
            client: entry.client_id,
            group: entry.required_group,
            kind: entry.kind.as_str(),
            changed: moment(&entry.updated_at),
            by: entry.updated_by,
        }
    }
}

#[derive(Template)]
#[template(path = "console/lockbox/show.html")]
struct OpenPage {
    frame: Frame,
    is_administrator: bool,
    text: String,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

#[derive(Template)]
#[template(path = "console/lockbox/closed.html")]
struct ClosedPage {
    frame: Frame,
    is_administrator: bool,
    /// Whether it has a password.
    is_initialized: bool,
    password: Field,
    again: Field,
    /// What was wrong with the last try.
    problem: Option<&'static str>,
}

fn closed_page(by: &Session, status: Status, faults: &Faults) -> ClosedPage {
    let is_initialized = status != Status::Uninitialized;
    let autocomplete = if is_initialized {
        "current-password"
    } else {
        "new-password"
    };
    let password = Field::password("password", "Password of the lockbox", autocomplete);
    let again = Field::password("again", "The same again", "new-password");
    ClosedPage {
        frame: frame(by, "Lockbox"),
        is_administrator: by.is_administrator(),
        is_initialized,
        password: password.filled(None, faults),
        again: again.filled(None, faults),
        problem: None,
    }
}

/// `GET /console/lockbox`: its entries where it is open, and the way to open it where it is not.
pub async fn show(
    app: web::Data<App>,
    by: Colleague,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let mut query = Query::default();
    let mut text = String::new();
    let asked = PageRequest::beside(request.query_string(), |name, value| match name {
        "q" => {
            value.trim().clone_into(&mut text);
            if text.is_empty() {
                return Ok(());
            }
            query.take_search(&text)
        }
        "done" => Ok(()),
        _ => Err(Error::InvalidParameter("known: q, limit, cursor")),
    })?;
    let Colleague { by, user } = by;
    let vendor = user.vendor.clone();
    let status = in_background(&app, move |app| async move {
        unlock::status(&app, &vendor).await
    })
    .await?;
    if status != Status::Unlocked {
        let mut page = closed_page(&by, status, &Faults::none());
        page.frame = page.frame.after(request.query_string());
        return shown(&page);
    }
    let is_first = asked.cursor.is_none();
    let entries: Page<Row> = entries(&app, user, query, asked).await?;
    shown(&OpenPage {
        frame: frame(&by, "Lockbox").after(request.query_string()),
        is_administrator: by.is_administrator(),
        rows: entries.items,
        next: entries
            .next_cursor
            .map(|cursor| next_query(&[("q", &text)], &cursor)),
        text,
        is_first,
    })
}

fn typed(form: &Form) -> Secret {
    let typed = form.secret("password").cloned();
    typed.unwrap_or_else(|| Secret::new(String::new()))
}

/// `POST /console/lockbox/init`: gives it its password, and unlocks it.
pub async fn init(app: web::Data<App>, sent: StewardAct) -> Result<HttpResponse> {
    let StewardAct { by, user, form } = sent;
    let again = |faults: &Faults| {
        let page_again = closed_page(&by, Status::Uninitialized, faults);
        page(StatusCode::UNPROCESSABLE_ENTITY, &page_again)
    };
    if form.get("password") != form.get("again") {
        return again(&Faults::one("again", "is not the same"));
    }
    let password = typed(&form);
    let made = in_background(&app, move |app| async move {
        password::check_own(&app, "password", &password, &user)?;
        unlock::initialize(&app, &user, &password).await
    });
    match made.await {
        Ok(()) => Ok(see_other(&format!("{HOME}?done=lockbox-made"))),
        // The other one who did this at the same time has chosen another password.
        Err(Error::LockboxInitialized) => Ok(see_other(HOME)),
        Err(error) => again(&Faults::of(error)?),
    }
}

/// `POST /console/lockbox/unlock`.
pub async fn unlock(app: web::Data<App>, sent: StewardAct) -> Result<HttpResponse> {
    let StewardAct { by, user, form } = sent;
    let password = typed(&form);
    if let Err(error) = password::check_form("password", &password, &user) {
        let again = closed_page(&by, Status::Locked, &Faults::of(error)?);
        return page(StatusCode::UNPROCESSABLE_ENTITY, &again);
    }
    let unlocked = in_background(&app, move |app| async move {
        unlock::unlock(&app, &user, &password, Patience::Strict).await
    });
    match unlocked.await {
        Ok(()) => Ok(see_other(&format!("{HOME}?done=lockbox-open"))),
        Err(Error::LockboxUnlockedAlready) => Ok(see_other(HOME)),
        Err(Error::LockboxPasswordWrong) => {
            let mut again = closed_page(&by, Status::Locked, &Faults::none());
            again.problem = Some("That is not the password. Nothing was unlocked.");
            page(StatusCode::FORBIDDEN, &again)
        }
        Err(error) => Err(error),
    }
}

/// `POST /console/lockbox/lock`: on every replica, at once.
pub async fn lock(app: web::Data<App>, sent: StewardAct) -> Result<HttpResponse> {
    let user = sent.user;
    let locked = in_background(
        &app,
        move |app| async move { unlock::lock(&app, &user).await },
    );
    match locked.await {
        Ok(()) | Err(Error::LockboxLockedAlready) => {
            Ok(see_other(&format!("{HOME}?done=lockbox-locked")))
        }
        Err(error) => Err(error),
    }
}
