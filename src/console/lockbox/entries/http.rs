//! Handlers of entries.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::console::http::{Faults, page, see_other, shown};
use crate::console::input::{Input, Kind as InputKind};
use crate::console::layout::{Frame, moment};
use crate::console::lockbox::http::{HOME, Row, frame};
use crate::console::session::Session;
use crate::console::session::own::http::{Colleague, ColleagueAct};
use crate::error::{Error, Result};
use crate::http::{EntryPath, Form, in_background};
use crate::lockbox::entries::change::{self, Target};
use crate::lockbox::entries::store::Past;
use crate::lockbox::entries::{Draft, EntryId, Given, Kind, Opened, create as make, read};

/// How many versions a page shows.
const VERSIONS: i64 = 50;

#[derive(Template)]
#[template(path = "console/lockbox/form.html")]
struct FormPage {
    frame: Frame,
    action: String,
    back: String,
    inputs: Vec<Input>,
    /// The version that it replaces.
    version: Option<u32>,
    button: &'static str,
}

/// What a form begins with.
enum Begin<'a> {
    Empty,
    Sent(&'a Form),
    Stored(&'a Row),
}

fn inputs(begin: &Begin, keeps: bool, faults: &Faults) -> Vec<Input> {
    let value = |name: &str| match begin {
        Begin::Empty if name == "type" => Some("secret"),
        Begin::Empty => None,
        Begin::Sent(form) => form.get(name),
        Begin::Stored(row) => match name {
            "key" => Some(&*row.key),
            "type" => Some(row.kind),
            "clientId" => Some(&*row.client),
            "requiredGroup" => Some(&*row.group),
            _ => None,
        },
    };
    let kinds = Kind::ALL.map(|kind| (kind.as_str(), kind.as_str()));
    let text = Input::new(InputKind::Lines, "value", "Value");
    let text = if keeps {
        text.hint("Leave it empty to keep what is there.")
    } else {
        text.required()
    };
    let all = [
        Input::new(InputKind::Line, "key", "Key").required(),
        Input::new(InputKind::Choice, "type", "What it is").among(kinds),
        Input::new(InputKind::Line, "clientId", "Client")
            .hint("What it is about. Left empty, it is for any client."),
        Input::new(InputKind::Line, "requiredGroup", "Group").hint(
            "Only its members read and change the entry. Left empty, every user of yours does.",
        ),
        text,
    ];
    let filled = |input: Input| {
        let said = value(&input.name);
        input.filled(said, faults)
    };
    all.into_iter().map(filled).collect()
}

fn given(form: &Form) -> Given {
    let text = |name| form.get(name).map(str::to_owned);
    Given {
        client_id: text("clientId"),
        required_group: text("requiredGroup"),
        key: text("key"),
        kind: text("type"),
        value: form.secret("value").cloned(),
    }
}

fn new_page(by: &Session, begin: &Begin, faults: &Faults) -> FormPage {
    FormPage {
        frame: frame(by, "New entry"),
        action: "/console/lockbox/new-entry".to_owned(),
        back: HOME.to_owned(),
        inputs: inputs(begin, false, faults),
        version: None,
        button: "Add the entry",
    }
}

/// What is wrong with a form of an entry, with the status that goes with it.
fn refused(error: Error) -> Result<(Faults, StatusCode)> {
    Ok(match error {
        Error::EntryExists => (
            Faults::one("key", "is taken, for this client"),
            StatusCode::CONFLICT,
        ),
        Error::GroupRequired => (
            Faults::one("requiredGroup", "is one that you are not in"),
            StatusCode::FORBIDDEN,
        ),
        error => (Faults::of(error)?, StatusCode::UNPROCESSABLE_ENTITY),
    })
}

/// `GET /console/lockbox/new-entry`.
pub async fn ask(by: Colleague) -> Result<HttpResponse> {
    shown(&new_page(&by.by, &Begin::Empty, &Faults::none()))
}

/// `POST /console/lockbox/new-entry`.
pub async fn create(app: web::Data<App>, sent: ColleagueAct) -> Result<HttpResponse> {
    let ColleagueAct { by, user, form } = sent;
    let drafted = Draft::check(given(&form), Vec::new());
    let made = in_background(&app, move |app| async move {
        make::create(&app, &user, &drafted?).await
    });
    match made.await {
        Ok(entry) => Ok(see_other(&format!(
            "{HOME}/entries/{}?done=entry-made",
            entry.id.0
        ))),
        Err(error) => {
            let (faults, status) = refused(error)?;
            page(status, &new_page(&by, &Begin::Sent(&form), &faults))
        }
    }
}

struct Version {
    number: i32,
    action: String,
    key: String,
    at: String,
    by: String,
}

impl From<Past> for Version {
    fn from(past: Past) -> Self {
        Self {
            number: past.version,
            action: past.action,
            key: past.key,
            at: moment(&past.at),
            by: past.by,
        }
    }
}

#[derive(Template)]
#[template(path = "console/lockbox/entry.html")]
struct EntryPage {
    frame: Frame,
    id: i64,
    /// What is known of it without its value, of the newest version; it may be deleted.
    key: String,
    client: String,
    group: String,
    kind: String,
    is_deleted: bool,
    versions: Vec<Version>,
    /// Where it was asked for.
    value: Option<String>,
}

async fn entry_page(
    app: &web::Data<App>,
    by: &Session,
    user: &crate::auth::User,
    id: EntryId,
) -> Result<EntryPage> {
    let user = user.clone();
    let mut past = in_background(app, move |app| async move {
        read::history(&app, &user, id, (None, VERSIONS)).await
    })
    .await?;
    past.truncate(usize::try_from(VERSIONS).unwrap_or(0));
    let newest = past.first().ok_or(Error::NotFound)?;
    Ok(EntryPage {
        frame: frame(by, newest.key.as_str()),
        id: id.0,
        key: newest.key.clone(),
        client: newest.client_id.clone(),
        group: newest.required_group.clone(),
        kind: newest.type_name.clone(),
        is_deleted: newest.action == "deleted",
        versions: past.into_iter().map(Version::from).collect(),
        value: None,
    })
}

/// `GET /console/lockbox/entries/{entry}`: without its value.
pub async fn show(
    app: web::Data<App>,
    by: Colleague,
    path: EntryPath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let mut found = match entry_page(&app, &by.by, &by.user, path.0).await {
        Ok(found) => found,
        Err(error) => return where_it_opens(error),
    };
    found.frame = found.frame.after(request.query_string());
    shown(&found)
}

/// Leads from an entry of a lockbox that is not open to where it is opened.
fn where_it_opens(error: Error) -> Result<HttpResponse> {
    match error {
        Error::LockboxLocked | Error::LockboxUninitialized => Ok(see_other(HOME)),
        other => Err(other),
    }
}

async fn opened(app: &web::Data<App>, user: &crate::auth::User, id: EntryId) -> Result<Opened> {
    let user = user.clone();
    in_background(
        app,
        move |app| async move { read::read(&app, &user, id).await },
    )
    .await
}

/// `POST /console/lockbox/entries/{entry}/value`: shows it. That is on record.
pub async fn reveal(
    app: web::Data<App>,
    sent: ColleagueAct,
    path: EntryPath,
) -> Result<HttpResponse> {
    let opened = opened(&app, &sent.user, path.0).await?;
    let mut page = entry_page(&app, &sent.by, &sent.user, path.0).await?;
    page.value = Some(opened.value.expose().to_owned());
    shown(&page)
}

fn edit_page(by: &Session, id: EntryId, version: u32, begin: &Begin, faults: &Faults) -> FormPage {
    FormPage {
        frame: frame(by, "Change an entry"),
        action: format!("{HOME}/entries/{}/edit", id.0),
        back: format!("{HOME}/entries/{}", id.0),
        inputs: inputs(begin, true, faults),
        version: Some(version),
        button: "Save",
    }
}

/// `GET /console/lockbox/entries/{entry}/edit`: without its value, though it is read, which is on record.
pub async fn edit(app: web::Data<App>, by: Colleague, path: EntryPath) -> Result<HttpResponse> {
    let entry = match opened(&app, &by.user, path.0).await {
        Ok(opened) => opened.entry,
        Err(error) => return where_it_opens(error),
    };
    let (id, version) = (entry.id, u32::try_from(entry.version).unwrap_or(0));
    let begin = Begin::Stored(&entry.into());
    shown(&edit_page(&by.by, id, version, &begin, &Faults::none()))
}

/// `POST /console/lockbox/entries/{entry}/edit`: over the version that the form was made from, and no other.
pub async fn replace(
    app: web::Data<App>,
    sent: ColleagueAct,
    path: EntryPath,
) -> Result<HttpResponse> {
    let ColleagueAct { by, user, form } = sent;
    let seen: Option<u32> = form.get("version").and_then(|text| text.parse().ok());
    let seen = seen.ok_or(Error::FormRefused)?;
    let target = Target {
        id: path.0,
        version: Some(seen),
    };
    let mut given = given(&form);
    if given.value.is_none() {
        given.value = Some(opened(&app, &user, path.0).await?.value);
    }
    let drafted = Draft::check(given, Vec::new());
    let replaced = in_background(&app, move |app| async move {
        change::replace(&app, &user, target, &drafted?).await
    });
    match replaced.await {
        Ok(_) => Ok(see_other(&format!(
            "{HOME}/entries/{}?done=entry-changed",
            path.0.0
        ))),
        Err(error) => {
            let (faults, status) = refused(error)?;
            let begin = Begin::Sent(&form);
            page(status, &edit_page(&by, path.0, seen, &begin, &faults))
        }
    }
}

/// `POST /console/lockbox/entries/{entry}/delete`. Its history stays.
pub async fn delete(
    app: web::Data<App>,
    sent: ColleagueAct,
    path: EntryPath,
) -> Result<HttpResponse> {
    let (user, target) = (
        sent.user,
        Target {
            id: path.0,
            version: None,
        },
    );
    in_background(&app, move |app| async move {
        change::delete(&app, &user, target).await
    })
    .await?;
    Ok(see_other(&format!("{HOME}?done=entry-deleted")))
}
