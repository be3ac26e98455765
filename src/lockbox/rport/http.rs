//! Handlers of `RPort`'s dialect.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Body, check_length, entry_id, query};
use crate::app::App;
use crate::auth::{Administrator, User};
use crate::error::Result;
use crate::http::{Answer, Data, ENTRY_LIMIT, RawBody, in_background};
use crate::lockbox::entries::change::{self, Target};
use crate::lockbox::entries::{Entry, EntryId, Kind, Opened, create, list, read};
use crate::lockbox::throttle::Patience;
use crate::lockbox::unlock::{self, Status};
use crate::lockbox::{password, settings};

/// How it stands with the lockbox.
#[derive(Serialize, ToSchema)]
#[schema(as = RPortStatus)]
pub struct StatusView {
    /// `uninitialized`, or `setup-completed`.
    init: &'static str,
    /// `locked` or `unlocked`; empty before there is one.
    status: &'static str,
}

/// Which entry.
#[derive(Serialize, ToSchema)]
#[schema(as = RPortEntryId)]
pub struct IdView {
    id: EntryId,
}

/// An entry of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = RPortListedEntry)]
pub struct ListedView {
    id: EntryId,
    client_id: String,
    created_by: String,
    created_at: Timestamp,
    key: String,
}

/// All of them.
#[derive(Serialize, ToSchema)]
#[schema(as = RPortEntries)]
pub struct ListView(Vec<ListedView>);

impl From<Entry> for ListedView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            client_id: entry.client_id,
            created_by: entry.created_by,
            created_at: entry.created_at,
            key: entry.key,
        }
    }
}

/// An entry with its value.
#[derive(Serialize, ToSchema)]
#[schema(as = RPortEntry)]
pub struct EntryView<'a> {
    client_id: &'a str,
    required_group: &'a str,
    key: &'a str,
    value: &'a str,
    #[serde(rename = "type")]
    kind: Kind,
    id: EntryId,
    created_at: Timestamp,
    updated_at: Timestamp,
    created_by: &'a str,
    updated_by: &'a str,
}

impl<'a> From<&'a Opened> for EntryView<'a> {
    fn from(opened: &'a Opened) -> Self {
        let entry = &opened.entry;
        Self {
            client_id: &entry.client_id,
            required_group: &entry.required_group,
            key: &entry.key,
            value: opened.value.expose(),
            kind: entry.kind,
            id: entry.id,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            created_by: &entry.created_by,
            updated_by: &entry.updated_by,
        }
    }
}

/// `GET /api/v1/vault-admin`.
pub async fn status(app: web::Data<App>, by: User) -> Result<Answer<Data<StatusView>>> {
    let status = in_background(&app, move |app| async move {
        unlock::status(&app, &by.vendor).await
    });
    let (init, status) = match status.await? {
        Status::Uninitialized => ("uninitialized", ""),
        Status::Locked => ("setup-completed", "locked"),
        Status::Unlocked => ("setup-completed", "unlocked"),
    };
    let data = StatusView { init, status };
    Ok(Answer::ok(Data { data }))
}

/// `POST /api/v1/vault-admin/init`. 201.
pub async fn init(app: web::Data<App>, by: Administrator, body: RawBody) -> Result<HttpResponse> {
    let password = Body::read(&body.0)?.into_password()?;
    check_length(&password)?;
    in_background(&app, move |app| async move {
        let client = app.db.of(by.0.vendor.id).await?;
        let strong = settings::store::read(&client, by.0.vendor.id).await?;
        drop(client);
        password::check_new("password", &password, &by, strong.strong_passwords)?;
        unlock::initialize(&app, &by, &password).await
    })
    .await?;
    Ok(HttpResponse::Created().finish())
}

/// `POST /api/v1/vault-admin/sesame`: unlocks. 201.
pub async fn open(app: web::Data<App>, by: Administrator, body: RawBody) -> Result<HttpResponse> {
    let password = Body::read(&body.0)?.into_password()?;
    password::check_form("password", &password, &by)?;
    in_background(&app, move |app| async move {
        unlock::unlock(&app, &by, &password, Patience::Delays).await
    })
    .await?;
    Ok(HttpResponse::Created().finish())
}

/// `DELETE /api/v1/vault-admin/sesame`: locks. 204.
pub async fn close(app: web::Data<App>, by: Administrator) -> Result<HttpResponse> {
    in_background(
        &app,
        move |app| async move { unlock::lock(&app, &by).await },
    )
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /api/v1/vault`: all entries without their values.
pub async fn list(
    app: web::Data<App>,
    by: User,
    request: HttpRequest,
) -> Result<Answer<Data<ListView>>> {
    let query = query(request.query_string())?;
    let entries = in_background(&app, move |app| async move {
        list::list(&app, &by, &query, None).await
    });
    let data = entries.await?.into_iter().map(ListedView::from).collect();
    Ok(Answer::ok(Data {
        data: ListView(data),
    }))
}

/// `POST /api/v1/vault`. 201.
pub async fn store(
    app: web::Data<App>,
    by: User,
    body: RawBody<ENTRY_LIMIT>,
) -> Result<Answer<Data<IdView>>> {
    let draft = Body::read(&body.0)?.into_draft()?;
    let made = in_background(&app, move |app| async move {
        create::create(&app, &by, &draft).await
    });
    let data = IdView { id: made.await?.id };
    Ok(Answer::created(Data { data }))
}

/// `GET /api/v1/vault/{id}`.
pub async fn show(
    app: web::Data<App>,
    by: User,
    id: web::Path<String>,
) -> Result<Answer<Data<EntryView<'static>>>> {
    let id = entry_id(&id)?;
    let opened = in_background(
        &app,
        move |app| async move { read::read(&app, &by, id).await },
    );
    let opened = opened.await?;
    let data = EntryView::from(&opened);
    Ok(Answer::ok(Data { data }))
}

/// `PUT /api/v1/vault/{id}`: replaces all fields.
pub async fn replace(
    app: web::Data<App>,
    by: User,
    id: web::Path<String>,
    body: RawBody<ENTRY_LIMIT>,
) -> Result<Answer<Data<IdView>>> {
    let target = Target {
        id: entry_id(&id)?,
        version: None,
    };
    let draft = Body::read(&body.0)?.into_draft()?;
    let replaced = in_background(&app, move |app| async move {
        change::replace(&app, &by, target, &draft).await
    });
    let data = IdView {
        id: replaced.await?.id,
    };
    Ok(Answer::ok(Data { data }))
}

/// `DELETE /api/v1/vault/{id}`. 204.
pub async fn delete(app: web::Data<App>, by: User, id: web::Path<String>) -> Result<HttpResponse> {
    let target = Target {
        id: entry_id(&id)?,
        version: None,
    };
    in_background(&app, move |app| async move {
        change::delete(&app, &by, target).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
