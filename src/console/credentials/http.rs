//! Handlers of credentials.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use jiff::Timestamp;

use super::form::{self, Begin, ValueForm};
use super::view::{DAY, Row, Shown, Trial, rotate_by, shown as fields};
use crate::app::App;
use crate::auth::{Administrator, VendorAdmin};
use crate::console::http::{Faults, page, see_other, shown};
use crate::console::input::{Input, Kind};
use crate::console::layout::{Area, Frame, next_query};
use crate::console::session::Session;
use crate::console::session::own::http::{Steward, StewardAct};
use crate::credentials::access::Caller;
use crate::credentials::create::{self, New};
use crate::credentials::models::{Credential, Fields, TYPES};
use crate::credentials::{read, remove, store, try_out};
use crate::error::{Error, Result};
use crate::http::{Form, KeyPath, Page, PageRequest, in_background};
use crate::types::CredentialKey;

pub(super) const HOME: &str = "/console/credentials";

pub(super) fn caller(user: &Administrator) -> Caller {
    Caller::from(VendorAdmin {
        vendor: user.0.vendor.clone(),
        actor: user.0.account.actor(),
        key: None,
    })
}

pub(super) fn frame(by: &Session, title: impl Into<String>) -> Frame {
    Frame::new(&by.who(), Area::Credentials, title)
}

struct TypeLink {
    name: &'static str,
    title: &'static str,
}

fn types() -> Vec<TypeLink> {
    let link = |name: &&'static str| TypeLink {
        name,
        title: form::title(name),
    };
    TYPES.iter().map(link).collect()
}

#[derive(Template)]
#[template(path = "console/credentials/list.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    types: Vec<TypeLink>,
    next: Option<String>,
    is_first: bool,
}

/// `GET /console/credentials`: a page of keys, never of values.
pub async fn list(app: web::Data<App>, by: Steward, request: HttpRequest) -> Result<HttpResponse> {
    let page = PageRequest::beside(request.query_string(), |name, _| match name {
        "done" => Ok(()),
        _ => Err(Error::InvalidParameter("known: limit, cursor")),
    })?;
    let is_first = page.cursor.is_none();
    let after: Option<CredentialKey> = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.user.0.vendor.id).await?;
    let vendor = by.user.0.vendor.id;
    let records = store::page(&client, vendor, after.as_ref(), page.limit).await?;
    drop(client);
    let now = app.clock.now();
    let row = |record| Row::new(&record, now);
    let page = Page::from_rows(records, page.limit, |record| record.key.clone(), row);
    shown(&ListPage {
        frame: frame(&by.by, "Credentials").after(request.query_string()),
        rows: page.items,
        types: types(),
        next: page.next_cursor.map(|cursor| next_query(&[], &cursor)),
        is_first,
    })
}

#[derive(Template)]
#[template(path = "console/credentials/form.html")]
pub(super) struct FormPage {
    pub frame: Frame,
    /// Where the form is sent.
    pub action: String,
    pub back: String,
    /// `None` where it has one already.
    pub key: Option<Input>,
    pub form: ValueForm,
    pub rotate_by: Input,
    /// The version that it replaces.
    pub version: Option<u32>,
    pub button: &'static str,
}

pub(super) fn rotate_by_input(value: Option<&str>, faults: &Faults) -> Input {
    Input::new(Kind::Day, DAY, "Change it by")
        .hint("You are reminded of it by webhook and in the list.")
        .filled(value, faults)
}

fn new_page(
    by: &Session,
    type_name: &str,
    form: Option<&Form>,
    faults: &Faults,
) -> Result<FormPage> {
    let begin = form.map_or(Begin::Empty, Begin::Sent);
    let sent = |name| form.and_then(|form| form.get(name));
    let key = Input::new(Kind::Line, "key", "Key").required();
    let key = key.hint("Workers ask for it by this name: letters, digits, _, - and .");
    Ok(FormPage {
        frame: frame(by, format!("New: {}", form::title(type_name))),
        action: format!("/console/new-credential/{type_name}"),
        back: HOME.to_owned(),
        key: Some(key.filled(sent("key"), faults)),
        form: form::form(type_name, begin, false, faults)?,
        rotate_by: rotate_by_input(sent(DAY), faults),
        version: None,
        button: "Create the credential",
    })
}

fn type_of(request: &HttpRequest) -> Result<String> {
    let name = request.match_info().get("type").unwrap_or_default();
    if TYPES.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(Error::NotFound)
    }
}

/// `GET /console/new-credential/{type}`.
pub async fn ask(by: Steward, request: HttpRequest) -> Result<HttpResponse> {
    shown(&new_page(
        &by.by,
        &type_of(&request)?,
        None,
        &Faults::none(),
    )?)
}

/// The value of a form, and the day.
pub(super) fn checked(
    type_name: &str,
    form: &Form,
    before: Option<&serde_json::Map<String, serde_json::Value>>,
) -> Result<std::result::Result<(Credential, Option<Timestamp>), Faults>> {
    let (value, mut faults) = match form::value(type_name, form, before)? {
        Ok(value) => match Credential::read(Fields::from(value)) {
            Ok(value) => (Some(value), Faults::none()),
            Err(error) => (None, Faults::of(error)?),
        },
        Err(faults) => (None, faults),
    };
    let rotate_by = rotate_by(form, &mut faults);
    Ok(match value {
        Some(value) if faults.is_empty() => Ok((value, rotate_by)),
        _ => Err(faults),
    })
}

/// `POST /console/new-credential/{type}`.
pub async fn create(
    app: web::Data<App>,
    sent: StewardAct,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let StewardAct { by, user, form } = sent;
    let type_name = type_of(&request)?;
    let again =
        |faults: &Faults, status| page(status, &new_page(&by, &type_name, Some(&form), faults)?);
    let key = CredentialKey::parse(form.get("key").unwrap_or_default().trim());
    let (key, checked) = match (key, checked(&type_name, &form, None)?) {
        (Ok(key), Ok(checked)) => (key, checked),
        (key, checked) => {
            let mut faults = checked.err().unwrap_or_default();
            if let Err(rule) = key {
                faults.add("key", rule.to_string());
            }
            return again(&faults, StatusCode::UNPROCESSABLE_ENTITY);
        }
    };
    let to = format!("{HOME}/{key}?done=credential-made");
    let (value, rotate_by) = checked;
    let new = New {
        key,
        value,
        rotate_by,
    };
    let caller = caller(&user);
    let made = in_background(&app, move |app| async move {
        create::all(&app, &caller, std::slice::from_ref(&new)).await
    });
    match made.await {
        Ok(()) => Ok(see_other(&to)),
        Err(Error::CredentialExists) => {
            let faults = Faults::one("key", "is taken, by a credential that is there or deleted");
            again(&faults, StatusCode::CONFLICT)
        }
        Err(error) => Err(error),
    }
}

#[derive(Template)]
#[template(path = "console/credentials/show.html")]
struct ShowPage {
    frame: Frame,
    row: Row,
    /// Where it was asked for.
    value: Option<Vec<Shown>>,
    trial: Option<Trial>,
    is_testable: bool,
}

async fn show_page(
    app: &App,
    by: &Session,
    user: &Administrator,
    key: &CredentialKey,
) -> Result<ShowPage> {
    let record = read::record(app, &caller(user), key).await?;
    Ok(ShowPage {
        frame: frame(by, key.as_str()),
        row: Row::new(&record, app.clock.now()),
        value: None,
        trial: None,
        is_testable: record.type_name != "generic",
    })
}

/// `GET /console/credentials/{key}`: without its value.
pub async fn show(
    app: web::Data<App>,
    by: Steward,
    path: KeyPath,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let mut found = show_page(&app, &by.by, &by.user, &path.0).await?;
    found.frame = found.frame.after(request.query_string());
    shown(&found)
}

/// `POST /console/credentials/{key}/value`: shows it. That is on record.
pub async fn reveal(app: web::Data<App>, sent: StewardAct, path: KeyPath) -> Result<HttpResponse> {
    let (caller, key) = (caller(&sent.user), path.0.clone());
    let found = in_background(&app, move |app| async move {
        read::read(&app, &caller, &key, None).await
    })
    .await?;
    let mut page = show_page(&app, &sent.by, &sent.user, &path.0).await?;
    page.value = Some(fields(found.value));
    shown(&page)
}

/// `POST /console/credentials/{key}/test`.
pub async fn test(app: web::Data<App>, sent: StewardAct, path: KeyPath) -> Result<HttpResponse> {
    let (caller, key) = (caller(&sent.user), path.0.clone());
    let outcome = in_background(&app, move |app| async move {
        try_out::try_out(&app, &caller, &key).await
    })
    .await?;
    let mut page = show_page(&app, &sent.by, &sent.user, &path.0).await?;
    page.trial = Some(outcome.into());
    shown(&page)
}

/// `POST /console/credentials/{key}/delete`: can be undone.
pub async fn delete(app: web::Data<App>, sent: StewardAct, path: KeyPath) -> Result<HttpResponse> {
    let (caller, key) = (caller(&sent.user), path.0.clone());
    in_background(&app, move |app| async move {
        remove::delete(&app, &caller, &key).await
    })
    .await?;
    Ok(see_other(&format!(
        "{HOME}/{}?done=credential-deleted",
        path.0
    )))
}

/// `POST /console/credentials/{key}/undelete`: all its versions.
pub async fn undelete(
    app: web::Data<App>,
    sent: StewardAct,
    path: KeyPath,
) -> Result<HttpResponse> {
    let (caller, key) = (caller(&sent.user), path.0.clone());
    in_background(&app, move |app| async move {
        remove::undelete(&app, &caller, &key, None).await
    })
    .await?;
    Ok(see_other(&format!(
        "{HOME}/{}?done=credential-back",
        path.0
    )))
}

/// `POST /console/credentials/{key}/destroy`: for good. Its key is free again.
pub async fn destroy(app: web::Data<App>, sent: StewardAct, path: KeyPath) -> Result<HttpResponse> {
    let caller = caller(&sent.user);
    in_background(&app, move |app| async move {
        remove::destroy(&app, &caller, &path.0).await
    })
    .await?;
    Ok(see_other(&format!("{HOME}?done=credential-destroyed")))
}
