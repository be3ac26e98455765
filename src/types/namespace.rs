//! The name of a vendor in paths, policies and mounts.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Names nobody may take: what OpenBao, the plugins or this service use themselves.
const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "audit",
    "broker",
    "client",
    "cubbyhole",
    "default",
    "gatehouse",
    "health",
    "identity",
    "internal",
    "metrics",
    "response-wrapping",
    "secret",
    "support",
    "system",
    "token",
    "transit",
    "trusted-login",
    "trustedlogin",
    "undefined",
    "vendor",
    "wordpress",
];

/// Endings that would make one vendor's mount or policy look like another's.
const RESERVED_ENDINGS: &[&str] = &[
    "-store",
    "-policy",
    "-read",
    "-write",
    "-delete",
    "-credentials",
];

/// A vendor's namespace: `[a-z0-9](-?[a-z0-9])*`, 5 to 96 characters, not reserved.
///
/// OpenBao folds the case of policy names and accepts almost any text as a mount, so this grammar is what keeps one
/// vendor's paths apart from another's. Mount names and policy texts are built from this type only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(pattern = "^[a-z0-9](-?[a-z0-9])*$", min_length = 5, max_length = 96)]
pub struct Namespace(String);

/// Why a text is no namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// Shorter than 5 or longer than 96 characters.
    #[error("must have 5 to 96 characters")]
    Length,
    /// Other characters than the grammar's.
    #[error("must be lower-case letters and digits, with single hyphens between them")]
    Grammar,
    /// A reserved name or ending.
    #[error("is reserved")]
    Reserved,
}

impl Namespace {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NamespaceError> {
        if !(5..=96).contains(&text.len()) {
            return Err(NamespaceError::Length);
        }
        let word = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        if !text.split('-').all(word) {
            return Err(NamespaceError::Grammar);
        }
        if RESERVED.contains(&text) || RESERVED_ENDINGS.iter().any(|ending| text.ends_with(ending))
        {
            return Err(NamespaceError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// A namespace made from a product name, where one can be: `GravityView` gives `gravityview`.
    #[must_use]
    pub fn suggest(name: &str) -> Option<Self> {
        let mut text = String::new();
        for c in name.chars() {
            if c.is_ascii_alphanumeric() {
                text.push(c.to_ascii_lowercase());
            } else if !text.ends_with('-') && !text.is_empty() {
                text.push('-');
            }
        }
        text.truncate(90);
        let text = text.trim_matches('-');
        Self::parse(text)
            .or_else(|_| Self::parse(&format!("{text}-plugin")))
            .ok()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The vendor's key store: the mount `<namespace>-store`.
    #[must_use]
    pub fn store(&self) -> String {
        format!("{}-store", self.0)
    }

    /// The vendor's credentials: the mount `<namespace>-credentials/secret`, as the workers' readers expect it.
    #[must_use]
    pub fn credentials(&self) -> String {
        format!("{}-credentials/secret", self.0)
    }
}

impl TryFrom<String> for Namespace {
    type Error = NamespaceError;
    fn try_from(text: String) -> Result<Self, NamespaceError> {
        Self::parse(&text)
    }
}

impl From<Namespace> for String {
    fn from(namespace: Namespace) -> Self {
        namespace.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_is_the_documented_one() {
        for good in [
            "gravityview",
            "a-b-c",
            "12345",
            &"a".repeat(96),
            "acme-plugin-2",
        ] {
            assert!(Namespace::parse(good).is_ok(), "{good}");
        }
        let bad = [
            "",
            "abcd",
            "Acme1",
            "acme1-",
            "-acme1",
            "ac--me1",
            "../sys",
            "acme/x",
            "acme+",
            "acme*",
            "a\tcme1",
            "acmé1",
            "acme\" { capabilities=[\"sudo\"] } path \"",
            "{{identity.entity.id}}",
            "аcme1",
            "acme1\0",
            "xn--80ak6aa92e",
            "admin",
            "trusted-login",
            "acme-store",
            "acme-read-policy",
            "acme-write",
            "acme-credentials",
        ];
        for bad in bad {
            assert!(Namespace::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Namespace::parse(&"a".repeat(97)).is_err());
    }

    #[test]
    fn suggestion_follows_the_name() {
        assert_eq!(
            Namespace::suggest("GravityView")
                .map(String::from)
                .as_deref(),
            Some("gravityview")
        );
        assert_eq!(
            Namespace::suggest("  My Plug-in! ")
                .map(String::from)
                .as_deref(),
            Some("my-plug-in")
        );
        assert_eq!(
            Namespace::suggest("Admin").map(String::from).as_deref(),
            Some("admin-plugin")
        );
        assert_eq!(Namespace::suggest("日本"), None);
    }
}
