//! Accounts of a vendor's users: their passwords, groups, and what they are known by.

pub mod basic;
pub mod password;
pub mod store;

use jiff::Timestamp;

use crate::types::{GroupName, UserId, UserName, VendorId};

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
    /// When the second factor came into force.
    pub totp_confirmed_at: Option<Timestamp>,
    /// Since when the user may not log in.
    pub disabled_at: Option<Timestamp>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When the user logged in last.
    pub last_login_at: Option<Timestamp>,
}

impl Account {
    /// Whether the user is in a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one.as_str() == group)
    }

    /// As events name the user.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("user:{}", self.name)
    }
}
