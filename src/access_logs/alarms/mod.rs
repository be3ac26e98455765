//! What should not be, told as an event of the vendor and to its webhooks, in the transaction of the lines that show it.

pub mod addresses;
pub mod reads;
pub mod store;
pub mod strangers;

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};
use crate::webhooks::{MessageType, outbox};

/// Something that should not be.
pub struct Alarm {
    /// What.
    pub action: &'static str,
    /// What the vendor's webhooks are told, if anything.
    pub message: Option<MessageType>,
    /// Whose.
    pub vendor: VendorId,
    /// The outcome of the call that shows it, and its code.
    pub outcome: (&'static str, Option<&'static str>),
    /// Where the call came from.
    pub address: Option<IpAddr>,
    /// About which site.
    pub secret_id: Option<String>,
    /// About which token.
    pub issuance: Option<IssuanceId>,
    /// More.
    pub details: Value,
}

impl Alarm {
    /// One that webhooks are told.
    #[must_use]
    pub fn about(message: MessageType, vendor: VendorId, issuance: Option<IssuanceId>) -> Self {
        Self {
            action: message.name(),
            message: Some(message),
            vendor,
            outcome: ("done", None),
            address: None,
            secret_id: None,
            issuance,
            details: Value::Null,
        }
    }
}

/// The outcome of a call as events have it.
#[must_use]
pub fn outcome(of: &'static str) -> (&'static str, Option<&'static str>) {
    match of {
        "refused" => (of, Some("openbao_refused")),
        "failed" => (of, Some("openbao_failed")),
        _ => ("done", None),
    }
}

/// Adds the events, and puts the messages into the queue.
///
/// # Errors
/// Where the database does not answer.
pub async fn raise(client: &impl GenericClient, alarms: &[Alarm], now: Timestamp) -> Result<()> {
    if alarms.is_empty() {
        return Ok(());
    }
    store::add(client, alarms, now).await?;
    for alarm in alarms {
        if let Some(message) = alarm.message {
            outbox::enqueue(client, alarm.vendor, message, &alarm.details, now).await?;
        }
    }
    Ok(())
}

/// Counts them, once they are stored. Calls without a valid token are no alarm.
pub fn count(alarms: &[Alarm]) {
    let alarms = alarms.iter();
    for alarm in alarms.filter(|alarm| alarm.action != strangers::REFUSED) {
        metrics::counter!("gatehouse_alarms_total", "alarm" => alarm.action).increment(1);
    }
}
