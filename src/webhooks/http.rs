//! Handlers on webhooks: a vendor's, for the vendor or an operator, and the platform's, for operators.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store::{self, Changes};
use super::{Endpoint, Types, change};
use crate::app::App;
use crate::auth::WebhookAdmin;
use crate::error::{Error, Result};
use crate::http::{Answer, Deleted, Json, Page, PageRequest, WebhookPath};
use crate::types::{HookUrl, Secret, WebhookId};

/// A webhook as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub struct WebhookView {
    id: WebhookId,
    url: HookUrl,
    types: Types,
    enabled: bool,
    /// Until when the secret before the newest signs too.
    #[schema(required)]
    former_secret_ends_at: Option<Timestamp>,
    #[schema(required)]
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Endpoint> for WebhookView {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url,
            types: endpoint.types,
            enabled: endpoint.disabled_at.is_none(),
            former_secret_ends_at: endpoint.generation.former_ends_at,
            disabled_at: endpoint.disabled_at,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }
}

/// A webhook with the secret of its signatures, shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookWithSecret)]
pub struct WithSecretView {
    webhook: WebhookView,
    #[serde(serialize_with = "Secret::serialize_exposed")]
    signing_secret: Secret,
}

fn with_secret((endpoint, signing_secret): (Endpoint, Secret)) -> WithSecretView {
    WithSecretView {
        webhook: endpoint.into(),
        signing_secret,
    }
}

/// The body of `POST /api/webhooks`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWebhookRequest {
    url: HookUrl,
    /// Without it: all.
    types: Option<Vec<String>>,
}

/// What may be subscribed to depends on whose webhook it is.
fn types(by: &WebhookAdmin, names: Option<Vec<String>>) -> Result<Option<Types>> {
    let read = |names| Types::of(by.owner, names);
    names
        .map(read)
        .transpose()
        .map_err(|rule| Error::field("types", rule))
}

/// `POST /api/webhooks`: a webhook with the secret of its signatures, shown once. 201.
pub async fn create(
    app: web::Data<App>,
    by: WebhookAdmin,
    body: Json<CreateWebhookRequest>,
) -> Result<Answer<WithSecretView>> {
    let types = types(&by, body.0.types)?.unwrap_or_else(Types::all);
    let made = change::create(&app.into_inner(), &by, &body.0.url, &types).await?;
    Ok(Answer::created(with_secret(made)))
}

/// `GET /api/webhooks`: a page.
pub async fn list(
    app: web::Data<App>,
    by: WebhookAdmin,
    page: PageRequest,
) -> Result<Answer<Page<WebhookView>>> {
    let after = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of_or_all(by.owner.vendor()).await?;
    let rows = store::page(&client, by.owner, after.map(WebhookId), page.limit).await?;
    let page = Page::from_rows(rows, page.limit, |row| row.id.0, WebhookView::from);
    Ok(Answer::ok(page))
}

/// `GET /api/webhooks/{webhook}`.
pub async fn show(
    app: web::Data<App>,
    by: WebhookAdmin,
    path: WebhookPath,
) -> Result<Answer<WebhookView>> {
    let client = app.db.of_or_all(by.owner.vendor()).await?;
    let endpoint = store::find(&client, by.owner, path.0).await?;
    let endpoint = endpoint.ok_or(Error::NotFound)?;
    Ok(Answer::ok(WebhookView::from(endpoint)))
}

/// The body of `PATCH /api/webhooks/{webhook}`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateWebhookRequest {
    url: Option<HookUrl>,
    types: Option<Vec<String>>,
    enabled: Option<bool>,
}

/// `PATCH /api/webhooks/{webhook}`.
pub async fn update(
    app: web::Data<App>,
    by: WebhookAdmin,
    path: WebhookPath,
    body: Json<UpdateWebhookRequest>,
) -> Result<Answer<WebhookView>> {
    let changes = Changes {
        url: body.0.url,
        types: types(&by, body.0.types)?,
        enabled: body.0.enabled,
    };
    let endpoint = change::update(&app.into_inner(), &by, path.0, &changes).await?;
    Ok(Answer::ok(WebhookView::from(endpoint)))
}

/// `DELETE /api/webhooks/{webhook}`: with what was and is to be sent to it.
pub async fn remove(
    app: web::Data<App>,
    by: WebhookAdmin,
    path: WebhookPath,
) -> Result<Answer<Deleted>> {
    change::remove(&app.into_inner(), &by, path.0).await?;
    Ok(Answer::ok(Deleted::DONE))
}

/// The body of `POST /api/webhooks/{webhook}/secret`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RotateWebhookSecretRequest)]
pub struct RotateSecretRequest {
    /// How long the former secret signs too, seconds: 0 (where it leaked) to a day, default a day.
    overlap: Option<u32>,
}

const DAY: u32 = 24 * 3600;

/// `POST /api/webhooks/{webhook}/secret`: another secret, shown once. 201.
pub async fn rotate_secret(
    app: web::Data<App>,
    by: WebhookAdmin,
    path: WebhookPath,
    body: Json<RotateSecretRequest>,
) -> Result<Answer<WithSecretView>> {
    let overlap = body.0.overlap.unwrap_or(DAY);
    if overlap > DAY {
        return Err(Error::field("overlap", "must be 0 to 86400 seconds"));
    }
    let overlap = SignedDuration::from_secs(overlap.into());
    let made = change::rotate_secret(&app.into_inner(), &by, path.0, overlap).await?;
    Ok(Answer::created(with_secret(made)))
}
