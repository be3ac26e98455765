//! Messages of clients to their vendor, sealed for the vendor's Connector, which fetches and deletes them. What is in
//! them stays opaque here. They are kept for 30 days, and 1,000 at a time: a vendor whose Connector fetches none is told
//! so by its clients' errors, as none is dropped.
//!
//! # Quirks
//! - `since` is inclusive, in whole seconds: a Connector that asks from the newest time it has gets that message again,
//!   unless it has deleted it.
//! - A list without a message is `[]`, with 200, as clients of this list are tested against.

pub mod http;
pub mod store;

use jiff::Timestamp;
use serde_json::json;

use super::fields::Body;
use crate::app::App;
use crate::auth::VendorCaller;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::VendorId;

/// How many are kept of one vendor.
pub const MOST: i64 = 1000;

/// Of an envelope, in bytes; the body as a whole is not larger either.
const ENVELOPE: usize = 64 * 1024;
/// Of keys, nonces, fingerprints and names.
const SHORT: usize = 256;
const REF: usize = 1024;

/// A message, as the client sealed it.
pub struct Sealed {
    /// The ciphertext.
    pub envelope: String,
    /// Its nonce.
    pub nonce: String,
    /// The client's public key.
    pub sender_public_key: String,
    /// Which of the vendor's keys it is sealed for.
    pub key_fingerprint: String,
    /// What it is about.
    pub action: String,
    /// What the customer refers to.
    pub reference: Option<String>,
    /// Which access key it is about.
    pub access_key_fingerprint: Option<String>,
}

impl Sealed {
    /// Reads the body of `POST accounts/{id}/messages`.
    ///
    /// # Errors
    /// [`Error::InvalidField`] with every fault.
    pub fn of(body: &Body) -> Result<Self> {
        let mut fields = body.fields();
        let sealed = Self {
            envelope: fields.text("envelope", ENVELOPE),
            nonce: fields.text("nonce", SHORT),
            sender_public_key: fields.text("client_public_key", SHORT),
            key_fingerprint: fields.text("key_fingerprint", SHORT),
            action: fields.text("action", SHORT),
            reference: fields.optional_text("ref", REF),
            access_key_fingerprint: fields.optional_text("access_key_fingerprint", SHORT),
        };
        fields.finish()?;
        Ok(sealed)
    }
}

/// A message that is kept.
pub struct Message {
    /// Counts the vendor's messages.
    pub id: i64,
    /// When it came.
    pub created_at: Timestamp,
    /// What came.
    pub sealed: Sealed,
}

/// Keeps a message, and gives its id and when it came.
///
/// # Errors
/// [`Error::MessagesFull`], or trouble with the database.
pub async fn post(
    app: &App,
    vendor: VendorId,
    actor: &str,
    sealed: &Sealed,
) -> Result<(i64, Timestamp)> {
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    // The counter is locked from here on: nobody else adds one meanwhile.
    let id = store::next_id(&transaction, vendor).await?;
    let (number, newest) = store::kept(&transaction, vendor).await?;
    if number >= MOST {
        return Err(Error::MessagesFull);
    }
    // None comes before one that may have been read already, whatever the clocks of replicas say.
    let now = app.clock.now().max(newest.unwrap_or(Timestamp::MIN));
    store::insert(&transaction, vendor, id, sealed, now).await?;
    let mut event = Event::done("message.received", Some(vendor), actor);
    event.details = json!({ "message": id });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok((id, now))
}

/// Deletes a message; `false` where there is none.
///
/// # Errors
/// Trouble with the database.
pub async fn delete(app: &App, by: &VendorCaller, id: i64) -> Result<bool> {
    let (vendor, now) = (by.vendor.id, app.clock.now());
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::delete(&transaction, vendor, id).await? {
        return Ok(false);
    }
    let mut event = Event::done("message.deleted", Some(vendor), "vendor");
    event.details = json!({ "message": id });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(true)
}
