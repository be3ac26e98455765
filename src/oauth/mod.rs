//! Access tokens that the service signs itself: `OAuth` 2.0 client credentials (RFC 6749, 4.4) for JWTs (RFC 9068).
//!
//! A client shows what it logs in with ([`crate::auth::Client`]) and gets a token for minutes ([`issue`]), which is as good
//! as what it was made from and dies with it: its key pair, worker's key or user's token is looked at with each
//! request ([`claims`] says which one that is). What is asked of memory only is asked of memory only: a vendor's token
//! costs neither PostgreSQL nor OpenBao. The keys lie in OpenBao ([`keys`]). [`revoke`] ends one token, or all of a vendor.
//!
//! What vendors sign themselves, for their client plugins, is read by [`signed`].

pub mod claims;
pub mod http;
pub mod issue;
pub mod keys;
pub mod revoke;
pub mod signed;

pub use keys::TokenKeys;
