//! Users of a vendor as callers.

use std::sync::Arc;

use super::caller::VendorAdmin;
use crate::error::{Error, Result};
use crate::types::{GroupName, UserId};
use crate::users::accounts::{Account, Origin};
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
    /// Whether the session is good for setting up a second factor only. `false` wherever a handler asks for a `User`.
    pub enrolling: bool,
    /// From where.
    pub origin: Origin,
}

/// A user in the group `Administrators`.
#[derive(Clone)]
pub struct Administrator(pub User);

/// A user, also one whose session is good for setting up a second factor only.
#[derive(Clone)]
pub struct EnrollingUser(pub User);

/// Whoever manages users: the vendor, a member of `Administrators` (by an access token: to read only), or, where the path
/// names the vendor, an operator.
#[derive(Clone)]
pub struct UserAdmin {
    /// As what.
    pub by: VendorAdmin,
    /// Which user, if one.
    pub user: Option<UserId>,
}

impl User {
    /// Lets members of `Administrators` pass.
    ///
    /// # Errors
    /// [`Error::NoAdministrator`] for everybody else.
    pub(super) fn administrator(self) -> Result<Administrator> {
        if self.account.is_in(GroupName::ADMINISTRATORS) {
            Ok(Administrator(self))
        } else {
            Err(Error::NoAdministrator)
        }
    }

    /// Lets everybody pass whose session is good for everything.
    ///
    /// # Errors
    /// [`Error::EnrolmentOnly`].
    pub(super) fn enrolled(self) -> Result<Self> {
        if self.enrolling {
            Err(Error::EnrolmentOnly)
        } else {
            Ok(self)
        }
    }

    /// Refuses an access token.
    ///
    /// # Errors
    /// [`Error::TokenNotAllowed`].
    pub fn without_token(&self) -> Result<()> {
        match self.proof {
            Proof::Token(_) => Err(Error::TokenNotAllowed),
            Proof::Password | Proof::Session(_) => Ok(()),
        }
    }

    /// The session or access token that this request showed.
    #[must_use]
    pub fn session(&self) -> Option<i64> {
        match self.proof {
            Proof::Password => None,
            Proof::Session(id) | Proof::Token(id) => Some(id),
        }
    }
}
