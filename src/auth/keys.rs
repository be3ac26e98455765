//! API keys: how they look, how they are made, and the keyed digests they are known by.
//!
//! ```text
//! pk_ <id: 16 hex> <HMAC of the id: 48 hex>   <seal: 8 hex>   the public key, derived from its id
//! sk_ <id: 16 hex> <random: 64 hex>           <seal: 8 hex>   the private key
//! gho_<id: 16 hex> <random: 64 hex>           <seal: 8 hex>   an operator's token, a session, or a user's token
//! gwk_<id: 16 hex> <random: 64 hex>           <seal: 8 hex>   a worker's key, its password
//! gdk_             <random: 64 hex>           <seal: 8 hex>   a site's delete key
//! gct_<id: 16 hex> <generation: 8 hex> <expiry: 16 hex> <HMAC: 64 hex>   a claim token
//! ```
//! The seal is the beginning of a keyed digest: a text that this service did not make is refused without a look-up, so
//! that wrong keys cost nothing. The key of all digests lies in OpenBao; a copy of the database verifies nothing.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::types::{AccessKey, KeyId, Secret, VendorId, WebhookId};

const SEAL: usize = 8;
const ID: usize = 16;

/// A keyed digest, compared in constant time only.
#[derive(Clone, Copy)]
pub struct KeyedDigest([u8; 32]);

impl KeyedDigest {
    /// The bytes, for the database.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads a digest from the database.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Whether both are the same, in time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// As an index of a table in memory. A keyed digest cannot be steered by who sends the text.
    #[must_use]
    pub fn index(&self) -> [u8; 32] {
        self.0
    }
}

/// The service's own key in memory, and what is derived from it.
pub struct KeyRing {
    key: Zeroizing<Vec<u8>>,
}

impl KeyRing {
    /// The name of the key below `gatehouse-keys/`.
    pub const NAME: &'static str = "digest";

    /// From the stored form: 64 hexadecimal digits. `None` where it is another text.
    #[must_use]
    pub fn from_hex(text: &Secret) -> Option<Self> {
        let key = Zeroizing::new(hex::decode(text.expose()).ok()?);
        (key.len() == 32).then_some(Self { key })
    }

    pub(super) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return [0; 32];
        };
        mac.update(purpose.as_bytes());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The public key of a pair.
    #[must_use]
    pub fn public_key(&self, id: KeyId) -> Secret {
        let tag = self.mac("public-key", &[&id.0.to_be_bytes()]);
        self.sealed(
            "pk_",
            &format!("{}{}", hex_id(id.0), hex::encode(&tag[..24])),
        )
    }

    /// The id of the pair a public key belongs to: `None` unless this service made it. Needs no look-up.
    #[must_use]
    pub fn verify_public_key(&self, text: &str) -> Option<KeyId> {
        let id = KeyId(self.id_of("pk_", text, 48)?);
        let right = self.public_key(id);
        bool::from(right.expose().as_bytes().ct_eq(text.as_bytes())).then_some(id)
    }

    /// A new private key of a pair.
    #[must_use]
    pub fn new_private_key(&self, id: KeyId) -> Secret {
        self.sealed("sk_", &format!("{}{}", hex_id(id.0), random_hex()))
    }

    /// The id in a private key that this service made, or could have made.
    #[must_use]
    pub fn private_key_id(&self, text: &str) -> Option<KeyId> {
        self.id_of("sk_", text, 64).map(KeyId)
    }

    /// A new opaque access token: an operator's, a user's, or of a session.
    #[must_use]
    pub fn new_access_token(&self, id: i64) -> Secret {
        self.sealed("gho_", &format!("{}{}", hex_id(id), random_hex()))
    }

    /// The id in an opaque access token.
    #[must_use]
    pub fn access_token_id(&self, text: &str) -> Option<i64> {
        self.id_of("gho_", text, 64)
    }

    /// A new key of a worker.
    #[must_use]
    pub fn new_worker_key(&self, id: i64) -> Secret {
        self.sealed("gwk_", &format!("{}{}", hex_id(id), random_hex()))
    }

    /// The id in a worker's key.
    #[must_use]
    pub fn worker_key_id(&self, text: &str) -> Option<i64> {
        self.id_of("gwk_", text, 64)
    }

    /// A new delete key of a site.
    #[must_use]
    pub fn new_delete_key(&self) -> Secret {
        self.sealed("gdk_", &random_hex())
    }

    /// Whether a delete key is one that this service made, or could have made.
    #[must_use]
    pub fn verify_delete_key(&self, text: &str) -> bool {
        text.strip_prefix("gdk_")
            .is_some_and(|body| body.len() == 64 + SEAL && is_hex(body))
            && self.seal_holds(text)
    }

    /// What messages to a webhook are signed with: derived, so nothing of it is stored.
    #[must_use]
    pub fn webhook_secret(&self, id: WebhookId, generation: i32) -> [u8; 32] {
        let parts: [&[u8]; 2] = [&id.0.to_be_bytes(), &generation.to_be_bytes()];
        self.mac("webhook-secret", &parts)
    }

    /// What is mixed into the hashes of users' passwords.
    #[must_use]
    pub fn password_pepper(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.mac("password-pepper", &[]))
    }

    /// Proves that a replica of this service said something to another one.
    #[must_use]
    pub fn handover_tag(&self, said: &[u8]) -> KeyedDigest {
        KeyedDigest(self.mac("lockbox-handover-tag", &[said]))
    }

    /// What is sealed with between two replicas that agreed on a secret.
    #[must_use]
    pub fn handover_key(&self, shared: &[u8], context: &[u8]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.mac("lockbox-handover-key", &[shared, context]))
    }

    /// The digest a log-in name is counted under, whether there is such a user or not.
    #[must_use]
    pub fn name_digest(&self, vendor: VendorId, name: &str) -> KeyedDigest {
        KeyedDigest(self.mac("login-name", &[&vendor.0.to_be_bytes(), name.as_bytes()]))
    }

    /// What second factors are sealed with.
    #[must_use]
    pub fn totp_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.mac("totp-seal", &[]))
    }

    fn id_of(&self, prefix: &str, text: &str, rest: usize) -> Option<i64> {
        let body = text.strip_prefix(prefix)?;
        if body.len() != ID + rest + SEAL || !is_hex(body) || !self.seal_holds(text) {
            return None;
        }
        i64::from_str_radix(&body[..ID], 16).ok()
    }

    fn sealed(&self, prefix: &str, body: &str) -> Secret {
        let text = Zeroizing::new(format!("{prefix}{body}"));
        Secret::new(format!("{}{}", *text, self.seal(&text)))
    }

    fn seal(&self, text: &str) -> String {
        hex::encode(&self.mac("seal", &[text.as_bytes()])[..SEAL / 2])
    }

    fn seal_holds(&self, text: &str) -> bool {
        let (body, seal) = text.split_at(text.len() - SEAL);
        self.seal(body).as_bytes().ct_eq(seal.as_bytes()).into()
    }

    /// The digest a private key, an access token or a worker's key is known by.
    #[must_use]
    pub fn digest(&self, text: &str) -> KeyedDigest {
        KeyedDigest(self.mac("api-key", &[text.as_bytes()]))
    }

    /// The digest of the first of TrustedLogin's two headers: `sha256hex(private key)`.
    #[must_use]
    pub fn bearer_digest(&self, header: &str) -> KeyedDigest {
        KeyedDigest(self.mac("trustedlogin-bearer", &[header.as_bytes()]))
    }

    /// The digest of the second: `sha256hex(public key + private key)`.
    #[must_use]
    pub fn pair_digest(&self, header: &str) -> KeyedDigest {
        KeyedDigest(self.mac("trustedlogin-pair", &[header.as_bytes()]))
    }

    /// The digest a site's access key is found by, within its vendor.
    #[must_use]
    pub fn access_key_digest(&self, vendor: VendorId, key: &AccessKey) -> KeyedDigest {
        KeyedDigest(self.mac(
            "access-key",
            &[&vendor.0.to_be_bytes(), key.expose().as_bytes()],
        ))
    }

    /// The claim token of a key pair: an HMAC, so nothing of it is stored and the same one is made again.
    #[must_use]
    pub fn claim_token(&self, id: KeyId, generation: i32, expires: Timestamp) -> Secret {
        let body = format!(
            "{}{generation:08x}{:016x}",
            hex_id(id.0),
            expires.as_second()
        );
        let tag = self.mac("claim", &[body.as_bytes()]);
        Secret::new(format!("gct_{body}{}", hex::encode(tag)))
    }

    /// What a claim token says, if this service made it.
    #[must_use]
    pub fn verify_claim_token(&self, text: &str) -> Option<Claim> {
        let body = text
            .strip_prefix("gct_")
            .filter(|rest| rest.len() == 104 && is_hex(rest))?
            .get(..40)?;
        let key = KeyId(i64::from_str_radix(&body[..ID], 16).ok()?);
        let generation = i32::from_str_radix(&body[ID..24], 16).ok()?;
        let expires = Timestamp::from_second(i64::from_str_radix(&body[24..], 16).ok()?).ok()?;
        let right = self.claim_token(key, generation, expires);
        let same: bool = right.expose().as_bytes().ct_eq(text.as_bytes()).into();
        same.then_some(Claim {
            key,
            generation,
            expires,
        })
    }
}

/// What a claim token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The key pair to claim.
    pub key: KeyId,
    /// Its generation.
    pub generation: i32,
    /// After this it is dead.
    pub expires: Timestamp,
}

/// A fresh id of a key pair or an operator's token: random, so that ids tell nothing.
#[must_use]
pub fn new_id() -> i64 {
    rand::random_range(1..i64::MAX)
}

/// A fresh key of 32 bytes for the key engine, as hexadecimal digits.
#[must_use]
pub fn new_ring_key() -> Secret {
    Secret::new(random_hex())
}

/// Lower-case `sha256hex`, as TrustedLogin's clients send it.
#[must_use]
pub fn sha256_hex(parts: &[&str]) -> Secret {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    Secret::new(hex::encode(hash.finalize()))
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn hex_id(id: i64) -> String {
    format!("{id:016x}")
}

fn random_hex() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        KeyRing {
            key: Zeroizing::new(vec![7; 32]),
        }
    }

    #[test]
    fn only_own_public_keys_verify() {
        let ring = ring();
        let key = ring.public_key(KeyId(42));
        assert_eq!(ring.verify_public_key(key.expose()), Some(KeyId(42)));
        let other = KeyRing {
            key: Zeroizing::new(vec![8; 32]),
        };
        assert_eq!(other.verify_public_key(key.expose()), None);
        let mut text = key.expose().to_owned();
        text.replace_range(5..6, "1");
        assert_eq!(ring.verify_public_key(&text), None);
        for bad in [
            "",
            "pk_",
            "pk_é",
            &key.expose().to_uppercase(),
            &key.expose()[..70],
        ] {
            assert_eq!(ring.verify_public_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_of_somebody_else_are_told_by_their_seal() {
        let (ring, other) = (
            ring(),
            KeyRing {
                key: Zeroizing::new(vec![8; 32]),
            },
        );
        let key = ring.new_private_key(KeyId(7));
        assert_eq!(ring.private_key_id(key.expose()), Some(KeyId(7)));
        assert_eq!(other.private_key_id(key.expose()), None);
        assert_eq!(ring.access_token_id(key.expose()), None);
        let token = ring.new_access_token(9);
        assert_eq!(
            (
                ring.access_token_id(token.expose()),
                other.access_token_id(token.expose())
            ),
            (Some(9), None)
        );
        let delete = ring.new_delete_key();
        assert!(
            ring.verify_delete_key(delete.expose()) && !other.verify_delete_key(delete.expose())
        );
        for bad in ["", "sk_", "gdk_", "gho_é", &key.expose()[..40]] {
            assert!(
                ring.private_key_id(bad).is_none() && !ring.verify_delete_key(bad),
                "{bad}"
            );
        }
    }

    #[test]
    fn claim_tokens_are_the_same_again_and_not_forged() {
        let ring = ring();
        let at = Timestamp::from_second(1_800_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        let token = ring.claim_token(KeyId(9), 1, at);
        assert_eq!(token.expose(), ring.claim_token(KeyId(9), 1, at).expose());
        assert_eq!(
            ring.verify_claim_token(token.expose()),
            Some(Claim {
                key: KeyId(9),
                generation: 1,
                expires: at
            })
        );
        let forged = token
            .expose()
            .replacen("0000000000000009", "0000000000000008", 1);
        assert_eq!(ring.verify_claim_token(&forged), None);
    }
}
