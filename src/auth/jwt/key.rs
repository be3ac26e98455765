//! Public keys, as JWKs say them (RFC 7517, 7518, 8037).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::Algorithm;
use crate::types::SignatureKey;

/// Of the modulus of an RSA key, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const LONGEST_KID: usize = 256;
/// Members that only a private key has.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// Why a JWK is no key to verify with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not of one of the three algorithms.
    #[error("is of no supported kind: Ed25519, P-256 or RSA")]
    Unsupported,
    /// Its own `use`, `key_ops` or `alg` says so.
    #[error("says that it is not for verifying signatures of its kind")]
    OtherUse,
    /// A private key, or a secret.
    #[error("holds private parts, which must not leave their owner")]
    Private,
    /// Too short, or of small order: others could sign with it.
    #[error("is too weak: RSA has 2048 to 8192 bits, Ed25519 no key of small order")]
    Weak,
    /// Its numbers are missing or malformed.
    #[error("is malformed")]
    Malformed,
}

/// A key that signatures are verified with, in one way only.
#[derive(Clone)]
pub struct PublicKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl PublicKey {
    /// Reads a JWK. Members that are not known are passed over.
    ///
    /// # Errors
    /// Why it is none.
    pub fn of_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyFault> {
        if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
            return Err(KeyFault::Private);
        }
        let member = |name: &str| match jwk.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(KeyFault::Malformed),
        };
        let needed = |name: &str| member(name)?.ok_or(KeyFault::Malformed);
        let (algorithm, key) = match (needed("kty")?, member("crv")?) {
            ("RSA", _) => (Algorithm::Rs256, rsa(needed("n")?, needed("e")?)?),
            ("EC", Some("P-256")) => (Algorithm::Es256, p256(needed("x")?, needed("y")?)?),
            ("OKP", Some("Ed25519")) => (Algorithm::EdDsa, ed25519(needed("x")?)?),
            _ => return Err(KeyFault::Unsupported),
        };
        let verifies = match jwk.get("key_ops") {
            None => true,
            Some(Value::Array(all)) => all.iter().any(|one| one == "verify"),
            Some(_) => false,
        };
        let right_alg = member("alg")?.is_none_or(|alg| alg == algorithm.name());
        let signs = member("use")?.is_none_or(|used| used == "sig");
        if !(verifies && right_alg && signs) {
            return Err(KeyFault::OtherUse);
        }
        let kid = member("kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_KID) {
            return Err(KeyFault::Malformed);
        }
        Ok(Self {
            kid,
            algorithm,
            key,
        })
    }

    /// Its name in its set.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What it verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether it made this signature (in base64url) over this text.
    #[must_use]
    pub fn has_signed(&self, message: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.jose();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm)
            .unwrap_or(false)
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, KeyFault> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| KeyFault::Malformed)
}

fn rsa(n: &str, e: &str) -> Result<DecodingKey, KeyFault> {
    let (n, e) = (bytes(n)?, bytes(e)?);
    // Some write a zero before the number.
    let n = n.strip_prefix(&[0]).unwrap_or(&n);
    let first = n.first().ok_or(KeyFault::Malformed)?;
    let bits = n.len() * 8 - first.leading_zeros() as usize;
    let small = e.len() <= 4 && e.last().is_some_and(|last| last % 2 == 1);
    let one = e.iter().rev().skip(1).all(|byte| *byte == 0) && e.last() == Some(&1);
    if !RSA_BITS.contains(&bits) || n.last().is_some_and(|last| last % 2 == 0) || one {
        return Err(KeyFault::Weak);
    }
    if !small {
        return Err(KeyFault::Malformed);
    }
    Ok(DecodingKey::from_rsa_raw_components(n, &e))
}

fn p256(x: &str, y: &str) -> Result<DecodingKey, KeyFault> {
    if bytes(x)?.len() != 32 || bytes(y)?.len() != 32 {
        return Err(KeyFault::Malformed);
    }
    // Whether the point is on the curve is looked at with each signature.
    DecodingKey::from_ec_components(x, y).map_err(|_| KeyFault::Malformed)
}

fn ed25519(x: &str) -> Result<DecodingKey, KeyFault> {
    let key = bytes(x)?;
    if key.len() != 32 {
        return Err(KeyFault::Malformed);
    }
    // To a key of small order nearly anything is a signature.
    SignatureKey::parse(&hex::encode(&key)).ok_or(KeyFault::Weak)?;
    Ok(DecodingKey::from_ed_der(&key))
}
