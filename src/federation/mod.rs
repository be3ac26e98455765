//! Workload federation (RFC 8693): a worker or a job proves itself with a token of its own platform, and gets a scoped
//! token of OpenBao for it. No secret of this service lies on that platform.
//!
//! Whose tokens count is the operators' list of [`issuers`]: what is not on it is refused before anything is fetched. Who
//! gets what is a vendor's [`policies`]: an issuer, an audience, and [`patterns`] of claims. [`exchange`] asks them, and
//! says which claim did not match ([`refusal`]).

pub mod exchange;
pub mod http;
pub mod issuers;
pub mod patterns;
pub mod policies;
pub mod refusal;
mod store;

pub use refusal::{Reason, Refusal};
pub use store::purge;
