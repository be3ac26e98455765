//! What was and is to be sent to a webhook: looked at, tried, sent again.

pub mod http;
pub mod store;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::change::event;
use super::message::TEST;
use super::{Endpoint, outbox};
use crate::app::App;
use crate::auth::WebhookAdmin;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::types::{DeliveryId, WebhookId};

/// One message to one webhook.
pub struct Delivery {
    /// Also the message's id.
    pub id: DeliveryId,
    /// What it is about.
    pub type_name: String,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// How often it was sent.
    pub attempts: i32,
    /// When it is sent next; `None` where it is over.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was sent last.
    pub last_attempt_at: Option<Timestamp>,
    /// The status the receiver answered last.
    pub last_status: Option<i32>,
    /// What was wrong last, in one fixed word.
    pub last_problem: Option<String>,
    /// When the receiver took it.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub dead_at: Option<Timestamp>,
}

/// Puts a message that only tries the webhook into the queue.
///
/// # Errors
/// [`Error::NotFound`], [`Error::WebhookDisabled`], or trouble with the database.
pub async fn test(app: &Arc<App>, by: &WebhookAdmin, id: WebhookId) -> Result<Delivery> {
    let (now, owner) = (app.clock.now(), by.owner);
    let mut client = app.db.of_or_all(owner.vendor()).await?;
    let transaction = client.transaction().await?;
    enabled(&transaction, by, id).await?;
    let data = json!({ "webhook": id });
    let message = (TEST, &data);
    let delivery = outbox::enqueue_to(&transaction, owner, id, message, now).await?;
    transaction.commit().await?;
    let found = store::find(&client, owner, id, delivery).await?;
    found.ok_or(Error::NotFound)
}

/// Sends a message again from the beginning, under its own id, whatever became of it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::WebhookDisabled`], or trouble with the database.
pub async fn replay(
    app: &Arc<App>,
    by: &WebhookAdmin,
    id: WebhookId,
    delivery: DeliveryId,
) -> Result<Delivery> {
    let (now, owner) = (app.clock.now(), by.owner);
    let mut client = app.db.of_or_all(owner.vendor()).await?;
    let transaction = client.transaction().await?;
    enabled(&transaction, by, id).await?;
    if !store::replay(&transaction, owner, id, delivery, now).await? {
        return Err(Error::NotFound);
    }
    let mut event = event(by, "webhook.replayed", id);
    event.details["delivery"] = json!(delivery);
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    let found = store::find(&client, owner, id, delivery).await?;
    found.ok_or(Error::NotFound)
}

async fn enabled(
    client: &impl GenericClient,
    by: &WebhookAdmin,
    id: WebhookId,
) -> Result<Endpoint> {
    let found = super::store::find_locked(client, by.owner, id).await?;
    let endpoint = found.ok_or(Error::NotFound)?;
    match endpoint.disabled_at {
        None => Ok(endpoint),
        Some(_) => Err(Error::WebhookDisabled),
    }
}
