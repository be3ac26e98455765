//! Puts messages into the queue, in the transaction of what they are about: both happen, or neither does.

use jiff::Timestamp;
use serde_json::Value;

use super::Owner;
use super::deliveries::store::{self, Message};
use super::message::MessageType;
use crate::db::{GenericClient, Result};
use crate::types::{DeliveryId, KeyId, Secret, VendorId, WebhookId};

/// Messages of one owner that wait. Further ones have the oldest given up, which can be sent again.
pub const MOST_WAITING: i64 = 10_000;
/// The fixed word of those.
const DROPPED: &str = "dropped";
/// Stands for a public key in what is stored: the database holds no key, so it is put in when the message is sent.
pub const PUBLIC_KEY: &str = "{publicKey}";

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
    let message = message(about.name(), data, now);
    put(client, vendor.into(), &message, now).await
}

/// Tells each webhook of the platform that wants to hear of it. Where `data` has [`PUBLIC_KEY`] for its `publicKey`, the
/// public key of the pair `key` is sent.
///
/// # Errors
/// Where the database does not answer.
pub async fn enqueue_for_platform(
    client: &impl GenericClient,
    about: MessageType,
    data: &Value,
    key: Option<KeyId>,
    now: Timestamp,
) -> Result<()> {
    let mut message = message(about.name(), data, now);
    message.key = key;
    put(client, Owner::Platform, &message, now).await
}

async fn put(
    client: &impl GenericClient,
    owner: Owner,
    message: &Message,
    now: Timestamp,
) -> Result<()> {
    let webhooks = super::store::wanting(client, owner, message.type_name).await?;
    for webhook in &webhooks {
        store::insert(client, owner, *webhook, message, now).await?;
    }
    if webhooks.is_empty() {
        return Ok(());
    }
    let dropped = store::drop_oldest(client, owner, MOST_WAITING, DROPPED, now).await?;
    if dropped > 0 {
        metrics::counter!("gatehouse_alarms_total", "alarm" => "webhook_dropped")
            .increment(dropped);
        tracing::warn!(
            vendor.id = owner.vendor().map(|vendor| vendor.0),
            dropped,
            "Too many messages wait for the webhooks of a vendor, or of the platform: the oldest are given up"
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
    owner: Owner,
    webhook: WebhookId,
    (type_name, data): (&'static str, &Value),
    now: Timestamp,
) -> Result<DeliveryId> {
    let message = message(type_name, data, now);
    store::insert(client, owner, webhook, &message, now).await
}

fn message(type_name: &'static str, data: &Value, now: Timestamp) -> Message {
    // All three are JSON already, or need no escapes in it.
    let body = format!(r#"{{"type":"{type_name}","timestamp":"{now}","data":{data}}}"#);
    Message {
        type_name,
        body,
        key: None,
    }
}

/// What is sent of a stored body: with a public key in its place.
#[must_use]
pub fn with_public_key(body: &str, key: &Secret) -> String {
    let field = |text: &str| format!(r#""publicKey":"{text}""#);
    body.replacen(&field(PUBLIC_KEY), &field(key.expose()), 1)
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

    #[test]
    fn public_key_is_put_where_its_field_is_and_nowhere_else() {
        // A name that tries to be the field.
        let name = r#"","publicKey":"{publicKey}"#;
        let data = json!({ "name": name, "publicKey": PUBLIC_KEY, "zone": PUBLIC_KEY });
        let made = message("account.created", &data, Timestamp::UNIX_EPOCH);
        let sent = with_public_key(&made.body, &Secret::new("pk_1".to_owned()));
        let sent: Value = serde_json::from_str(&sent).unwrap_or_default();
        let right = json!({ "name": name, "publicKey": "pk_1", "zone": PUBLIC_KEY });
        assert_eq!(sent["data"], right);
    }
}
