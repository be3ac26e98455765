//! Puts messages into the queue, in the transaction of what they are about: both happen, or neither does.

use jiff::Timestamp;
use serde_json::Value;

use super::deliveries::store::{self, Message};
use super::message::MessageType;
use crate::db::{GenericClient, Result};
use crate::types::{DeliveryId, VendorId, WebhookId};

/// Messages of one vendor that wait. Further ones have the oldest given up, which can be sent again.
pub const MOST_WAITING: i64 = 10_000;
/// The fixed word of those.
const DROPPED: &str = "dropped";

/// Tells each webhook of a vendor that wants to hear of it. Never hand a secret to it.
///
/// # Errors
/// Where the database does not answer.
pub async fn enqueue(
    client: &impl GenericClient,
    vendor: VendorId,
    about: MessageType,
    data: &Value,
    now: Timestamp,
) -> Result<()> {
    let webhooks = super::store::wanting(client, vendor, about.name()).await?;
    let message = message(about.name(), data, now);
    for webhook in &webhooks {
        store::insert(client, vendor, *webhook, &message, now).await?;
    }
    if webhooks.is_empty() {
        return Ok(());
    }
    let dropped = store::drop_oldest(client, vendor, MOST_WAITING, DROPPED, now).await?;
    if dropped > 0 {
        metrics::counter!("gatehouse_alarms_total", "alarm" => "webhook_dropped")
            .increment(dropped);
        tracing::warn!(
            vendor.id = vendor.0,
            dropped,
            "Too many messages wait for a vendor's webhooks: the oldest are given up"
        );
    }
    Ok(())
}

/// Puts one message for one webhook into the queue. Lock the webhook before.
///
/// # Errors
/// Where the database does not answer.
pub async fn enqueue_to(
    client: &impl GenericClient,
    vendor: VendorId,
    webhook: WebhookId,
    (type_name, data): (&'static str, &Value),
    now: Timestamp,
) -> Result<DeliveryId> {
    let message = message(type_name, data, now);
    store::insert(client, vendor, webhook, &message, now).await
}

fn message(type_name: &'static str, data: &Value, now: Timestamp) -> Message {
    // All three are JSON already, or need no escapes in it.
    let body = format!(r#"{{"type":"{type_name}","timestamp":"{now}","data":{data}}}"#);
    Message { type_name, body }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn body_is_json_in_the_order_of_the_specification() {
        let data = json!({ "key": "a\"b" });
        let made = message("test", &data, Timestamp::UNIX_EPOCH);
        let right = r#"{"type":"test","timestamp":"1970-01-01T00:00:00Z","data":{"key":"a\"b"}}"#;
        assert_eq!(made.body, right);
    }
}
