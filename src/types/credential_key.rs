//! What names a credential, and what a worker may read.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A credential's number: small, as readers of the worker contract keep it in 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(transparent)]
pub struct CredentialId(pub i32);

/// A credential's name, unique within its vendor: `[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}`.
///
/// The type is what keeps paths of OpenBao safe: no slash, space, percent sign or leading dot can be in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(pattern = "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$")]
pub struct CredentialKey(String);

/// A text that is no key of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 characters of A-Z, a-z, 0-9, _, - and, not as the first, .")]
pub struct CredentialKeyError;

impl CredentialKey {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// Where the text breaks it.
    pub fn parse(text: &str) -> Result<Self, CredentialKeyError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(allowed);
        if fits && !text.starts_with('.') {
            Ok(Self(text.to_owned()))
        } else {
            Err(CredentialKeyError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CredentialKey {
    type Error = CredentialKeyError;
    fn try_from(text: String) -> Result<Self, CredentialKeyError> {
        Self::parse(&text)
    }
}

impl From<CredentialKey> for String {
    fn from(key: CredentialKey) -> Self {
        key.0
    }
}

impl fmt::Display for CredentialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which credentials a worker may read: one key, all that begin with a text (`render-*`), or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPattern(String);

/// A text that is no pattern of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a key, the beginning of keys followed by *, or * alone")]
pub struct KeyPatternError;

impl KeyPattern {
    /// Whether a credential of this key is among them. OpenBao decides the same by the worker's policy.
    #[must_use]
    pub fn covers(&self, key: &CredentialKey) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => key.as_str().starts_with(beginning),
            None => key.as_str() == self.0,
        }
    }

    /// The text, as it ends a path of a policy.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyPattern {
    type Error = KeyPatternError;
    fn try_from(text: String) -> Result<Self, KeyPatternError> {
        let beginning = text.strip_suffix('*').unwrap_or(&text);
        let is_all = text == "*";
        if is_all || CredentialKey::parse(beginning).is_ok() {
            Ok(Self(text))
        } else {
            Err(KeyPatternError)
        }
    }
}

impl From<KeyPattern> for String {
    fn from(pattern: KeyPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_traps_are_no_keys() {
        for good in ["a", "AZ-_.09", "a..b", "-", "_", &"k".repeat(128)] {
            assert!(CredentialKey::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".a",
            "a/b",
            "a b",
            "a%2fb",
            "é",
            "a\t..",
            "a*",
            "a+",
            &"k".repeat(129),
        ] {
            assert!(CredentialKey::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn patterns_cover_keys_and_beginnings() {
        let covers = |pattern: &str, key: &str| {
            let pattern = KeyPattern::try_from(pattern.to_owned());
            let key = CredentialKey::parse(key);
            pattern
                .ok()
                .zip(key.ok())
                .map(|(pattern, key)| pattern.covers(&key))
        };
        assert_eq!(covers("ftp-1", "ftp-1"), Some(true));
        assert_eq!(covers("ftp-1", "ftp-12"), Some(false));
        assert_eq!(covers("ftp-*", "ftp-12"), Some(true));
        assert_eq!(covers("ftp-*", "FTP-12"), Some(false));
        assert_eq!(covers("*", "any"), Some(true));
        for bad in ["", "**", "a*b", "+", "a/*", ".*", "a*\" {}"] {
            assert!(KeyPattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
