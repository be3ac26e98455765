//! Ed25519 keys of the service that lie in OpenBao as seeds, in versions.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{AppToken, Error, Result, kv};

/// A key in one of its versions.
pub struct SigningKey {
    /// Which version.
    pub version: u32,
    /// When it was written.
    pub created: Timestamp,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// Reads the version named of a key below `gatehouse-keys/`, or the newest; `None` where there is none, or it was
    /// deleted.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is not 64 hexadecimal digits; where OpenBao refuses or does not answer.
    pub async fn read(
        token: &AppToken,
        name: &'static str,
        version: Option<u32>,
    ) -> Result<Option<Self>> {
        let read = token
            .call(|handle| async move { kv::read_key_version(&handle, name, version).await })
            .await?;
        let key = read.map(|stored| {
            let bad = || Error::Malformed(format!("{name} is not 64 hexadecimal digits"));
            Self::new(&stored).ok_or_else(bad)
        });
        key.transpose()
    }

    /// The newest version of a key and those before it, the newest first: as far back as `wanted` says of the version that
    /// came next, and at most `most` of them. Versions that were deleted are passed over, and those of another form, where
    /// a newer one mended them. Empty where there is no key.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_back(
        token: &AppToken,
        name: &'static str,
        most: usize,
        wanted: impl Fn(&Self) -> bool,
    ) -> Result<Vec<Self>> {
        let Some(newest) = Self::read(token, name, None).await? else {
            return Ok(Vec::new());
        };
        let mut keys = vec![newest];
        for version in (1..keys[0].version).rev().take(most) {
            if !keys.last().is_some_and(&wanted) {
                break;
            }
            match Self::read(token, name, Some(version)).await {
                Ok(key) => keys.extend(key),
                Err(Error::Malformed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(keys)
    }

    fn new(stored: &kv::KeyVersion) -> Option<Self> {
        let seed = Zeroizing::new(hex::decode(stored.key.expose()).ok()?);
        Some(Self {
            version: stored.version,
            created: stored.created,
            pair: Ed25519KeyPair::from_seed_unchecked(&seed).ok()?,
        })
    }

    /// The signature of a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// Whether this key signed the message.
    #[must_use]
    pub fn is_of(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public_key())
            .verify(message, signature)
            .is_ok()
    }

    /// What its signatures are checked with.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}
