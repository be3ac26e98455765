//! Accounts of a vendor's users: their passwords, groups, and what they are known by. Those of operators
//! ([`super::operators`]) are of the same kind, under [`PLATFORM`] in the place of a vendor.
//!
//! A password is verified in [`proof`], after the try was counted in [`tries`]: by HTTP Basic ([`basic`]) or for a
//! session ([`log_in`]). Users manage what is theirs in [`own`], administrators manage users in [`manage`].

pub mod basic;
pub(in crate::users) mod event;
mod hashing;
pub mod log_in;
pub mod manage;
pub mod own;
pub(in crate::users) mod password;
pub mod proof;
pub mod recovery;
pub mod rules;
pub mod sessions;
pub mod store;
pub mod totp;
pub mod tries;
mod turns;
mod whose;

use std::net::IpAddr;

use jiff::Timestamp;

use crate::http::limit::network;
use crate::types::{GroupName, Namespace, UserId, UserLogin, UserName, VendorId};

pub use hashing::Passwords;
pub use whose::{OPERATORS, PLATFORM, USERS};

/// A user that was not removed.
#[derive(Clone)]
pub struct Account {
    /// Names the user.
    pub id: UserId,
    /// Whose.
    pub vendor: VendorId,
    /// Shown, and logged in with.
    pub name: UserName,
    /// In the order they were given.
    pub groups: Vec<GroupName>,
    /// Which password this is: counts from 1.
    pub password_edition: i32,
    /// When it was set.
    pub password_changed_at: Timestamp,
    /// Whether it must be changed before anything else. Operators' only.
    pub password_temporary: bool,
    /// When the second factor came into force.
    pub totp_confirmed_at: Option<Timestamp>,
    /// Since when the user may not log in.
    pub disabled_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When the password was shown last, at a log-in or with a request.
    pub last_login_at: Option<Timestamp>,
}

impl Account {
    /// Whether the user is in a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one.as_str() == group)
    }

    /// Whether it is an operator's.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.vendor == PLATFORM
    }

    /// As events name the user, or the operator.
    #[must_use]
    pub fn actor(&self) -> String {
        let kind = if self.is_operator() {
            "operator"
        } else {
            "user"
        };
        format!("{kind}:{}", self.name)
    }

    /// `name@namespace`.
    #[must_use]
    pub fn login(&self, namespace: &Namespace) -> String {
        let login = UserLogin {
            name: self.name.clone(),
            namespace: Some(namespace.clone()),
        };
        login.to_string()
    }
}

/// Where a request comes from.
#[derive(Clone)]
pub struct Origin {
    /// Of the client.
    pub address: IpAddr,
    /// Its program, as it says.
    pub user_agent: String,
}

impl Origin {
    /// The network tries are counted by.
    #[must_use]
    pub fn network(&self) -> String {
        network(self.address).to_string()
    }
}
