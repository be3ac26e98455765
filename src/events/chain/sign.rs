//! The key that checkpoints and bases are signed with: an Ed25519 seed in OpenBao, read again every minute, so that a
//! new version is used soon after it is written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::KEY_NAME;
use super::checkpoint::Mark;
use super::digest::{Hash, Head};
use crate::error::{Error, Result, cause_chain};
use crate::vault::{AppToken, SigningKey};

/// How long a key is used before it is read again.
const READ_EVERY: Duration = Duration::from_mins(1);
/// How long after a failure it is read again.
const TRY_EVERY: Duration = Duration::from_secs(5);
/// How often the same alarm is raised.
const REPORT_EVERY: Duration = Duration::from_mins(1);

/// A key in one of its versions.
pub struct Key {
    /// Which version.
    pub version: i32,
    key: SigningKey,
}

impl Key {
    fn new(key: SigningKey) -> Result<Self> {
        let version = i32::try_from(key.version);
        let version = version.map_err(|e| Error::Internal(format!("a version of a key: {e}")))?;
        Ok(Self { version, key })
    }

    /// The signature of a hash.
    #[must_use]
    pub fn sign(&self, hash: &Hash) -> Vec<u8> {
        self.key.sign(hash)
    }

    /// Whether this key signed the hash, or an older version of it that OpenBao holds.
    pub(super) async fn or_an_older_signed(
        &self,
        issuer: &AppToken,
        hash: &Hash,
        version: i32,
        signature: &[u8],
    ) -> Result<bool> {
        if version == self.version {
            return Ok(self.is_of(hash, signature));
        }
        Checker::new(issuer)
            .is_signed(hash, version, signature)
            .await
    }

    fn is_of(&self, hash: &Hash, signature: &[u8]) -> bool {
        self.key.is_of(hash, signature)
    }
}

/// What a replica remembers from pass to pass.
#[derive(Default)]
pub struct Notary {
    held: Mutex<Held>,
    remembered: Mutex<Option<Instant>>,
    known: Mutex<Known>,
}

/// What OpenBao said when it was asked last which checkpoint it remembers.
#[derive(Clone, Default)]
pub(super) enum Said {
    /// It was not asked yet.
    #[default]
    Nothing,
    /// None.
    Unmarked,
    /// This one.
    Marked(Mark),
}

/// What whoever changes the database cannot reach.
#[derive(Default)]
struct Known {
    said: Said,
    /// The heads that this replica signed last.
    heads: HashMap<i64, Head>,
    reported: HashMap<(&'static str, i64), Instant>,
}

#[derive(Clone, Default)]
struct Held {
    key: Option<Arc<Key>>,
    next: Option<Instant>,
}

impl Notary {
    /// The key to sign with. Where OpenBao is away, the one that was read last; `None` where none was yet.
    pub async fn key(&self, issuer: &AppToken) -> Option<Arc<Key>> {
        let held = self.lock().clone();
        if held.next.is_some_and(|next| Instant::now() < next) {
            return held.key;
        }
        let (key, pause) = match read(issuer, None).await {
            Ok(Some(key)) => (Some(Arc::new(key)), READ_EVERY),
            Ok(None) => {
                tracing::error!(
                    "OpenBao holds no key that signs the trail: run `gatehouse bootstrap`"
                );
                (held.key, TRY_EVERY)
            }
            Err(error) => {
                tracing::warn!(error.cause = %cause_chain(&error), "The key that signs the trail cannot be read now");
                (held.key, TRY_EVERY)
            }
        };
        *self.lock() = Held {
            key: key.clone(),
            next: Instant::now().checked_add(pause),
        };
        key
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What OpenBao said when it was asked last.
    pub(super) fn said(&self) -> Said {
        self.known().said.clone()
    }

    /// Notes what OpenBao remembers. Where that is nothing, an administrator let it begin anew.
    pub(super) fn note_mark(&self, mark: Option<Mark>) {
        let mut known = self.known();
        if mark.is_none() {
            known.heads.clear();
        }
        known.said = mark.map_or(Said::Unmarked, Said::Marked);
    }

    /// The head of a chain that this replica signed last.
    pub(super) fn head(&self, vendor: i64) -> Option<Head> {
        self.known().heads.get(&vendor).cloned()
    }

    /// Notes heads that were signed.
    pub(super) fn note_heads(&self, heads: Vec<Head>) {
        let heads = heads.into_iter().map(|head| (head.vendor, head));
        self.known().heads.extend(heads);
    }

    /// Whether an alarm about this was not raised for a while; counts as raised from now on.
    pub(super) fn is_news(&self, alarm: &'static str, about: i64) -> bool {
        let mut known = self.known();
        let last = known.reported.get(&(alarm, about));
        let is_news = last.is_none_or(|at| at.elapsed() >= REPORT_EVERY);
        if is_news {
            known.reported.insert((alarm, about), Instant::now());
        }
        is_news
    }

    /// Whether this replica last told OpenBao so long ago; where it did, counts as told from now on.
    pub(super) fn is_due(&self, every: Duration) -> bool {
        let mut last = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|at| at.elapsed() >= every);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

async fn read(issuer: &AppToken, version: Option<u32>) -> Result<Option<Key>> {
    let read = SigningKey::read(issuer, KEY_NAME, version).await?;
    read.map(Key::new).transpose()
}

/// Checks signatures, and keeps the versions of the key it met.
pub struct Checker<'a> {
    issuer: &'a AppToken,
    keys: HashMap<i32, Option<Key>>,
}

impl<'a> Checker<'a> {
    /// Reads keys with this token.
    #[must_use]
    pub fn new(issuer: &'a AppToken) -> Self {
        Self {
            issuer,
            keys: HashMap::new(),
        }
    }

    /// Whether the key of this version signed the hash. No version, and one that OpenBao does not hold, signed nothing.
    ///
    /// # Errors
    /// Where OpenBao does not answer.
    pub async fn is_signed(&mut self, hash: &Hash, version: i32, signature: &[u8]) -> Result<bool> {
        let Ok(wanted) = u32::try_from(version) else {
            return Ok(false);
        };
        // Version 0 means the newest to OpenBao.
        if wanted == 0 {
            return Ok(false);
        }
        if !self.keys.contains_key(&version) {
            let key = read(self.issuer, Some(wanted)).await?;
            self.keys.insert(version, key);
        }
        let key = self.keys.get(&version).and_then(Option::as_ref);
        Ok(key.is_some_and(|key| key.is_of(hash, signature)))
    }
}
