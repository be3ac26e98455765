//! People and machines with accounts: the operators who run the platform, as people ([`operators`]) and by tokens for
//! their scripts, vendors' users ([`accounts`]) and vendors' workers ([`workers`]).

pub mod accounts;
pub mod http;
pub mod operators;
pub mod store;
pub mod workers;

use jiff::Timestamp;

use crate::auth::KeyedDigest;

/// An operator's token for a script, not revoked.
pub struct OperatorToken {
    /// Stands in the token.
    pub id: i64,
    /// Who it was made for.
    pub name: String,
    /// What it is known by.
    pub digest: KeyedDigest,
    /// Since when there is one.
    pub created_at: Timestamp,
    /// When it ends. Those of old have no end.
    pub expires_at: Option<Timestamp>,
}
