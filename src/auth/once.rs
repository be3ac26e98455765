//! What the service's key makes of idempotency keys.

use super::KeyRing;

impl KeyRing {
    /// A digest, or a key to seal with, of what a request with an idempotency key is known by; each purpose its own.
    #[must_use]
    pub fn once(&self, purpose: &'static str, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(purpose, parts)
    }
}
