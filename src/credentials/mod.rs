//! Typed credentials of a vendor: media servers, object stores, web services, and anything else.
//!
//! Their values lie in OpenBao, at `<namespace>-credentials/secret`, in versions; the database knows key, type, version
//! and times. Workers read them there with a token of their own, or here with a session: both ways OpenBao decides by
//! the worker's policy ([`crate::users::workers`]). The service itself reads and writes with brokered tokens
//! ([`access`]).
//!
//! A row of version 0 is a credential that is being written for the first time. Nobody sees it; what a crash leaves of
//! one, a task removes.

pub mod access;
mod alone;
pub mod change;
pub mod create;
pub mod file;
pub mod http;
pub mod models;
pub mod probe;
pub mod read;
pub mod remove;
pub mod store;
pub mod tidy;
pub mod token;
pub mod try_out;
pub mod versions;

use jiff::Timestamp;

use crate::types::{CredentialId, CredentialKey};

/// A credential's record.
#[derive(Clone)]
pub struct Record {
    /// Names it in the workers' contract.
    pub id: CredentialId,
    /// Names it within its vendor.
    pub key: CredentialKey,
    /// Of which model.
    pub type_name: String,
    /// The newest version.
    pub version: u32,
    /// When its owner wants it changed.
    pub rotate_by: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its newest version was written.
    pub updated_at: Timestamp,
    /// When it was read last, through the service.
    pub last_used_at: Option<Timestamp>,
    /// When it was deleted; it can be undeleted.
    pub deleted_at: Option<Timestamp>,
    /// Whether OpenBao has the policy of tokens that read this one.
    pub has_policy: bool,
}
