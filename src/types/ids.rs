//! Identifiers made by this service.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use uuid::{NoContext, Uuid};

/// A vendor's integer id: TrustedLogin's account id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VendorId(pub i64);

impl fmt::Display for VendorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one issuance: one token handed out, and its row in the ledger. A UUID of version 7, made before the token is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = "uuid")]
pub struct IssuanceId(pub Uuid);

impl TryFrom<String> for IssuanceId {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "must be a UUID")
    }
}

impl IssuanceId {
    /// A new id, later in order than those made a millisecond before or earlier.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(uuid_of(now))
    }

    /// The first id in order that could be made at `moment`.
    #[must_use]
    pub fn first_of(moment: Timestamp) -> Self {
        let longest = (1 << 48) - 1;
        let millis = u128::try_from(moment.as_millisecond()).unwrap_or(0);
        Self(Uuid::from_u128(millis.min(longest) << 80))
    }

    /// Reads an id as answers show it; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.parse().ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for IssuanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A UUID of version 7.
fn uuid_of(now: Timestamp) -> Uuid {
    let (seconds, nanos) = (now.as_second(), now.subsec_nanosecond());
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let nanos = u32::try_from(nanos).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

/// Names a log-in that failed, or a lockdown, as a client reported it: a UUID of version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^lpat_[0-9a-f-]{36}$")]
pub struct AttemptId(pub Uuid);

impl AttemptId {
    /// A new id, later in order than those made a millisecond before or earlier.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(uuid_of(now))
    }
}

impl fmt::Display for AttemptId {
    /// `lpat_` and the UUID, as TrustedLogin's clients read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lpat_{}", self.0)
    }
}

impl Serialize for AttemptId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Names one pair of API keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{16}$")]
pub struct KeyId(pub i64);

impl fmt::Display for KeyId {
    /// 16 hexadecimal digits, as both keys of the pair begin.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl KeyId {
    /// Reads an id as answers show it; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(i64::from_str_radix(text, 16).ok()?);
        (id.to_string() == text).then_some(id)
    }
}
