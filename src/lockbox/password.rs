//! What a new password of a lockbox must be.

use crate::app::App;
use crate::auth::Administrator;
use crate::error::{Error, Result};
use crate::types::Secret;

/// Checks a new password against our own rule.
///
/// # Errors
/// 422 with the field and the rule.
pub fn check_new(
    _app: &App,
    _by: &Administrator,
    field: &'static str,
    password: &Secret,
) -> Result<()> {
    if password.expose().chars().count() < 15 {
        return Err(Error::field(field, "must be at least 15 characters"));
    }
    Ok(())
}
