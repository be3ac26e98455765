//! A vendor's Connector: where it answers, and whether it signed a nonce.
//!
//! Whoever asks for an envelope has the vendor's keys, and shows besides that it is the Connector at the address that
//! the vendor registered: it signs random bytes, and the key of that signature is fetched from there ([`Keys`]). Each
//! nonce is good once, on all replicas: its digest is added in the transaction of what it is shown for.
//!
//! # Quirks
//! A nonce holds no time. One that was spent is known for 30 days; after that it would be good once more, as long as the
//! Connector keeps its key.

mod fetch;
pub mod http;
mod keys;
mod register;
pub mod store;

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::{Error, Result};
use crate::types::SignatureKey;
use crate::vendors::Vendor;

pub use keys::Keys;
pub use register::register;

const SIGNATURE: usize = 64;
const NONCE_SHORTEST: usize = 16;
const NONCE_LONGEST: usize = 1024;

/// What PHP's `base64_decode` reads: padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a nonce is known by once it was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceDigest([u8; 32]);

impl NonceDigest {
    fn of(nonce: &[u8]) -> Self {
        Self(Sha256::digest(nonce).into())
    }

    /// The bytes, for the database.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The key that the vendor's Connector signs with now.
///
/// # Errors
/// [`Error::ConnectorKeyUnavailable`] where it cannot be had, or trouble with the database.
pub async fn signature_key(app: &Arc<App>, vendor: &Arc<Vendor>) -> Result<SignatureKey> {
    keys::get(app, vendor, None).await
}

/// Whether the vendor's Connector signed the nonce, both in base64. Spend its digest ([`store::spend`]) in the
/// transaction of what it is shown for. A Connector that was installed anew has another key: where the known one does
/// not verify, it is fetched once more.
///
/// # Errors
/// [`Error::NonceRefused`] where it did not, or they are of another form; those of [`signature_key`].
pub async fn verify_nonce(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    nonce: &str,
    signature: &str,
) -> Result<NonceDigest> {
    let nonce = decode(nonce, NONCE_LONGEST).filter(|bytes| bytes.len() >= NONCE_SHORTEST);
    let signature = decode(signature, SIGNATURE).filter(|bytes| bytes.len() == SIGNATURE);
    let (Some(nonce), Some(signature)) = (nonce, signature) else {
        return Err(Error::NonceRefused);
    };
    let key = signature_key(app, vendor).await?;
    if is_signed(&key, &nonce, &signature) {
        return Ok(NonceDigest::of(&nonce));
    }
    let newer = keys::get(app, vendor, Some(key)).await?;
    if newer != key && is_signed(&newer, &nonce, &signature) {
        return Ok(NonceDigest::of(&nonce));
    }
    Err(Error::NonceRefused)
}

fn decode(text: &str, most: usize) -> Option<Vec<u8>> {
    if text.len() > most.div_ceil(3) * 4 {
        return None;
    }
    BASE64.decode(text).ok().filter(|bytes| bytes.len() <= most)
}

fn is_signed(key: &SignatureKey, nonce: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, key.as_bytes())
        .verify(nonce, signature)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_php_writes_it() {
        assert_eq!(decode("AAECAw==", 4), Some(vec![0, 1, 2, 3]));
        assert_eq!(decode("AAECAw", 4), Some(vec![0, 1, 2, 3]));
        assert_eq!(decode("+/+/", 3), Some(vec![0xfb, 0xff, 0xbf]));
        for bad in [
            "AAECAwQ=",
            "-_-_",
            "AAECA",
            "AA=CAw==",
            "AAEC Aw==",
            "!",
            "AAECAwAA",
        ] {
            assert_eq!(decode(bad, 4), None, "{bad}");
        }
    }

    #[test]
    fn signature_is_checked_strictly() {
        // RFC 8032, the third test: a message of two bytes.
        let key = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
        let key = SignatureKey::parse(key).unwrap();
        let good = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                    18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
        let good = hex::decode(good).unwrap();
        let message = [0xaf, 0x82];
        assert!(is_signed(&key, &message, &good));
        // S plus the order of the group: the same point, and another text.
        let mut larger = good.clone();
        let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        let mut carry = 0;
        for (byte, more) in larger[32..].iter_mut().zip(hex::decode(order).unwrap()) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        for bad in [
            larger,
            vec![0; 64],
            good[..63].to_vec(),
            good[32..].to_vec(),
        ] {
            assert!(!is_signed(&key, &message, &bad), "{bad:?}");
        }
        assert!(!is_signed(&key, &[0xaf], &good));
    }
}
