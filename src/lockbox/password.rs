//! What a lockbox's password must be.

use zxcvbn::{Score, zxcvbn};

use crate::auth::Administrator;
use crate::error::{Error, Result};
use crate::types::Secret;

const SHORTEST: usize = 15;
const LONGEST_BYTES: usize = 1024;

/// Checks a new password. Where it need not be strong, only that it can be used at all.
///
/// # Errors
/// [`Error::InvalidField`] on the field it was given in.
pub fn check_new(
    field: &'static str,
    password: &Secret,
    by: &Administrator,
    strong: bool,
) -> Result<()> {
    check_form(field, password)?;
    if strong && !is_strong(password, by) {
        return Err(Error::field(
            field,
            "must be at least 15 characters that are hard to guess: four or five random words, or random characters",
        ));
    }
    Ok(())
}

/// Checks that a text may be a password at all.
///
/// # Errors
/// [`Error::InvalidField`] on the field it was given in.
pub fn check_form(field: &'static str, password: &Secret) -> Result<()> {
    let text = password.expose();
    if (1..=LONGEST_BYTES).contains(&text.len()) && !text.contains('\0') {
        Ok(())
    } else {
        let rule = "must be 1 to 1,024 bytes in UTF-8 without the character U+0000";
        Err(Error::field(field, rule))
    }
}

fn is_strong(password: &Secret, by: &Administrator) -> bool {
    let text = password.expose();
    let user = &by.0;
    let known = [
        user.account.name.as_str(),
        user.vendor.namespace.as_str(),
        "gatehouse",
    ];
    text.chars().count() >= SHORTEST && zxcvbn(text, &known).score() == Score::Four
}
