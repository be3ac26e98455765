//! Names that go into paths. What breaks its grammar is never sent, so no name can leave its place in a path.

use std::fmt::Write as _;

use crate::error::{Error, Result};

/// A checked name: no slash, percent sign, tab or leading dot is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathPart<'a>(&'a str);

impl<'a> PathPart<'a> {
    /// The key of a credential: `[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}`.
    pub(crate) fn credential_key(text: &'a str) -> Result<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let first = text.bytes().next().is_some_and(plain);
        let rest = text.bytes().skip(1).all(|b| plain(b) || b == b'.');
        if first && rest && text.len() <= 128 {
            Ok(Self(text))
        } else {
            Err(Error::InvalidArgument(
                "a credential's key is 1 to 128 of A-Z, a-z, 0-9, _, - and, after the first, the dot".to_owned(),
            ))
        }
    }

    /// The id of a site: `[a-z0-9_-]{16,128}`.
    pub(crate) fn secret_id(text: &'a str) -> Result<Self> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (16..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(Error::InvalidArgument(
                "a secret id is 16 to 128 of a-z, 0-9, _ and -".to_owned(),
            ))
        }
    }

    pub(crate) fn as_str(&self) -> &'a str {
        self.0
    }
}

/// A text as the value of a query parameter.
pub(crate) fn query_value(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::{PathPart, query_value};

    #[test]
    fn keys_of_the_grammar_pass() {
        for key in ["a", "_", "-x", "ftp.main-1", &"k".repeat(128)] {
            assert!(PathPart::credential_key(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn path_traps_are_no_keys() {
        let traps = [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "a\\b",
            "a%2fb",
            "a\t..",
            "a b",
            "a?x=1",
            "a#x",
            "ключ",
            "a\n",
            &"k".repeat(129),
        ];
        for key in traps {
            assert!(PathPart::credential_key(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn secret_ids_are_lower_case_and_long_enough() {
        assert!(PathPart::secret_id("0123456789abcdef").is_ok());
        for id in ["0123456789abcde", "0123456789ABCDEF", "0123456789abcde/"] {
            assert!(PathPart::secret_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn query_values_are_escaped() {
        assert_eq!(query_value("a b&c=d/ü"), "a%20b%26c%3Dd%2F%C3%BC");
    }
}
