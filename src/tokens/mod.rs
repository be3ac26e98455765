//! Tokens handed out, and their ledger.
//!
//! A token is minted in OpenBao, recorded in the ledger, and only then answered ([`issue`]). What a crash leaves
//! between the first and the second, the sweeper finds ([`sweep`]). Whatever must die is first marked in the ledger and
//! then revoked ([`revoke`]), so that nothing is forgotten when OpenBao is out of reach. What is on record can be looked at and
//! ended ([`issuances`]).

mod brokered;
pub mod explain;
mod grant;
pub mod http;
pub mod issuances;
mod issue;
mod kind;
mod ledger;
pub mod renew;
pub mod revoke;
mod rules;
pub mod store;
pub mod sweep;

pub use brokered::Brokered;
pub use grant::{CredentialsGrant, Grant};
pub use issue::{Handed, Issued, SiteVersion, issue};
pub use kind::{Kind, ROLES, Scope};
pub use ledger::{Ledger, NewIssuance, Refusal};
