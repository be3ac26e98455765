//! What a new password must be. It is used byte for byte: nothing is normalised, trimmed or cut.

use zxcvbn::{Score, zxcvbn};

use crate::error::{Error, Result};
use crate::types::Secret;

const MOST_BYTES: usize = 1024;

/// So many characters are looked at for strength: the work grows much faster than the length.
const LOOKED_AT: usize = 64;

/// What a password is measured against.
#[derive(Clone)]
pub struct Rules {
    /// The field of the body that errors name.
    pub field: &'static str,
    /// Words that are no secret: names of the user and the vendor.
    pub known_words: Vec<String>,
    /// How many characters it has at least.
    pub least_chars: usize,
    /// Whether it must be hard to guess.
    pub strong: bool,
}

impl Rules {
    /// Measures a password. Takes milliseconds: not to be called on a request's thread.
    ///
    /// # Errors
    /// 422 with the field and the rule.
    pub fn check(&self, password: &Secret) -> Result<()> {
        let text = password.expose();
        let least = self.least_chars;
        let broken = |rule: String| Err(Error::field(self.field, rule));
        if text.len() > MOST_BYTES {
            return broken(format!("must be at most {MOST_BYTES} bytes"));
        }
        if text.chars().count() < least {
            return broken(format!("must be at least {least} characters"));
        }
        if text.contains('\0') {
            return broken("must not contain a NUL".to_owned());
        }
        if !self.strong {
            return Ok(());
        }
        let end = text.char_indices().nth(LOOKED_AT).map(|(at, _)| at);
        let head = end.and_then(|end| text.get(..end)).unwrap_or(text);
        let words: Vec<&str> = self.known_words.iter().map(String::as_str).collect();
        if zxcvbn(head, &words).score() < Score::Four {
            return broken(
                "is too easy to guess (zxcvbn score below 4): take a longer one, or some random words"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// A password made by the service: 24 random letters and digits, none of them easily taken for another.
#[must_use]
pub fn made() -> Secret {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let one = |_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    Secret::new((0..24).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::sha256_hex;

    fn said(password: &str, strong: bool) -> Option<String> {
        let rules = Rules {
            field: "password",
            known_words: vec!["annabelle".to_owned(), "acme-media".to_owned()],
            least_chars: if strong { 12 } else { 4 },
            strong,
        };
        let refused = rules.check(&Secret::new(password.to_owned())).err()?;
        refused.field_errors().first().map(|e| e.detail.clone())
    }

    #[test]
    fn weak_passwords_are_refused() {
        for bad in [
            "",
            "foobaz",
            "short-pwd-1",
            "Password1234",
            "trustedlogin1",
            "annabelle-acme-media",
            "aaaaaaaaaaaaaaaa",
            "qwertyuiop1234",
            "correct\0horse battery staple",
            &["a".repeat(64).as_str(), "correct horse battery staple"].concat(),
            &["ü".repeat(64).as_str(), "correct horse battery staple"].concat(),
            &"x9 K".repeat(257),
        ] {
            assert!(said(bad, true).is_some(), "{bad}");
        }
        for good in [
            "correct horse battery staple",
            " leading and trailing kept ",
            "grün-🦊-Wolkenbruch-Pfau",
            sha256_hex(&["a"]).expose(),
            &[sha256_hex(&["a"]).expose(), sha256_hex(&["b"]).expose()].concat(),
        ] {
            assert_eq!(said(good, true), None, "{good}");
        }
        assert_eq!(said(made().expose(), true), None);
    }

    #[test]
    fn waived_is_the_strength_and_nothing_else() {
        assert_eq!(said("foobaz", false), None);
        for bad in ["foo", "foo\0baz", &"x".repeat(1025)] {
            assert!(said(bad, false).is_some(), "{bad}");
        }
    }
}
