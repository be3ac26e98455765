//! Tokens handed out, and their ledger.
//!
//! A token is minted in OpenBao, recorded in the ledger, and only then answered ([`issue`]). What a crash leaves
//! between the first and the second, the sweeper finds ([`sweep`]). Whatever must die is first marked in the ledger and
//! then revoked ([`revoke`]), so that nothing is forgotten when OpenBao is out of reach. What is on record can be looked at and
//! ended ([`issuances`]). How long a token lives is agreed on first ([`terms`]), and whether there is room for it
//! ([`budget`]), and for its asker ([`Admission`]). It may be bound to the networks of a client ([`bound`]).

mod admission;
pub mod bound;
mod brokered;
pub mod budget;
pub mod entities;
pub mod explain;
mod grant;
pub mod http;
pub mod issuances;
mod issue;
mod kind;
mod ledger;
mod mint;
pub mod renew;
pub mod revoke;
pub mod rules;
pub mod store;
pub mod sweep;
pub mod terms;

pub use admission::Admission;
pub use brokered::Brokered;
pub use budget::Budget;
pub use grant::{CredentialsGrant, Grant, Workload};
pub use issue::{Handed, Issued, SiteVersion, issue};
pub use kind::{Kind, ROLES, Scope};
pub use ledger::{Ledger, NewIssuance, Refusal};
pub use terms::{Terms, Wishes};

/// Whether a token role of that name is the service's: a kind's, or one of a set of networks.
#[must_use]
pub fn is_ours(role: &str) -> bool {
    role.starts_with(bound::PREFIX) || ROLES.iter().any(|ours| ours.name == role)
}
