//! `POST /webhooks/vendor-signup`: what the billing system tells of vendors, by signed webhook.
//!
//! Each id is handled once; a repeat gets the same answer, and finishes provisioning that was half done. The vendor is
//! named by `data.namespace`; of two events the one with the later `timestamp`, then the greater id, counts.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::create::{self, Who};
use super::receipts::{self, Receipt};
use super::store::{self, Changes};
use super::{Profile, Retention, Subscription, Vendor, VendorView, provision};
use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Error, FieldError, Result};
use crate::events::Event;
use crate::types::{Email, KeyId, Name, Namespace, VendorId};

/// The body. Fields that are not known are passed over, so that a sender may add some.
#[derive(Deserialize)]
pub struct Message {
    #[serde(rename = "type")]
    kind: Kind,
    timestamp: SentAt,
    data: Data,
}

/// When the sender says it happened: RFC 3339.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct SentAt(Timestamp);

impl TryFrom<String> for SentAt {
    type Error = &'static str;
    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let sane = |at: &Timestamp| (0..=7_258_118_400).contains(&at.as_second());
        let at = text.parse().ok().filter(sane);
        at.map(Self)
            .ok_or("must be an RFC 3339 time between 1970 and 2200")
    }
}

#[derive(Clone, Copy, Deserialize)]
enum Kind {
    #[serde(rename = "vendor.created")]
    Created,
    #[serde(rename = "vendor.updated")]
    Updated,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    namespace: String,
    name: Option<Name>,
    owner_name: Option<Name>,
    owner_email: Option<Email>,
    plan: Option<Name>,
    subscription: Option<Subscription>,
}

/// What is kept of an answer: enough to give it again, and no key.
#[derive(Serialize, Deserialize)]
struct Answered {
    vendor: VendorView,
    key: i64,
    with_claim: bool,
}

/// The answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignupView {
    vendor: VendorView,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_token: Option<String>,
}

/// Handles a message whose signature holds.
///
/// # Errors
/// [`Error::WebhookIdReused`] for an id that came with another body, 422 for fields, 404 for an update of an unknown
/// vendor; 503 where the vendor could not be provisioned, after which the sender tries again.
pub async fn handle(app: &App, id: &str, body: &[u8]) -> Result<SignupView> {
    let digest = Sha256::digest(body).to_vec();
    let client = app.db.get().await?;
    let known = receipts::find(&client, id).await?;
    drop(client);
    let answered = match known {
        Some(receipt) => repeat(&receipt, &digest)?,
        None => first(app, id, body, &digest).await?,
    };
    let vendor = create::reload(app, VendorId(answered.vendor.id)).await?;
    provision::provision(app, &vendor).await?;
    answer(app, &vendor, answered)
}

fn repeat(receipt: &Receipt, digest: &[u8]) -> Result<Answered> {
    if receipt.body_digest != digest {
        return Err(Error::WebhookIdReused);
    }
    serde_json::from_value(receipt.answer.clone())
        .map_err(|e| Error::Internal(format!("receipt: {e}")))
}

async fn first(app: &App, id: &str, body: &[u8], digest: &[u8]) -> Result<Answered> {
    let message: Message = crate::http::parse_json(body)?;
    let namespace = namespace(&message.data)?;
    let now = app.clock.now();
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    let (vendor, with_claim) = match message.kind {
        Kind::Created => created(app, &transaction, &message, namespace).await?,
        Kind::Updated => (
            store::id_of(&transaction, &namespace)
                .await?
                .ok_or(Error::NotFound)?,
            false,
        ),
    };
    let newest = store::advance_events(&transaction, vendor, message.timestamp.0, id).await?;
    if newest && matches!(message.kind, Kind::Updated) {
        update(app, &transaction, vendor, &message.data).await?;
    }
    let loaded = store::load(&transaction, Some(vendor))
        .await?
        .pop()
        .ok_or(Error::NotFound)?;
    let key = loaded
        .current_key(now)
        .ok_or_else(|| Error::Internal("a vendor without a key".to_owned()))?;
    let mut view = VendorView::from(&loaded);
    view.provisioned = true;
    let answered = Answered {
        vendor: view,
        key: key.id.0,
        with_claim,
    };
    let kept = serde_json::to_value(&answered).map_err(|e| Error::Internal(e.to_string()))?;
    let receipt = Receipt {
        body_digest: digest.to_vec(),
        answer: kept,
    };
    if receipts::insert(&transaction, vendor, id, &receipt, now).await? {
        transaction.commit().await?;
        return Ok(answered);
    }
    // The same message came twice at the same moment, and the other one was handled.
    transaction.rollback().await?;
    let other = receipts::find(&client, id).await?.ok_or(Error::Conflict)?;
    repeat(&other, digest)
}

fn namespace(data: &Data) -> Result<Namespace> {
    Namespace::parse(&data.namespace).map_err(|rule| Error::InvalidNamespace {
        field: FieldError::new("data/namespace", rule.to_string()),
        suggestion: data
            .name
            .as_ref()
            .and_then(|name| Namespace::suggest(name.as_str())),
    })
}

async fn created(
    app: &App,
    client: &impl GenericClient,
    message: &Message,
    namespace: Namespace,
) -> Result<(VendorId, bool)> {
    let data = &message.data;
    let missing = || Error::InvalidField(vec![FieldError::new("data/name", "missing field name")]);
    let who = Who {
        name: data.name.clone().ok_or_else(missing)?,
        profile: Profile {
            owner_name: data.owner_name.clone(),
            owner_email: data.owner_email.clone(),
            plan: data.plan.clone(),
            subscription: data.subscription.unwrap_or_default(),
        },
        namespace,
    };
    if let Some((id, _)) = create::add(app, client, &who, "billing").await? {
        return Ok((id, true));
    }
    let id = store::id_of(client, &who.namespace)
        .await?
        .ok_or(Error::Conflict)?;
    Ok((id, false))
}

async fn update(
    app: &App,
    client: &impl GenericClient,
    vendor: VendorId,
    data: &Data,
) -> Result<()> {
    let now = app.clock.now();
    let changes = Changes {
        name: data.name.as_ref(),
        owner_name: data.owner_name.as_ref(),
        owner_email: data.owner_email.as_ref(),
        plan: data.plan.as_ref(),
        subscription: data.subscription,
        log_retention: Retention::Unchanged,
    };
    store::update(client, vendor, &changes, now).await?;
    Event::done("vendor.updated", Some(vendor), "billing")
        .record(client, now)
        .await?;
    Ok(())
}

fn answer(app: &App, vendor: &Arc<Vendor>, answered: Answered) -> Result<SignupView> {
    let ring = app.keys()?;
    let key = vendor.keys.iter().find(|key| key.id == KeyId(answered.key));
    let claim_token = key.filter(|_| answered.with_claim).map(|key| {
        ring.claim_token(key.id, key.generation, key.claimable_until())
            .expose()
            .to_owned()
    });
    let mut view = answered.vendor;
    view.public_key = Some(ring.public_key(KeyId(answered.key)).expose().to_owned());
    Ok(SignupView {
        vendor: view,
        claim_token,
    })
}
