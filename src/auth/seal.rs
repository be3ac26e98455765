//! Sealing small secrets that lie in the database: AES-256-GCM-SIV, which forgives a nonce that came twice.
//!
//! ```text
//! 01 <nonce: 12 bytes> <ciphertext> <tag: 16 bytes>
//! ```

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;

/// What a sealed text belongs to: each part with its length before it, so that no two contexts look alike.
#[derive(Default)]
pub struct Context(Vec<u8>);

impl Context {
    /// For one purpose; no other one shares its texts.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        Self::default().with(purpose.as_bytes())
    }

    /// And for this.
    #[must_use]
    pub fn with(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// And for this number.
    #[must_use]
    pub fn and(self, number: i64) -> Self {
        self.with(&number.to_be_bytes())
    }

    /// All of it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM_SIV, key)
        .ok()
        .map(LessSafeKey::new)
}

/// Seals a text. `None` where the library fails.
#[must_use]
pub fn seal(key: &[u8; 32], context: &Context, plain: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE] = rand::random();
    let mut text = Zeroizing::new(plain.to_vec());
    let aad = Aad::from(context.as_bytes());
    let tag = cipher(key)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text)
        .ok()?;
    let mut sealed = Vec::with_capacity(1 + NONCE + text.len() + TAG);
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&text);
    sealed.extend_from_slice(tag.as_ref());
    Some(sealed)
}

/// Opens a sealed text; `None` where it was not sealed with this key and context, or was changed since.
#[must_use]
pub fn open(key: &[u8; 32], context: &Context, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (format, rest) = sealed.split_first()?;
    let (nonce, body) = rest.split_at_checked(NONCE)?;
    if *format != FORMAT {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut body = Zeroizing::new(body.to_vec());
    let aad = Aad::from(context.as_bytes());
    let length = cipher(key)?
        .open_in_place(nonce, aad, &mut body)
        .ok()?
        .len();
    body.truncate(length);
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_context_open_it_unchanged() {
        let (key, context) = ([7; 32], Context::new("test").with(b"a").and(1));
        let sealed = seal(&key, &context, b"hunter2").unwrap_or_default();
        let opened = open(&key, &context, &sealed);
        assert_eq!(opened.as_deref().map(Vec::as_slice), Some(&b"hunter2"[..]));
        assert!(open(&[8; 32], &context, &sealed).is_none());
        for other in [
            Context::new("test").with(b"a").and(2),
            Context::new("test").with(b"b").and(1),
            Context::new("tesu").with(b"a").and(1),
            Context::new("test").with(b"a"),
        ] {
            assert!(open(&key, &other, &sealed).is_none());
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key, &context, &changed).is_none(), "byte {at}");
            assert!(open(&key, &context, &sealed[..at]).is_none(), "cut at {at}");
        }
        let again = seal(&key, &context, b"hunter2").unwrap_or_default();
        assert_ne!(again, sealed, "a nonce of its own");
        assert!(
            open(
                &key,
                &context,
                &seal(&key, &context, b"").unwrap_or_default()
            )
            .is_some()
        );
    }

    #[test]
    fn parts_of_a_context_do_not_run_together() {
        let (one, other) = (
            Context::new("t").with(b"ab").with(b"c"),
            Context::new("t").with(b"a").with(b"bc"),
        );
        assert_ne!(one.as_bytes(), other.as_bytes());
    }
}
