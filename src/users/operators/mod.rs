//! Operators as people: they log in with a password and a second factor, and act by sessions. They are made, suspended
//! and removed at the command line ([`manage`]), which works on the database as the first operator has nobody to ask.
//!
//! An operator's account is of the same kind as a user's ([`super::accounts`]): what proves it, and what its owner does
//! with it, is written there once. A session with a temporary password, or before there is a second factor, is good for
//! changing that and for nothing else. Sessions are read from the database with each request: their end counts at once.

pub mod http;
pub mod log_in;
pub mod manage;
pub mod store;

use super::accounts::rules::Rules;

/// What a password of an operator must be: 15 characters at least, and hard to guess everywhere.
#[must_use]
pub fn rules(name: &str, field: &'static str) -> Rules {
    Rules {
        field,
        known_words: vec![
            name.to_owned(),
            "gatehouse".to_owned(),
            "operator".to_owned(),
            "openbao".to_owned(),
        ],
        least_chars: 15,
        strong: true,
    }
}
