//! What a lockbox's password must be.

use crate::app::App;
use crate::auth::Administrator;
use crate::error::Result;
use crate::types::Secret;
use crate::users::accounts::rules::Rules;

/// Characters of a strong one.
const LEAST: usize = 15;

/// Checks a new password of the service's own API: strong, unless strength is waived.
///
/// # Errors
/// 422 with the field and the rule.
pub fn check_own(
    app: &App,
    field: &'static str,
    password: &Secret,
    by: &Administrator,
) -> Result<()> {
    check_new(field, password, by, !app.config.users.strength_waived)
}

/// Checks a new password. Where it need not be strong, only that it can be used at all.
///
/// # Errors
/// 422 with the field and the rule.
pub fn check_new(
    field: &'static str,
    password: &Secret,
    by: &Administrator,
    strong: bool,
) -> Result<()> {
    let user = &by.0;
    let rules = Rules {
        field,
        known_words: vec![
            user.account.name.to_string(),
            user.vendor.namespace.to_string(),
            "gatehouse".to_owned(),
        ],
        least_chars: if strong { LEAST } else { 1 },
        strong,
    };
    rules.check(password)
}

/// Checks that a text may be a password at all.
///
/// # Errors
/// 422 with the field and the rule.
pub fn check_form(field: &'static str, password: &Secret, by: &Administrator) -> Result<()> {
    check_new(field, password, by, false)
}
