//! People and machines with accounts: the operators who run the platform, as people ([`operators`]) and by tokens for
//! their scripts, vendors' users ([`accounts`]) and vendors' workers ([`workers`]).

pub mod accounts;
pub mod http;
pub mod operators;
pub mod store;
pub mod workers;

use crate::auth::KeyedDigest;

/// An operator's token that is not revoked.
pub struct OperatorToken {
    /// Stands in the token.
    pub id: i64,
    /// Who it was made for.
    pub name: String,
    /// What it is known by.
    pub digest: KeyedDigest,
}
