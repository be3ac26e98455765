//! Workers: a vendor's machine accounts, which read credentials.
//!
//! A worker has a log-in name made by the service and up to two keys. What it may read is a list of patterns, which
//! its policy in OpenBao follows: `policy_wanted` counts the editions of the list, `policy_written` says which one
//! OpenBao has. A token is minted for the edition of the moment, and refused where that changed before it was on
//! record.

pub mod change;
pub mod http;
pub mod keys;
pub mod policy;
pub mod sessions;
pub mod store;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::types::{CredentialKey, KeyPattern, Name, Namespace, VendorId, WorkerId, WorkerLogin};

/// How long a session can be used.
pub const SESSION_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// A worker that was not removed.
#[derive(Clone)]
pub struct Worker {
    /// Names it.
    pub id: WorkerId,
    /// Whose.
    pub vendor: VendorId,
    /// Shown name.
    pub name: Name,
    /// What it may read.
    pub patterns: Patterns,
    /// First life of its tokens.
    pub token_ttl: TokenTtl,
    /// Which edition of its patterns this is.
    pub edition: i32,
    /// Which edition OpenBao has.
    pub written: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Worker {
    /// The name it logs in with.
    #[must_use]
    pub fn login(&self, namespace: &Namespace) -> WorkerLogin {
        WorkerLogin {
            id: self.id,
            namespace: namespace.clone(),
        }
    }

    /// As events and the ledger name it.
    #[must_use]
    pub fn actor(&self) -> String {
        actor(self.id)
    }
}

/// As events and the ledger name a worker.
#[must_use]
pub fn actor(worker: WorkerId) -> String {
    format!("worker:{worker}")
}

/// What a worker may read: 1 to 64 patterns of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<KeyPattern>", into = "Vec<KeyPattern>")]
#[schema(as = KeyPatterns)]
pub struct Patterns(Vec<KeyPattern>);

impl Patterns {
    /// Whether a credential of this key is among them.
    #[must_use]
    pub fn cover(&self, key: &CredentialKey) -> bool {
        self.0.iter().any(|pattern| pattern.covers(key))
    }

    /// Each.
    #[must_use]
    pub fn as_slice(&self) -> &[KeyPattern] {
        &self.0
    }
}

impl TryFrom<Vec<KeyPattern>> for Patterns {
    type Error = &'static str;
    fn try_from(patterns: Vec<KeyPattern>) -> Result<Self, Self::Error> {
        if (1..=64).contains(&patterns.len()) {
            Ok(Self(patterns))
        } else {
            Err("must hold 1 to 64 patterns")
        }
    }
}

impl From<Patterns> for Vec<KeyPattern> {
    fn from(patterns: Patterns) -> Self {
        patterns.0
    }
}

/// First life of a token for credentials, in seconds: a minute to 28 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u32")]
#[schema(minimum = 60, maximum = 2_419_200)]
pub struct TokenTtl(u32);

impl TokenTtl {
    /// Where nothing else is said: a day.
    pub const DEFAULT: Self = Self(24 * 3600);

    /// Seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for TokenTtl {
    type Error = &'static str;
    fn try_from(seconds: u32) -> Result<Self, Self::Error> {
        if (60..=28 * 24 * 3600).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err("must be 60 to 2419200 seconds")
        }
    }
}
