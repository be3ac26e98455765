//! The token in each form: it shows that the form was ours, and made for this session.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::auth::{KeyRing, KeyedDigest};
use crate::types::Secret;

/// The name of the form's field.
pub const FIELD: &str = "csrf";
/// The header of requests that a script makes.
pub const HEADER: &str = "x-csrf-token";

/// A keyed digest of what the cookie holds. No other digest is of a text with a line break in it.
fn digest(ring: &KeyRing, cookie: &Secret) -> KeyedDigest {
    let bound = Secret::new(format!("console form\n{}", cookie.expose()));
    ring.digest(bound.expose())
}

/// The token for forms of whoever holds this cookie.
#[must_use]
pub fn token(ring: &KeyRing, cookie: &Secret) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(ring, cookie).as_bytes())
}

/// Whether a token is that one, found out in the same time wherever it differs.
#[must_use]
pub fn is_right(ring: &KeyRing, cookie: &Secret, shown: &str) -> bool {
    let shown = BASE64_URL_SAFE_NO_PAD.decode(shown).ok();
    let shown = shown.and_then(|bytes| KeyedDigest::from_bytes(&bytes));
    shown.is_some_and(|shown| digest(ring, cookie).matches(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_cookie_only() {
        let Some(ring) = KeyRing::from_hex(&crate::auth::new_ring_key()) else {
            panic!("a new key is one");
        };
        let (one, other) = (Secret::new("one".into()), Secret::new("other".into()));
        let made = token(&ring, &one);
        assert!(is_right(&ring, &one, &made));
        assert!(!is_right(&ring, &other, &made));
        for bad in ["", "AAAA", &made[1..], &format!("{made}A"), "not base 64!"] {
            assert!(!is_right(&ring, &one, bad), "{bad}");
        }
    }
}
