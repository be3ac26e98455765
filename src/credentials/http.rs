//! Handlers on credentials.
//!
//! # Quirks
//! `{"data": {…, "inserted_at"}}` is what the workers' SDK reads; the fields beside it are ours.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::access::Caller;
use super::change::{self, Change};
use super::create::{self, New};
use super::models::{self, Credential, Fields};
use super::probe::Outcome;
use super::{Record, read, remove, store, try_out};
use crate::app::App;
use crate::auth::{CredentialReader, VendorAdmin};
use crate::error::{Error, Result};
use crate::http::{Answer, Data, Deleted, Json, KeyPath, Page, PageRequest, in_background};
use crate::types::{CredentialId, CredentialKey, ExpiresAt};

/// A credential as answers show it: with its value only where one is asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Credential)]
pub struct CredentialView {
    id: CredentialId,
    key: CredentialKey,
    #[serde(rename = "type")]
    type_name: String,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Map<String, Value>>,
    #[serde(rename = "inserted_at")]
    inserted_at: Timestamp,
    updated_at: Timestamp,
    #[schema(required)]
    rotate_by: Option<Timestamp>,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
}

impl From<Record> for CredentialView {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            key: record.key,
            type_name: record.type_name,
            version: record.version,
            value: None,
            inserted_at: record.created_at,
            updated_at: record.updated_at,
            rotate_by: record.rotate_by,
            last_used_at: record.last_used_at,
        }
    }
}

impl CredentialView {
    /// One version with its value.
    #[must_use]
    pub fn with_value(record: Record, version: u32, value: Map<String, Value>) -> Self {
        let of_version = value.get("type").and_then(Value::as_str);
        Self {
            type_name: of_version.unwrap_or(&record.type_name).to_owned(),
            version,
            value: Some(value),
            ..Self::from(record)
        }
    }
}

/// An answer about a credential without its value, with the version as its entity tag.
pub fn with_version(status: StatusCode, record: Record) -> Result<Answer<Data<CredentialView>>> {
    let tag = (ETAG, format!("\"{}\"", record.version));
    let data = CredentialView::from(record);
    Answer::new(status, Data { data }).with(tag)
}

/// The version in `If-Match`: an entity tag of ours, or its number alone. `*` and no header are no version.
pub fn if_match(request: &HttpRequest) -> Result<Option<u32>> {
    let bad = Error::InvalidParameter("If-Match must be one version, as ETag gives it: \"3\"");
    let mut headers = request.headers().get_all(IF_MATCH);
    let (first, second) = (headers.next(), headers.next());
    let Some(first) = first else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| second.is_none());
    let Some(text) = text else { return Err(bad) };
    if text == "*" {
        return Ok(None);
    }
    let number = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text);
    let version = number.parse().ok();
    let plain = !number.starts_with(['+', '0']);
    version.filter(|_| plain).map(Some).ok_or(bad)
}

/// `GET /api/credentials`: a page of keys, types and times, never of values.
pub async fn list(
    app: web::Data<App>,
    by: VendorAdmin,
    page: PageRequest,
) -> Result<Answer<Page<CredentialView>>> {
    let after: Option<CredentialKey> = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.vendor.id).await?;
    let rows = store::page(&client, by.vendor.id, after.as_ref(), page.limit).await?;
    let page = Page::from_rows(
        rows,
        page.limit,
        |record| record.key.clone(),
        CredentialView::from,
    );
    Ok(Answer::ok(page))
}

/// The body of `POST /api/credentials`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateCredentialRequest {
    key: CredentialKey,
    /// `type`, and the fields of that type.
    value: Fields,
    /// When it should be changed: RFC 3339, or Unix seconds.
    #[serde(default)]
    rotate_by: ExpiresAt,
}

impl CreateCredentialRequest {
    /// Checked.
    pub fn into_new(self) -> Result<New> {
        Ok(New {
            key: self.key,
            value: Credential::read(self.value)?,
            rotate_by: self.rotate_by.0,
        })
    }
}

/// `POST /api/credentials`. 201.
pub async fn create(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<CreateCredentialRequest>,
) -> Result<Answer<Data<CredentialView>>> {
    let (by, new) = (Caller::from(by), body.0.into_new()?);
    let record = in_background(&app, move |app| async move {
        create::all(&app, &by, std::slice::from_ref(&new)).await?;
        read::record(&app, &by, &new.key).await
    });
    with_version(StatusCode::CREATED, record.await?)
}

/// `GET /api/credentials/{key}`: the newest version, for the vendor or a worker.
pub async fn show(
    app: web::Data<App>,
    by: CredentialReader,
    path: KeyPath,
) -> Result<Answer<Data<CredentialView>>> {
    let by = Caller::from(by);
    let found = in_background(&app, move |app| async move {
        read::read(&app, &by, &path.0, None).await
    })
    .await?;
    let tag = format!("\"{}\"", found.version);
    let view = CredentialView::with_value(found.record, found.version, found.value);
    Answer::ok(Data { data: view }).with((ETAG, tag))
}

/// The body of `PUT /api/credentials/{key}`: the whole of it, so that a date left out is no more.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateCredentialRequest {
    value: Fields,
    #[serde(default)]
    rotate_by: ExpiresAt,
}

/// `PUT /api/credentials/{key}`: a new version. With `If-Match` only over that one.
pub async fn update(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
    request: HttpRequest,
    body: Json<UpdateCredentialRequest>,
) -> Result<Answer<Data<CredentialView>>> {
    let by = Caller::from(by);
    let change = Change {
        value: Credential::read(body.0.value)?,
        rotate_by: body.0.rotate_by.0,
        replaces: if_match(&request)?,
    };
    let record = in_background(&app, move |app| async move {
        change::update(&app, &by, &path.0, &change).await
    });
    with_version(StatusCode::OK, record.await?)
}

/// `DELETE /api/credentials/{key}`: can be undone.
pub async fn delete(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPath,
) -> Result<Answer<Deleted>> {
    let by = Caller::from(by);
    in_background(&app, move |app| async move {
        remove::delete(&app, &by, &path.0).await
    })
    .await?;
    Ok(Answer::ok(Deleted::DONE))
}

/// The types of credentials.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialTypes)]
pub struct TypesView {
    /// The JSON Schema of each type's value, by its name.
    #[schema(value_type = BTreeMap<String, Object>)]
    types: Map<String, Value>,
}

/// `GET /api/credential-types`: the JSON Schema of each type's value.
pub async fn types(_by: CredentialReader) -> Result<Answer<TypesView>> {
    Ok(Answer::ok(TypesView {
        types: models::schemas()?,
    }))
}

/// `POST /api/credentials/{key}/test`: tries the newest version against the service it is for. 200 whether it works or
/// not: `ok` and `failed` say it.
pub async fn test(app: web::Data<App>, by: VendorAdmin, path: KeyPath) -> Result<Answer<Outcome>> {
    let by = Caller::from(by);
    let outcome = in_background(&app, move |app| async move {
        try_out::try_out(&app, &by, &path.0).await
    });
    Ok(Answer::ok(outcome.await?))
}
