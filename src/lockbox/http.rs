//! Handlers on a vendor's lockbox and its entries.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::entries::change::{self, Target};
use super::entries::list::{self, Part, Position, Query};
use super::entries::store::Past;
use super::entries::{Draft, Entry, EntryId, Given, Kind, create, read};
use super::password;
use super::throttle::Patience;
use super::unlock::{self, Status};
use crate::app::App;
use crate::auth::{Administrator, User};
use crate::credentials::http::if_match;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Deleted, ENTRY_LIMIT, EntryPath, Json, Page, PageRequest, in_background,
};
use crate::types::Secret;
use crate::vendors::Vendor;

/// What a lockbox says of itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Lockbox)]
pub struct LockboxView {
    initialized: bool,
    locked: bool,
}

async fn status_view(
    app: &web::Data<App>,
    vendor: std::sync::Arc<Vendor>,
) -> Result<Answer<LockboxView>> {
    let status = in_background(app, move |app| async move {
        unlock::status(&app, &vendor).await
    })
    .await?;
    Ok(Answer::ok(LockboxView {
        initialized: status != Status::Uninitialized,
        locked: status != Status::Unlocked,
    }))
}

/// `GET /api/lockbox`.
pub async fn status(app: web::Data<App>, by: User) -> Result<Answer<LockboxView>> {
    status_view(&app, by.vendor).await
}

/// The body of `POST /api/lockbox/init` and `POST /api/lockbox/unlock`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockboxPasswordRequest {
    password: Secret,
}

/// `POST /api/lockbox/init`: gives the lockbox its password, and unlocks it.
pub async fn init(
    app: web::Data<App>,
    by: Administrator,
    body: Json<LockboxPasswordRequest>,
) -> Result<Answer<LockboxView>> {
    let (password, vendor) = (body.0.password, by.0.vendor.clone());
    in_background(&app, move |app| async move {
        password::check_own(&app, "password", &password, &by)?;
        unlock::initialize(&app, &by, &password).await
    })
    .await?;
    status_view(&app, vendor).await
}

/// `POST /api/lockbox/unlock`.
pub async fn unlock(
    app: web::Data<App>,
    by: Administrator,
    body: Json<LockboxPasswordRequest>,
) -> Result<Answer<LockboxView>> {
    let (password, vendor) = (body.0.password, by.0.vendor.clone());
    password::check_form("password", &password, &by)?;
    in_background(&app, move |app| async move {
        unlock::unlock(&app, &by, &password, Patience::Strict).await
    })
    .await?;
    status_view(&app, vendor).await
}

/// `POST /api/lockbox/lock`: on every replica, at once.
pub async fn lock(app: web::Data<App>, by: Administrator) -> Result<Answer<LockboxView>> {
    let vendor = by.0.vendor.clone();
    in_background(
        &app,
        move |app| async move { unlock::lock(&app, &by).await },
    )
    .await?;
    status_view(&app, vendor).await
}

/// An entry as answers show it: with its value only where one is asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LockboxEntry)]
pub struct EntryView {
    id: EntryId,
    client_id: String,
    required_group: String,
    key: String,
    #[serde(rename = "type")]
    kind: Kind,
    version: i32,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
    updated_by: String,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "Secret::serialize_optional"
    )]
    value: Option<Secret>,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            client_id: entry.client_id,
            required_group: entry.required_group,
            key: entry.key,
            kind: entry.kind,
            version: entry.version,
            created_at: entry.created_at,
            created_by: entry.created_by,
            updated_at: entry.updated_at,
            updated_by: entry.updated_by,
            value: None,
        }
    }
}

/// What an answer about one entry is.
#[derive(Serialize, ToSchema)]
#[schema(as = OneLockboxEntry)]
pub struct OneEntryView {
    entry: EntryView,
}

fn answer(status: StatusCode, entry: EntryView) -> Result<Answer<OneEntryView>> {
    let tag = (ETAG, format!("\"{}\"", entry.version));
    Answer::new(status, OneEntryView { entry }).with(tag)
}

/// `GET /api/lockbox/entries`: a page of entries without their values.
pub async fn list(
    app: web::Data<App>,
    by: User,
    request: HttpRequest,
) -> Result<Answer<Page<EntryView>>> {
    let mut query = Query::default();
    let page = PageRequest::beside(request.query_string(), |name, value| match name {
        "q" => query.take_search(value),
        _ if query.take(name, value)? => Ok(()),
        _ => Err(Error::InvalidParameter(
            "unknown query parameter; known: limit, cursor, sort, filter[…], q",
        )),
    })?;
    let page: Page<EntryView> = entries(&app, by, query, page).await?;
    Ok(Answer::ok(page))
}

/// A page of entries, as whoever asks shows them.
pub async fn entries<T: From<Entry>>(
    app: &web::Data<App>,
    by: User,
    query: Query,
    page: PageRequest,
) -> Result<Page<T>> {
    let (vendor, limit) = (by.vendor.id, page.limit);
    let after = page.cursor.map(|cursor| cursor.key::<Position>());
    let after = after.transpose()?.map(|at| at.checked(&query, vendor));
    let part = Part {
        after: after.transpose()?,
        limit: limit + 1,
    };
    let (rows, query) = in_background(app, move |app| async move {
        let rows = list::list(&app, &by, &query, Some(&part)).await?;
        Ok((rows, query))
    })
    .await?;
    let place = |entry: &Entry| Position::new(&query, vendor, entry);
    Ok(Page::from_rows(rows, limit, place, T::from))
}

/// The body of `POST /api/lockbox/entries`, and of `PUT` on one of them: the whole of it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntryRequest {
    client_id: Option<String>,
    required_group: Option<String>,
    key: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<Secret>,
}

impl EntryRequest {
    fn into_draft(self) -> Result<Draft> {
        let given = Given {
            client_id: self.client_id,
            required_group: self.required_group,
            key: self.key,
            kind: self.kind,
            value: self.value,
        };
        Draft::check(given, Vec::new())
    }
}

/// `POST /api/lockbox/entries`. 201.
pub async fn create(
    app: web::Data<App>,
    by: User,
    body: Json<EntryRequest, ENTRY_LIMIT>,
) -> Result<Answer<OneEntryView>> {
    let draft = body.0.into_draft()?;
    let made = in_background(&app, move |app| async move {
        create::create(&app, &by, &draft).await
    });
    answer(StatusCode::CREATED, made.await?.into())
}

/// `GET /api/lockbox/entries/{entry}`: with its value.
pub async fn show(app: web::Data<App>, by: User, path: EntryPath) -> Result<Answer<OneEntryView>> {
    let opened = in_background(&app, move |app| async move {
        read::read(&app, &by, path.0).await
    });
    let opened = opened.await?;
    let view = EntryView {
        value: Some(opened.value),
        ..opened.entry.into()
    };
    answer(StatusCode::OK, view)
}

/// `PUT /api/lockbox/entries/{entry}`. With `If-Match` only over that version.
pub async fn replace(
    app: web::Data<App>,
    by: User,
    path: EntryPath,
    request: HttpRequest,
    body: Json<EntryRequest, ENTRY_LIMIT>,
) -> Result<Answer<OneEntryView>> {
    let draft = body.0.into_draft()?;
    let target = target(&path, &request)?;
    let replaced = in_background(&app, move |app| async move {
        change::replace(&app, &by, target, &draft).await
    });
    answer(StatusCode::OK, replaced.await?.into())
}

/// `DELETE /api/lockbox/entries/{entry}`. With `If-Match` only that version.
pub async fn delete(
    app: web::Data<App>,
    by: User,
    path: EntryPath,
    request: HttpRequest,
) -> Result<Answer<Deleted>> {
    let target = target(&path, &request)?;
    in_background(&app, move |app| async move {
        change::delete(&app, &by, target).await
    })
    .await?;
    Ok(Answer::ok(Deleted::DONE))
}

fn target(path: &EntryPath, request: &HttpRequest) -> Result<Target> {
    Ok(Target {
        id: path.0,
        version: if_match(request)?,
    })
}

/// What an entry was from a version on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LockboxEntryVersion)]
pub struct PastView {
    version: i32,
    action: String,
    client_id: String,
    required_group: String,
    key: String,
    #[serde(rename = "type")]
    type_name: String,
    at: Timestamp,
    by: String,
}

impl From<Past> for PastView {
    fn from(past: Past) -> Self {
        Self {
            version: past.version,
            action: past.action,
            client_id: past.client_id,
            required_group: past.required_group,
            key: past.key,
            type_name: past.type_name,
            at: past.at,
            by: past.by,
        }
    }
}

/// `GET /api/lockbox/entries/{entry}/history`: a page of versions, the newest first, never with a value.
pub async fn history(
    app: web::Data<App>,
    by: User,
    path: EntryPath,
    page: PageRequest,
) -> Result<Answer<Page<PastView>>> {
    let before: Option<i32> = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let limit = page.limit;
    let rows = in_background(&app, move |app| async move {
        read::history(&app, &by, path.0, (before, limit)).await
    });
    let page = Page::from_rows(rows.await?, limit, |past| past.version, PastView::from);
    Ok(Answer::ok(page))
}
