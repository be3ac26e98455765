//! Names of users and of their groups.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Namespace, TextError, WorkerId};

/// Names a user: random, and never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub i64);

/// The name of a user within its vendor: 1 to 64 lower-case letters, digits, `.`, `_` and `-`, the first one a letter
/// or digit. Never one that a worker could have.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
pub struct UserName(String);

impl UserName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = TextError;
    fn try_from(text: String) -> Result<Self, TextError> {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let has_grammar = (1..=64).contains(&text.len())
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|b| is_word(b) || b"._-".contains(&b));
        if !has_grammar {
            return Err(TextError(
                "must be 1 to 64 lower-case letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
            ));
        }
        if WorkerId::parse(&text).is_some() {
            return Err(TextError("is a name of a worker"));
        }
        Ok(Self(text))
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user logs in with: `name@namespace`, or a bare name, whose vendor follows from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserLogin {
    /// Of the user.
    pub name: UserName,
    /// Of the vendor, where it was said.
    pub namespace: Option<Namespace>,
}

impl UserLogin {
    /// Reads a log-in name; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, namespace) = match text.split_once('@') {
            Some((name, namespace)) => (name, Some(Namespace::parse(namespace).ok()?)),
            None => (text, None),
        };
        let name = UserName::try_from(name.to_owned()).ok()?;
        Some(Self { name, namespace })
    }
}

impl fmt::Display for UserLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{}@{namespace}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// Names a session or an access token of a user: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub i64);

impl SessionId {
    /// Reads an id; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let plain = text.len() == 16 && text.bytes().all(lower);
        plain.then(|| i64::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The name of a group of users: 1 to 64 characters, none of them a control character, no blanks around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(min_length = 1, max_length = 64)]
pub struct GroupName(String);

impl GroupName {
    /// The group whose members manage users and lock the lockbox; built in.
    pub const ADMINISTRATORS: &str = "Administrators";

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GroupName {
    type Error = TextError;
    fn try_from(text: String) -> Result<Self, TextError> {
        let fits = (1..=64).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text))
        } else {
            Err(TextError(
                "must be 1 to 64 characters without control characters and without blanks around them",
            ))
        }
    }
}

impl From<GroupName> for String {
    fn from(name: GroupName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_in_names_are_read_back_or_refused() {
        let named = UserLogin::parse("admin@demo-vendor");
        assert_eq!(named.as_ref().map(|l| l.name.as_str()), Some("admin"));
        let namespace = named.and_then(|l| l.namespace);
        assert_eq!(
            namespace.as_ref().map(Namespace::as_str),
            Some("demo-vendor")
        );
        let bare = UserLogin::parse("ann.b_c-9");
        assert_eq!(bare.map(|l| l.namespace), Some(None));
        for bad in [
            "",
            "@demo-vendor",
            "admin@",
            "admin@x@y",
            "Admin",
            "admin ",
            " admin",
            "-admin",
            "w00000000000000ff",
            "ädmin",
            &"a".repeat(65),
        ] {
            assert_eq!(UserLogin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn groups_are_texts_without_tricks() {
        let parse = |text: &str| GroupName::try_from(text.to_owned()).is_ok();
        assert!(parse("Administrators") && parse("Zweite Schicht"));
        for bad in ["", " a", "a ", "a\nb", "a\u{0}", &"a".repeat(65)] {
            assert!(!parse(bad), "{bad}");
        }
    }
}
