//! Events on users.

use serde_json::{Value, json};

use super::Account;
use crate::events::Event;
use crate::types::{UserName, VendorId};

/// Something that was done to a user.
pub fn about<'a>(
    action: &'static str,
    vendor: VendorId,
    user: &UserName,
    actor: &'a str,
) -> Event<'a> {
    let mut event = Event::done(action, Some(vendor), actor);
    event.details = json!({ "user": user });
    event
}

/// Something that a user did to itself.
pub fn own<'a>(action: &'static str, account: &Account, actor: &'a str) -> Event<'a> {
    about(action, account.vendor, &account.name, actor)
}

/// The same with more to say.
pub fn with<'a>(mut event: Event<'a>, name: &str, value: impl Into<Value>) -> Event<'a> {
    event.details[name] = value.into();
    event
}
