//! `POST /webhooks/vendor-signup`: what the billing system tells of vendors, by signed webhook.
//!
//! Each id is handled once; a repeat gets the same answer, and finishes provisioning that was half done. The vendor is
//! named by `data.namespace`. Messages may come in any order: of each field, and of the status, the word with the later
//! `timestamp`, then the greater id, counts. So the first message about a namespace makes the vendor, whichever it is.
//! `vendor.created` says nothing of the status: one that comes after `vendor.paused` leaves the vendor suspended. And
//! `vendor.cancelled` counts whenever it comes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::account;
use super::create::{self, Who};
use super::life::store::Held;
use super::life::{self, By, Follow};
use super::receipts::{self, Receipt};
use super::store::{self, Changes};
use super::told::{Field, Said};
use super::{Profile, Retention, Status, Subscription, Vendor, VendorView, provision};
use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Error, FieldError, Result};
use crate::events::Event;
use crate::kill_point::kill_point;
use crate::types::{Email, KeyId, Name, Namespace, VendorId};
use crate::webhooks::MessageType;

/// How far the sender's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// As the events name the sender.
const BILLING: &str = "billing";

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
    #[serde(rename = "vendor.paused")]
    Paused,
    #[serde(rename = "vendor.resumed")]
    Resumed,
    #[serde(rename = "vendor.cancelled")]
    Cancelled,
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
    has_card: Option<bool>,
}

/// What is kept of an answer: enough to give it again, and no key.
#[derive(Serialize, Deserialize)]
struct Answered {
    vendor: VendorView,
    /// `None` of one whose keys have ended, as it was cancelled.
    key: Option<i64>,
    with_claim: bool,
}

/// The answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedUp)]
pub struct SignupView {
    vendor: VendorView,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_token: Option<String>,
}

/// What came of a message.
pub struct Handled {
    /// The answer.
    pub view: SignupView,
    /// Whether it was given before.
    pub is_repeat: bool,
}

/// Handles a message whose signature holds.
///
/// # Errors
/// [`Error::WebhookIdReused`] for an id that came with another body, 422 for fields; 503 where the vendor could not be
/// provisioned, after which the sender tries again.
pub async fn handle(app: &Arc<App>, id: &str, body: &[u8]) -> Result<Handled> {
    let digest = Sha256::digest(body).to_vec();
    let client = app.db.all().await?;
    let known = receipts::find(&client, id).await?;
    drop(client);
    let (answered, is_repeat) = match known {
        Some(receipt) => (repeat(&receipt, &digest)?, true),
        None => first(app, id, body, &digest).await?,
    };
    let vendor = create::reload(app, VendorId(answered.vendor.id)).await?;
    if vendor.status == Status::Cancelled {
        // Whatever was answered before it was.
        let answered = Answered {
            vendor: VendorView::from(&*vendor),
            key: None,
            with_claim: false,
        };
        return Ok(Handled {
            view: answer(app, &vendor, answered)?,
            is_repeat: false,
        });
    }
    provision::provision(app, &vendor).await?;
    let view = answer(app, &vendor, answered)?;
    Ok(Handled { view, is_repeat })
}

fn repeat(receipt: &Receipt, digest: &[u8]) -> Result<Answered> {
    if receipt.body_digest != digest {
        return Err(Error::WebhookIdReused);
    }
    serde_json::from_value(receipt.answer.clone())
        .map_err(|e| Error::Internal(format!("receipt: {e}")))
}

/// What is answered, and whether the same message was handled at the same moment.
async fn first(app: &Arc<App>, id: &str, body: &[u8], digest: &[u8]) -> Result<(Answered, bool)> {
    let message: Message = crate::http::parse_json(body)?;
    let namespace = namespace(&message.data)?;
    let now = app.clock.now();
    // What is said of times to come would silence all that is said until then.
    if message.timestamp.0.duration_since(now) > AHEAD {
        return Err(Error::field(
            "timestamp",
            "must not be more than 5 minutes ahead",
        ));
    }
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let met = meet(app, &transaction, &message, namespace).await?;
    let (vendor, with_claim) = (met.vendor, met.with_claim);
    let said = Said(message.timestamp.0, id.to_owned());
    let follow = apply(app, &transaction, met, (&message, &said)).await?;
    if with_claim {
        let about = MessageType::AccountCreated;
        account::tell(&transaction, vendor, about, now).await?;
    }
    let loaded = store::load(&transaction, Some(vendor))
        .await?
        .pop()
        .ok_or(Error::NotFound)?;
    let mut view = VendorView::from(&loaded);
    view.provisioned = loaded.status != Status::Cancelled;
    let answered = Answered {
        vendor: view,
        key: loaded.current_key(now).map(|key| key.id.0),
        with_claim,
    };
    let kept = serde_json::to_value(&answered).map_err(|e| Error::Internal(e.to_string()))?;
    let receipt = Receipt {
        body_digest: digest.to_vec(),
        answer: kept,
    };
    if receipts::insert(&transaction, vendor, id, &receipt, now).await? {
        kill_point("before adding a vendor");
        transaction.commit().await?;
        kill_point("after adding a vendor");
        drop(client);
        after(app, loaded.status, follow).await?;
        return Ok((answered, false));
    }
    // The same message came twice at the same moment, and the other one was handled.
    transaction.rollback().await?;
    let other = receipts::find(&client, id).await?.ok_or(Error::Conflict)?;
    Ok((repeat(&other, digest)?, true))
}

/// Ends the tokens of a vendor that was suspended. What a cancelled one leaves takes longer than a sender waits.
async fn after(app: &Arc<App>, status: Status, follow: Option<Follow>) -> Result<()> {
    let Some(follow) = follow else {
        return Ok(());
    };
    if status != Status::Cancelled {
        return life::follow(app, follow).await;
    }
    let worker = Arc::clone(app);
    app.aside(async move {
        if let Err(error) = life::follow(&worker, follow).await {
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(error.cause = %cause, "A cancelled vendor's tokens are left to the task");
        }
    });
    Ok(())
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

/// The vendor that a message is about, locked.
struct Met {
    vendor: VendorId,
    held: Held,
    /// Whether this message made it.
    is_new: bool,
    /// Whether the answer holds the claim token: for the first `vendor.created` of a vendor that its messages made.
    with_claim: bool,
}

/// Finds the vendor that a message is about; one that is not known is made.
async fn meet(
    app: &App,
    client: &impl GenericClient,
    message: &Message,
    namespace: Namespace,
) -> Result<Met> {
    let is_created = matches!(message.kind, Kind::Created);
    let data = &message.data;
    let name = match &data.name {
        Some(name) => name.clone(),
        None if is_created => {
            let fault = FieldError::new("data/name", "missing field name");
            return Err(Error::InvalidField(vec![fault]));
        }
        None => Name::from(&namespace),
    };
    let who = Who {
        name,
        profile: Profile::default(),
        namespace,
    };
    let added = create::add(app, client, &who, BILLING).await?;
    let id = match &added {
        Some((id, _)) => Some(*id),
        None => store::id_of(client, &who.namespace).await?,
    };
    let id = id.ok_or(Error::Conflict)?;
    let held = life::store::hold(client, id).await?;
    let mut held = held.ok_or(Error::Conflict)?;
    let is_first = added.is_some() || held.awaits_created;
    held.awaits_created = is_first && !is_created;
    Ok(Met {
        vendor: id,
        is_new: added.is_some(),
        with_claim: is_created && is_first && held.status != Status::Cancelled,
        held,
    })
}

/// Does what a message says, as far as nothing later was said. A vendor that was cancelled hears nothing any more.
async fn apply(
    app: &App,
    client: &impl GenericClient,
    met: Met,
    (message, said): (&Message, &Said),
) -> Result<Option<Follow>> {
    let Met {
        vendor,
        mut held,
        is_new,
        ..
    } = met;
    if held.status == Status::Cancelled {
        return Ok(None);
    }
    let (data, told) = (&message.data, &mut held.told);
    let mut changes = Changes::default();
    if matches!(message.kind, Kind::Created | Kind::Updated) {
        changes = Changes {
            name: told.filter(Field::Name, said, data.name.as_ref()),
            owner_name: told.filter(Field::OwnerName, said, data.owner_name.as_ref()),
            owner_email: told.filter(Field::OwnerEmail, said, data.owner_email.as_ref()),
            plan: told.filter(Field::Plan, said, data.plan.as_ref()),
            subscription: told
                .filter(Field::Subscription, said, data.subscription.as_ref())
                .copied(),
            has_card: told
                .filter(Field::HasCard, said, data.has_card.as_ref())
                .copied(),
            log_retention: Retention::Unchanged,
        };
    }
    let to = match message.kind {
        Kind::Paused if told.take(Field::Status, said) => Status::Suspended,
        Kind::Resumed if told.take(Field::Status, said) => Status::Active,
        Kind::Cancelled => Status::Cancelled,
        _ => held.status,
    };
    let at = app.clock.now();
    life::store::note_told(client, vendor, &held).await?;
    if changes.is_of_profile() {
        account::update(client, vendor, &changes, at).await?;
        if !is_new {
            Event::done("vendor.updated", Some(vendor), BILLING)
                .record(client, at)
                .await?;
        }
    }
    let by = By { actor: BILLING, at };
    life::change(app, client, vendor, (held.status, to), by).await
}

fn answer(app: &App, vendor: &Arc<Vendor>, answered: Answered) -> Result<SignupView> {
    let ring = app.keys()?;
    let id = answered.key.map(KeyId);
    let key = vendor.keys.iter().find(|key| Some(key.id) == id);
    let claim_token = key.filter(|_| answered.with_claim).map(|key| {
        ring.claim_token(key.id, key.generation, key.claimable_until())
            .expose()
            .to_owned()
    });
    let mut view = answered.vendor;
    view.public_key = id.map(|id| ring.public_key(id).expose().to_owned());
    Ok(SignupView {
        vendor: view,
        claim_token,
    })
}
