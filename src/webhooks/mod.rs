//! Webhooks, both ways: the signatures of what comes in, and what vendors and the platform's own systems are told.
//!
//! What is to be said is put into a queue ([`outbox`]) in the transaction of what it is about, one row for
//! each webhook that wants it. A task sends what is due ([`deliver`]): at least once, signed, and again later where the
//! receiver does not take it. The secrets of signatures are derived from the service's own key; none is stored.

pub mod change;
pub mod deliver;
pub mod deliveries;
pub mod http;
mod message;
pub mod outbox;
pub mod retry;
mod sign;
pub mod store;

pub use message::{MessageType, Types};
pub use sign::{Headers, SigningSecret, TOLERANCE_SECONDS, verify};

use jiff::Timestamp;

use crate::auth::KeyRing;
use crate::types::{HookUrl, VendorId, WebhookId};

/// How many webhooks an owner may have.
pub const MOST: i64 = 10;

/// Whose a webhook is, and what is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The platform's own: operators look after it.
    Platform,
    /// A vendor's.
    Vendor(VendorId),
}

impl Owner {
    /// As rows name it: the vendor's id, or 0, which is no vendor's.
    #[must_use]
    pub const fn key(self) -> i64 {
        match self {
            Self::Platform => 0,
            Self::Vendor(vendor) => vendor.0,
        }
    }

    /// By what rows name it with.
    #[must_use]
    pub const fn of_key(key: i64) -> Self {
        match key {
            0 => Self::Platform,
            id => Self::Vendor(VendorId(id)),
        }
    }

    /// The vendor, where it is one.
    #[must_use]
    pub const fn vendor(self) -> Option<VendorId> {
        match self {
            Self::Platform => None,
            Self::Vendor(vendor) => Some(vendor),
        }
    }
}

impl From<VendorId> for Owner {
    fn from(vendor: VendorId) -> Self {
        Self::Vendor(vendor)
    }
}

/// A webhook.
#[derive(Clone)]
pub struct Endpoint {
    /// Names it.
    pub id: WebhookId,
    /// Where it is. May hold a secret of the owner's: never logged, in no event.
    pub url: HookUrl,
    /// What it wants to hear of.
    pub types: Types,
    /// Which of its secrets signs.
    pub generation: Generation,
    /// Since when nothing is sent there.
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// The secret of a webhook that signs, and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Counts secrets, from 1.
    pub number: i32,
    /// Until when the one before signs too.
    pub former_ends_at: Option<Timestamp>,
}

impl Generation {
    /// The newest secret.
    #[must_use]
    pub fn newest(self, ring: &KeyRing, id: WebhookId) -> SigningSecret {
        ring.webhook_secret(id, self.number).into()
    }

    /// All that sign now, the newest first.
    #[must_use]
    pub fn signing(self, ring: &KeyRing, id: WebhookId, now: Timestamp) -> Vec<SigningSecret> {
        let mut secrets = vec![self.newest(ring, id)];
        if self.former_ends_at.is_some_and(|end| end > now) {
            secrets.push(ring.webhook_secret(id, self.number - 1).into());
        }
        secrets
    }
}
