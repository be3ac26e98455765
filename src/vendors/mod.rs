//! Tenants: their data, their keys, and how they come to be.
//!
//! A vendor is created by the sign-up webhook ([`signup`]) or by an operator ([`http`]); both call [`create`], then
//! [`provision`], which makes the store and the policies in OpenBao. Whoever holds the claim token gets the key pair
//! ([`claim`]). Both suspend, resume and cancel it too ([`life`]); what a cancelled one leaves goes by a job ([`cancel`]).

pub mod account;
pub mod cancel;
pub mod claim;
pub mod create;
pub mod http;
pub mod keys;
pub mod life;
pub mod pause;
pub mod provision;
pub mod receipts;
pub mod repair;
pub mod settings;
pub mod signup;
pub mod store;
pub mod told;
mod view;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::KeyedDigest;
use crate::error::{Error, Result};
use crate::oauth::signed::JwtKey;
use crate::types::{ApiEndpoint, Email, HookUrl, KeyId, Name, Namespace, VendorId};

pub use provision::Level;
pub use settings::TokenSettings;
pub use view::VendorView;

/// How long a claim token can be used.
pub const CLAIM_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A tenant.
pub struct Vendor {
    /// TrustedLogin's account id.
    pub id: VendorId,
    /// In every path and policy of the vendor.
    pub namespace: Namespace,
    /// Shown name.
    pub name: Name,
    /// What else is known of it.
    pub profile: Profile,
    /// Whether it may do anything.
    pub status: Status,
    /// Until then look-ups are refused.
    pub support_paused_until: Option<Timestamp>,
    /// Whether it hands out write tokens for its whole store.
    pub store_wide_writes: bool,
    /// What it says of the tokens handed out in its name.
    pub token_settings: TokenSettings,
    /// How many tokens may live at once; `None`: as many as the service's settings say.
    pub lease_cap: Option<u32>,
    /// How much of what belongs to it in OpenBao is there.
    pub provisioned: Level,
    /// Where its Connector answers, once that was registered.
    pub connector: Option<ApiEndpoint>,
    /// Where TrustedLogin's clients send webhooks of their own.
    pub client_webhook: Option<HookUrl>,
    /// How long its logs are kept; `None`: as long as the service's own.
    pub log_retention_days: Option<i32>,
    /// Whether its public key alone may neither ask for write tokens nor store sites.
    pub signed_clients_only: bool,
    /// Keys that it signs its client plugins' tokens with, the oldest first.
    pub jwt_keys: Vec<Arc<JwtKey>>,
    /// How often all its access tokens were ended.
    pub token_epoch: i32,
    /// When it signed up.
    pub created_at: Timestamp,
    /// Oldest first.
    pub keys: Vec<ApiKey>,
}

/// What the billing system tells of a vendor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Owner's name.
    pub owner_name: Option<Name>,
    /// Owner's address.
    pub owner_email: Option<Email>,
    /// Name of the plan.
    pub plan: Option<Name>,
    /// Whether it is paid for.
    pub subscription: Subscription,
    /// Whether the billing system has a card to charge.
    pub has_card: bool,
}

/// Whether a vendor may do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything.
    Active,
    /// Removal only.
    Suspended,
    /// Removal only, for ever.
    Cancelled,
}

impl Status {
    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Cancelled => "cancelled",
        }
    }

    /// Lets the active one pass.
    ///
    /// # Errors
    /// [`Error::VendorSuspended`] or [`Error::VendorCancelled`].
    pub fn refuse_inactive(self) -> Result<()> {
        match self {
            Self::Active => Ok(()),
            Self::Suspended => Err(Error::VendorSuspended),
            Self::Cancelled => Err(Error::VendorCancelled),
        }
    }
}

/// A change of how long a vendor's logs are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<i32>")]
pub enum Retention {
    /// None.
    #[default]
    Unchanged,
    /// As long as the service's own.
    OfService,
    /// So many days.
    Days(i32),
}

impl From<Option<i32>> for Retention {
    fn from(days: Option<i32>) -> Self {
        days.map_or(Self::OfService, Self::Days)
    }
}

impl Retention {
    /// The days, where the vendor gets its own.
    #[must_use]
    pub fn days(self) -> Option<i32> {
        match self {
            Self::Days(days) => Some(days),
            Self::Unchanged | Self::OfService => None,
        }
    }
}

/// Whether a vendor has paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Subscription {
    /// Paid.
    #[default]
    Active,
    /// Trying.
    Trial,
    /// Not paid: TrustedLogin's dialect answers 402.
    Unpaid,
}

impl Subscription {
    /// As stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Trial => "trial",
            Self::Unpaid => "unpaid",
        }
    }
}

/// A pair of API keys.
pub struct ApiKey {
    /// Stands in both keys.
    pub id: KeyId,
    /// 1 for the first pair of a vendor.
    pub generation: i32,
    /// What the private key is known by, once it was claimed.
    pub private: Option<PrivateDigests>,
    /// Whether the private key was used: from then on it cannot be claimed again.
    pub private_used: bool,
    /// When the pair was made.
    pub created_at: Timestamp,
    /// After this it is refused.
    pub ends_at: Option<Timestamp>,
}

/// Digests of a private key, by the ways it is shown.
pub struct PrivateDigests {
    /// Of the key itself.
    pub private: KeyedDigest,
    /// Of TrustedLogin's `Authorization` header.
    pub bearer: KeyedDigest,
    /// Of TrustedLogin's `X-TL-TOKEN` header.
    pub pair: KeyedDigest,
}

impl Vendor {
    /// The key pair of that id, unless it has ended.
    #[must_use]
    pub fn live_key(&self, id: KeyId, now: Timestamp) -> Option<&ApiKey> {
        self.keys
            .iter()
            .find(|key| key.id == id && key.ends_at.is_none_or(|end| end > now))
    }

    /// The newest key pair that has not ended.
    #[must_use]
    pub fn current_key(&self, now: Timestamp) -> Option<&ApiKey> {
        self.keys
            .iter()
            .rev()
            .find(|key| key.ends_at.is_none_or(|end| end > now))
    }

    /// Lets an active vendor pass.
    ///
    /// # Errors
    /// [`Error::VendorSuspended`] or [`Error::VendorCancelled`].
    pub fn refuse_inactive(&self) -> Result<()> {
        self.status.refuse_inactive()
    }

    /// Lets everybody pass but one that was cancelled: nothing is made for that any more.
    ///
    /// # Errors
    /// [`Error::VendorCancelled`].
    pub fn refuse_cancelled(&self) -> Result<()> {
        match self.status {
            Status::Cancelled => Err(Error::VendorCancelled),
            Status::Active | Status::Suspended => Ok(()),
        }
    }

    /// Whether look-ups are paused.
    #[must_use]
    pub fn is_support_paused(&self, now: Timestamp) -> bool {
        self.support_paused_until.is_some_and(|until| until > now)
    }
}

impl ApiKey {
    /// Until when its private key can be claimed.
    #[must_use]
    pub fn claimable_until(&self) -> Timestamp {
        self.created_at
            .checked_add(CLAIM_LIFE)
            .unwrap_or(Timestamp::MAX)
    }
}
