//! Makes, changes and removes webhooks.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use url::Url;

use super::store::{self, Changes, NewEndpoint};
use super::{Endpoint, MOST, Types, deliveries};
use crate::app::App;
use crate::auth::{WebhookAdmin, new_id};
use crate::egress::EgressError;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{HookUrl, Secret, WebhookId};

/// The fixed word of messages that were given up as their webhook was disabled.
pub const DISABLED: &str = "disabled";

/// Makes a webhook, and gives the secret its messages are signed with.
///
/// # Errors
/// [`Error::WebhookLimit`], a URL that nothing may be sent to, or trouble with the database.
pub async fn create(
    app: &Arc<App>,
    by: &WebhookAdmin,
    url: &HookUrl,
    types: &Types,
) -> Result<(Endpoint, Secret)> {
    check_url(app, url).await?;
    let (now, owner, id) = (app.clock.now(), by.owner, WebhookId(new_id()));
    let mut client = app.db.of_or_all(owner.vendor()).await?;
    let transaction = client.transaction().await?;
    if store::count_locked(&transaction, owner).await? >= MOST {
        return Err(Error::WebhookLimit);
    }
    let new = NewEndpoint { id, url, types };
    store::insert(&transaction, owner, &new, now).await?;
    let made = event(by, "webhook.created", id);
    made.record(&transaction, now).await?;
    transaction.commit().await?;
    let endpoint = store::find(&client, owner, id).await?;
    with_secret(app, endpoint.ok_or(Error::NotFound)?)
}

/// Changes a webhook. What waits for one that is disabled is given up; it can be sent again later.
///
/// # Errors
/// [`Error::NotFound`], a URL that nothing may be sent to, or trouble with the database.
pub async fn update(
    app: &Arc<App>,
    by: &WebhookAdmin,
    id: WebhookId,
    changes: &Changes,
) -> Result<Endpoint> {
    if let Some(url) = &changes.url {
        check_url(app, url).await?;
    }
    let (now, owner) = (app.clock.now(), by.owner);
    let mut client = app.db.of_or_all(owner.vendor()).await?;
    let transaction = client.transaction().await?;
    let endpoint = store::update(&transaction, owner, id, changes, now).await?;
    let endpoint = endpoint.ok_or(Error::NotFound)?;
    if endpoint.disabled_at.is_some() {
        deliveries::store::give_up(&transaction, owner, id, DISABLED, now).await?;
    }
    let mut told = event(by, "webhook.updated", id);
    told.details["enabled"] = json!(endpoint.disabled_at.is_none());
    told.details["urlChanged"] = json!(changes.url.is_some());
    told.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(endpoint)
}

/// Removes a webhook, with what was and is to be sent to it.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn remove(app: &Arc<App>, by: &WebhookAdmin, id: WebhookId) -> Result<()> {
    let now = app.clock.now();
    let mut client = app.db.of_or_all(by.owner.vendor()).await?;
    let transaction = client.transaction().await?;
    if !store::remove(&transaction, by.owner, id).await? {
        return Err(Error::NotFound);
    }
    let removed = event(by, "webhook.removed", id);
    removed.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(())
}

/// Another secret. The former one signs too for `overlap`; one before that ends now.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn rotate_secret(
    app: &Arc<App>,
    by: &WebhookAdmin,
    id: WebhookId,
    overlap: SignedDuration,
) -> Result<(Endpoint, Secret)> {
    let (now, owner) = (app.clock.now(), by.owner);
    let end = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
    let mut client = app.db.of_or_all(owner.vendor()).await?;
    let transaction = client.transaction().await?;
    let endpoint = store::rotate(&transaction, owner, id, end, now).await?;
    let endpoint = endpoint.ok_or(Error::NotFound)?;
    let rotated = event(by, "webhook.secret_made", id);
    rotated.record(&transaction, now).await?;
    transaction.commit().await?;
    with_secret(app, endpoint)
}

fn with_secret(app: &App, endpoint: Endpoint) -> Result<(Endpoint, Secret)> {
    let secret = endpoint.generation.newest(app.keys()?, endpoint.id);
    Ok((endpoint, secret.shown()))
}

/// Whether anything may be sent there.
async fn check_url(app: &App, url: &HookUrl) -> Result<()> {
    let kept = match Url::parse(url.as_str()) {
        Ok(url) => app.egress.may_keep(&url).await,
        Err(_) => Err(EgressError::NotWeb),
    };
    kept.map_err(|error| Error::field("url", error.rule()))
}

/// An event about a webhook. Its URL stays out: it may hold a secret.
pub(super) fn event<'a>(by: &'a WebhookAdmin, action: &'static str, id: WebhookId) -> Event<'a> {
    let mut event = Event::done(action, by.owner.vendor(), &by.actor);
    event.details = json!({ "webhook": id });
    event
}
