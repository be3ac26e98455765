//! Users of a vendor as callers.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::types::GroupName;
use crate::users::accounts::Account;
use crate::vendors::Vendor;

/// By what a user proved to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Name and password with this request (HTTP Basic).
    Password,
    /// A session, by its id.
    Session(i64),
    /// An access token, by its id.
    Token(i64),
}

/// A user of a vendor.
#[derive(Clone)]
pub struct User {
    /// Of which vendor.
    pub vendor: Arc<Vendor>,
    /// Who.
    pub account: Account,
    /// How that is known.
    pub proof: Proof,
    /// By which request.
    pub request_id: String,
}

/// A user in the group `Administrators`.
#[derive(Clone)]
pub struct Administrator(pub User);

impl User {
    /// Lets members of `Administrators` pass.
    ///
    /// # Errors
    /// [`Error::CallerNotAllowed`] for everybody else.
    pub(super) fn administrator(self) -> Result<Administrator> {
        if self.account.is_in(GroupName::ADMINISTRATORS) {
            Ok(Administrator(self))
        } else {
            Err(Error::NoAdministrator)
        }
    }
}
