//! Events on users and operators.

use serde_json::{Value, json};

use super::{Account, PLATFORM};
use crate::events::Event;
use crate::types::{UserName, VendorId};

/// What was done to an account: the event's action where it is a user's, and where it is an operator's.
#[derive(Clone, Copy)]
pub struct Action {
    user: &'static str,
    operator: &'static str,
}

const fn action(user: &'static str, operator: &'static str) -> Action {
    Action { user, operator }
}

/// A session was begun.
pub const LOGGED_IN: Action = action("user.logged_in", "operator.logged_in");
/// What was shown proved nothing.
pub const REFUSED: Action = action("user.login_refused", "operator.log_in_failed");
/// No password counts from unknown sources any more.
pub const LOCKED_OUT: Action = action("user.locked_out", "operator.locked_out");
/// Its owner changed it.
pub const PASSWORD_CHANGED: Action = action("user.password_changed", "operator.password_changed");
/// The second factor came into force.
pub const TOTP_ENABLED: Action = action("user.totp_enabled", "operator.totp_enabled");
/// It was removed.
pub const TOTP_DISABLED: Action = action("user.totp_disabled", "operator.totp_disabled");
/// New recovery codes were made; operators' only.
pub const CODES_RENEWED: Action = action(
    "user.recovery_codes_renewed",
    "operator.recovery_codes_renewed",
);
/// A user made one; operators' are made at the command line.
pub const TOKEN_MADE: Action = action("user.token_made", "operator.token_made");
/// Sessions were ended.
pub const SESSION_REVOKED: Action = action("user.session_revoked", "operator.session_ended");

/// Something that was done to a user, or to an operator.
pub fn about<'a>(
    action: &'static str,
    vendor: VendorId,
    user: &UserName,
    actor: &'a str,
) -> Event<'a> {
    let whose = (vendor != PLATFORM).then_some(vendor);
    let mut event = Event::done(action, whose, actor);
    event.details = if whose.is_some() {
        json!({ "user": user })
    } else {
        json!({ "operator": user })
    };
    event
}

/// Something that somebody did to the own account, or that was done to it in the own name.
pub fn own<'a>(action: Action, account: &Account, actor: &'a str) -> Event<'a> {
    let action = if account.is_operator() {
        action.operator
    } else {
        action.user
    };
    about(action, account.vendor, &account.name, actor)
}

/// The same with more to say.
pub fn with<'a>(mut event: Event<'a>, name: &str, value: impl Into<Value>) -> Event<'a> {
    event.details[name] = value.into();
    event
}
