//! What a vendor wants of its lockbox.

pub mod http;
pub mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a vendor wants of its lockbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LockboxSettings)]
pub struct Settings {
    /// Seconds without use until it locks itself; 0 for never.
    pub auto_lock: AutoLock,
    /// Whether passwords must be strong in RPort's dialect too.
    pub strong_passwords: bool,
    /// Whether a replica that starts after the unlock gets the key from one that has it.
    pub join_unlocked: bool,
}

/// Seconds: a minute to 7 days, or 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i32")]
#[schema(minimum = 0, maximum = 604_800)]
pub struct AutoLock(i32);

impl AutoLock {
    /// Seconds.
    #[must_use]
    pub fn seconds(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for AutoLock {
    type Error = &'static str;
    fn try_from(seconds: i32) -> Result<Self, Self::Error> {
        if seconds == 0 || (60..=7 * 24 * 3600).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err("must be 60 to 604800 seconds, or 0 for never")
        }
    }
}
