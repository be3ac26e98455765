//! Handlers on a vendor's Connector, for the vendor or an operator: where it answers, for those that do not say so.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{keys, register, store};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::http::{Answer, Json, in_background};
use crate::types::HookUrl;
use url::Url;

/// A Connector as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Connector)]
pub struct ConnectorView {
    /// The beginning of its REST API; `null` where it is not known.
    #[schema(required)]
    endpoint: Option<String>,
    /// The key that was seen there last, in hexadecimal digits.
    #[schema(required)]
    signature_key: Option<String>,
    #[schema(required)]
    key_seen_at: Option<Timestamp>,
    /// Where clients are told to send webhooks of their own.
    #[schema(required)]
    client_webhook_url: Option<String>,
    /// Why it could not be asked for its key just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

async fn view(app: &App, by: &VendorAdmin, problem: Option<&'static str>) -> Result<ConnectorView> {
    let client = app.db.of(by.vendor.id).await?;
    let known = store::find(&client, by.vendor.id).await?;
    let known = known.ok_or(Error::NotFound)?;
    Ok(ConnectorView {
        endpoint: known.endpoint,
        signature_key: known.key,
        key_seen_at: known.key_seen_at,
        client_webhook_url: known.client_webhook,
        problem,
    })
}

/// `GET /api/connector`.
pub async fn show(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<ConnectorView>> {
    Ok(Answer::ok(view(&app, &by, None).await?))
}

/// A change of where clients send webhooks of their own.
#[derive(Default, Deserialize)]
#[serde(from = "Option<HookUrl>")]
enum ClientWebhook {
    /// None.
    #[default]
    Unchanged,
    /// Nowhere.
    Nowhere,
    /// There.
    At(HookUrl),
}

impl From<Option<HookUrl>> for ClientWebhook {
    fn from(url: Option<HookUrl>) -> Self {
        url.map_or(Self::Nowhere, Self::At)
    }
}

impl ClientWebhook {
    /// Nobody calls it from here. But every customer's site does, so it is no address inside of their networks either, and
    /// is written as it is parsed.
    async fn checked(self, app: &App) -> Result<Self> {
        let Self::At(url) = &self else {
            return Ok(self);
        };
        let refused = |rule| Error::field("clientWebhookUrl", rule);
        let url = Url::parse(url.as_str()).map_err(|_| refused("must be https"))?;
        if url.scheme() != "https" {
            return Err(refused("must be https"));
        }
        let kept = app.egress.may_keep(&url).await;
        kept.map_err(|error| refused(error.rule()))?;
        Ok(Self::At(HookUrl::stored(url.into())))
    }
}

/// The body of `PATCH /api/connector`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateConnectorRequest {
    endpoint: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<HookUrl>)]
    client_webhook_url: ClientWebhook,
}

/// `PATCH /api/connector`: notes where it answers, and asks it for its key. That it does not answer is told, and no error.
pub async fn update(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<UpdateConnectorRequest>,
) -> Result<Answer<ConnectorView>> {
    let set = in_background(&app, move |app: Arc<App>| async move {
        let client_webhook = body.0.client_webhook_url.checked(&app).await?;
        let mut problem = None;
        if let Some(endpoint) = &body.0.endpoint {
            problem = set_endpoint(&app, &by, endpoint).await?;
        }
        match client_webhook {
            ClientWebhook::Unchanged => {}
            ClientWebhook::Nowhere => set_client_webhook(&app, &by, None).await?,
            ClientWebhook::At(url) => set_client_webhook(&app, &by, Some(&url)).await?,
        }
        view(&app, &by, problem).await
    });
    Ok(Answer::ok(set.await?))
}

/// Why it could not be asked for its key, if it could not.
async fn set_endpoint(
    app: &Arc<App>,
    by: &VendorAdmin,
    endpoint: &str,
) -> Result<Option<&'static str>> {
    register(app, &by.vendor, &by.actor, ("endpoint", endpoint)).await?;
    let known = app.directory.by_id(by.vendor.id).ok_or(Error::NotFound)?;
    match keys::get(app, &known, None).await {
        Err(Error::ConnectorKeyUnavailable(problem)) => Ok(Some(problem)),
        asked => asked.map(|_| None),
    }
}

async fn set_client_webhook(app: &App, by: &VendorAdmin, url: Option<&HookUrl>) -> Result<()> {
    let (vendor, now) = (by.vendor.id, app.clock.now());
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if store::set_client_webhook(&transaction, vendor, url, now).await? {
        let mut event = Event::done("connector.client_webhook_changed", Some(vendor), &by.actor);
        event.details = json!({ "url": url.and_then(without_query) });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    app.directory.reload(&client, vendor).await?;
    Ok(())
}

/// The query may hold a secret.
fn without_query(url: &HookUrl) -> Option<String> {
    let mut url = Url::parse(url.as_str()).ok()?;
    url.set_query(None);
    Some(url.into())
}
