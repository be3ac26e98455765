//! Trust policies of vendors: which tokens of which issuer get what.

pub mod change;
pub mod http;
pub mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::patterns::ClaimRules;
use super::refusal::Reason;
use crate::auth::jwt::Claims;
use crate::tokens::Kind;
use crate::types::{IssuerId, IssuerUrl, Name, SecretId, TrustPolicyId, VendorId, WorkerId};

/// What a policy does with a token that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TrustPolicyMode)]
pub enum Mode {
    /// It is exchanged.
    Enforce,
    /// What would be done is on record, and nothing is handed out.
    Audit,
}

impl Mode {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
        }
    }
}

/// What is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A token that reads what this worker may.
    Worker(WorkerId),
    /// A write token for the store.
    Write,
    /// A write token for one site.
    WriteSite(SecretId),
    /// A read token for the store.
    Read,
    /// A read token for one site.
    ReadSite(SecretId),
}

impl Gives {
    /// The kind of token.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Worker(_) => Kind::Credentials,
            Self::Write => Kind::Write,
            Self::WriteSite(_) => Kind::WriteSite,
            Self::Read => Kind::Read,
            Self::ReadSite(_) => Kind::ReadSite,
        }
    }

    /// For which worker.
    #[must_use]
    pub fn worker(&self) -> Option<WorkerId> {
        match self {
            Self::Worker(worker) => Some(*worker),
            _ => None,
        }
    }

    /// For which site.
    #[must_use]
    pub fn site(&self) -> Option<&SecretId> {
        match self {
            Self::WriteSite(site) | Self::ReadSite(site) => Some(site),
            _ => None,
        }
    }

    /// Puts a kind and what it is for together; `None` where they do not fit.
    #[must_use]
    pub fn of(kind: Kind, worker: Option<WorkerId>, site: Option<SecretId>) -> Option<Self> {
        match (kind, worker, site) {
            (Kind::Credentials, Some(worker), None) => Some(Self::Worker(worker)),
            (Kind::Write, None, None) => Some(Self::Write),
            (Kind::WriteSite, None, Some(site)) => Some(Self::WriteSite(site)),
            (Kind::Read, None, None) => Some(Self::Read),
            (Kind::ReadSite, None, Some(site)) => Some(Self::ReadSite(site)),
            _ => None,
        }
    }
}

/// A vendor's policy.
#[derive(Clone)]
pub struct TrustPolicy {
    /// Names it.
    pub id: TrustPolicyId,
    /// Whose.
    pub vendor: VendorId,
    /// Counts its changes, and those of its issuer.
    pub edition: i32,
    /// What it says.
    pub terms: Terms,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When a token was handed out by it, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a policy says.
#[derive(Clone)]
pub struct Terms {
    /// Shown name.
    pub name: Name,
    /// Whose tokens.
    pub issuer_id: IssuerId,
    /// The same, as tokens say it.
    pub issuer: IssuerUrl,
    /// For which audience, to the byte.
    pub audience: Audience,
    /// Which claims they must have.
    pub claims: ClaimRules,
    /// What is done with those that match.
    pub mode: Mode,
    /// What is handed out.
    pub gives: Gives,
    /// Life of what is handed out, in seconds. It cannot be renewed beyond.
    pub ttl: Ttl,
    /// Whether each token is exchanged once only.
    pub once: bool,
    /// From when on it matches nothing.
    pub ends_at: Option<Timestamp>,
}

/// An audience: 1 to 512 bytes without control characters and blanks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(min_length = 1, max_length = 512)]
pub struct Audience(String);

impl Audience {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Audience {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let odd = |c: char| c.is_control() || c.is_whitespace();
        if text.is_empty() || text.len() > 512 || text.contains(odd) {
            return Err("must be 1 to 512 bytes without control characters and blanks");
        }
        Ok(Self(text))
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.0
    }
}

/// Life of what a policy hands out, in seconds: a minute to 28 days, and at most what its kind may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u32")]
#[schema(as = TrustPolicyTtl, minimum = 60, maximum = 2_419_200)]
pub struct Ttl(u32);

impl Ttl {
    /// Where nothing else is said: an hour.
    pub const DEFAULT: Self = Self(3600);

    /// Seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Ttl {
    type Error = &'static str;
    fn try_from(seconds: u32) -> Result<Self, Self::Error> {
        if (60..=28 * 24 * 3600).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err("must be 60 to 2419200 seconds")
        }
    }
}

impl TrustPolicy {
    /// What in a token of its issuer does not match; empty where all does.
    #[must_use]
    pub fn mismatches(&self, claims: &Claims, now: Timestamp) -> Vec<Reason> {
        let terms = &self.terms;
        let ended = terms.ends_at.is_some_and(|end| end <= now);
        let audience = terms.audience.as_str();
        let of_claims = terms
            .claims
            .iter()
            .filter_map(|(place, wanted)| Reason::of(place, wanted, place.find(claims)));
        ended
            .then(Reason::ended)
            .into_iter()
            .chain(
                (!claims.is_for(audience)).then(|| Reason::audience(audience, claims.get("aud"))),
            )
            .chain(of_claims)
            .collect()
    }
}
