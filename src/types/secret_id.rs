//! What names a site and what finds it.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Secret;

/// A site's name in its vendor's store: `[a-z0-9_-]{16,128}`.
///
/// Lower case only, as OpenBao folds the case of entity aliases. The type is what makes the client library's path
/// traps impossible: no slash, dot, tab or percent sign can be in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(pattern = "^[a-z0-9_-]{16,128}$")]
pub struct SecretId(String);

/// A text that is no secret id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 to 128 characters of a-z, 0-9, _ and -")]
pub struct SecretIdError;

impl SecretId {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// Where the text breaks it.
    pub fn parse(text: &str) -> Result<Self, SecretIdError> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (16..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SecretIdError)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SecretId {
    type Error = SecretIdError;
    fn try_from(text: String) -> Result<Self, SecretIdError> {
        Self::parse(&text)
    }
}

impl From<SecretId> for String {
    fn from(id: SecretId) -> Self {
        id.0
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the support team types in to find a site: `[A-Za-z0-9_-]{16,128}`. Kept as a keyed digest only.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{16,128}$")]
pub struct AccessKey(Secret);

/// A text that is no access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 to 128 characters of A-Z, a-z, 0-9, _ and -")]
pub struct AccessKeyError;

impl AccessKey {
    /// The text itself, to be digested or sent back to the caller who gave it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl TryFrom<String> for AccessKey {
    type Error = AccessKeyError;
    fn try_from(text: String) -> Result<Self, AccessKeyError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (16..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(Secret::new(text)))
        } else {
            Err(AccessKeyError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_traps_are_no_secret_ids() {
        assert!(SecretId::parse("0123456789abcdef").is_ok());
        assert!(SecretId::parse(&"a".repeat(128)).is_ok());
        for bad in [
            "",
            "short",
            "\t../other-store/s1",
            "\n../other-store/s1",
            "../../other-store/s1",
            "%2e%2e/other-store/s",
            "a\\..\\..\\bcdefghijkl",
            "/abs/abcdefghijklm",
            "ABCDEFGHIJKLMNOPQ",
            "0123456789abcdé",
            "0123456789abcdef\0",
            "0123456789abcdef ",
            "metadata/0123456789",
        ] {
            assert_eq!(SecretId::parse(bad), Err(SecretIdError), "{bad:?}");
        }
        assert!(SecretId::parse(&"a".repeat(129)).is_err());
    }
}
