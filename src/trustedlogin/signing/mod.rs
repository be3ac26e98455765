//! The key that envelopes are signed with: an Ed25519 seed in OpenBao (`gatehouse-keys/envelope-signing`), kept in
//! memory.
//!
//! Connectors pin the public key they fetched first. Where a signature does not hold they fetch it once more, and take
//! another one, with an alarm to their administrator. So all replicas must begin with a new version at the same moment,
//! signing and publishing: [`IN_FORCE_AFTER`] it was written, which is longer than any of them takes to learn of it.

pub mod http;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::canonical::Answer;
use crate::app::App;
use crate::error::{Error, Result, cause_chain};
use crate::vault::{self, SigningKey};

/// The name of the key below `gatehouse-keys/`.
pub const KEY_NAME: &str = "envelope-signing";
/// How long after it was written a new version is used, and published as the key.
pub const IN_FORCE_AFTER: SignedDuration = SignedDuration::from_secs(45);
/// How long the public key of a version stays published after it was replaced.
pub const PUBLISHED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many versions are looked back for those: as many as OpenBao keeps.
const LOOK_BACK: usize = 10;
/// How long what was read is used before it is read again.
const READ_EVERY: Duration = Duration::from_secs(15);
/// How long a request waits for that, and how long the next one does not, where there is a key to go on with.
const PATIENCE: Duration = Duration::from_secs(2);
const TRY_EVERY: Duration = Duration::from_secs(5);
/// How long everybody is told the same where there is none.
const SHARED: Duration = Duration::from_secs(1);

/// The versions of the key, the newest first.
struct Keys(Vec<SigningKey>);

/// A public key that was in force.
pub struct Former {
    /// In hexadecimal digits.
    pub public_key: String,
    /// Until when it is published.
    pub ends_at: Timestamp,
}

/// What signatures are checked with.
pub struct Published {
    /// Of the key in force, in hexadecimal digits.
    pub public_key: String,
    /// Those before it, the newest first.
    pub former: Vec<Former>,
}

fn after(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

impl Keys {
    /// Reads the newest version, and those before it that are in force or still published; `None` where there is none.
    async fn read(app: &App) -> Result<Option<Self>> {
        let now = app.clock.now();
        let is_published = |next: &SigningKey| after(in_force_from(next), PUBLISHED_FOR) > now;
        let keys = SigningKey::read_back(&app.vault.issuer, KEY_NAME, LOOK_BACK, is_published);
        let keys = keys.await?;
        Ok((!keys.is_empty()).then_some(Self(keys)))
    }

    /// Where in the list the key is that is in force: the newest that is old enough, or the oldest of all.
    fn place_in_force(&self, now: Timestamp) -> usize {
        let place = self.0.iter().position(|key| in_force_from(key) <= now);
        place.unwrap_or(self.0.len().saturating_sub(1))
    }

    fn in_force(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.get(self.place_in_force(now))
    }

    fn published(&self, now: Timestamp) -> Option<Published> {
        let place = self.place_in_force(now);
        let former = self.0[place..].windows(2).map(|pair| Former {
            public_key: hex::encode(pair[1].public_key()),
            ends_at: after(in_force_from(&pair[0]), PUBLISHED_FOR),
        });
        Some(Published {
            public_key: hex::encode(self.0.get(place)?.public_key()),
            former: former.filter(|former| now < former.ends_at).collect(),
        })
    }
}

fn in_force_from(key: &SigningKey) -> Timestamp {
    after(key.created, IN_FORCE_AFTER)
}

/// The key as this replica has it.
#[derive(Default)]
pub struct Signer {
    state: Mutex<State>,
    /// One reads at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<Keys>>,
    /// Until when this is what there is to say.
    until: Option<Instant>,
    missing: bool,
}

impl Signer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> Option<Arc<Keys>> {
        self.state().keys.clone()
    }

    /// What was found a moment ago.
    fn known(&self) -> Option<Result<Arc<Keys>>> {
        let state = self.state();
        if state.until.is_none_or(|until| until <= Instant::now()) {
            return None;
        }
        Some(match &state.keys {
            Some(keys) => Ok(Arc::clone(keys)),
            None if state.missing => Err(Error::EnvelopeKeyMissing),
            None => {
                let what = "the key of envelopes could not be read a moment ago".to_owned();
                Err(vault::Error::Unavailable(what).into())
            }
        })
    }

    /// Notes what was read. Where OpenBao is away, what was read before goes on; where it says that there is no key,
    /// there is none.
    fn note(&self, read: Result<Option<Keys>>) -> Result<Arc<Keys>> {
        let mut state = self.state();
        let (keys, time, result) = match read {
            Ok(Some(keys)) => {
                let keys = Arc::new(keys);
                (Some(Arc::clone(&keys)), READ_EVERY, Ok(keys))
            }
            Ok(None) => {
                tracing::error!(
                    "OpenBao holds no key that signs envelopes: run `gatehouse bootstrap --update`"
                );
                (None, SHARED, Err(Error::EnvelopeKeyMissing))
            }
            Err(error) => {
                tracing::warn!(error.cause = %cause_chain(&error), "The key that signs envelopes cannot be read now");
                match state.keys.take() {
                    Some(keys) => (Some(Arc::clone(&keys)), TRY_EVERY, Ok(keys)),
                    None => (None, SHARED, Err(error)),
                }
            }
        };
        *state = State {
            missing: matches!(result, Err(Error::EnvelopeKeyMissing)),
            until: Instant::now().checked_add(time),
            keys,
        };
        result
    }
}

/// The versions of the key. Who has some does not wait while another request reads them again.
async fn keys(app: &Arc<App>) -> Result<Arc<Keys>> {
    let signer = &app.signer;
    if let Some(known) = signer.known() {
        return known;
    }
    let held = signer.held();
    let _turn = match (signer.turn.try_lock(), &held) {
        (Ok(turn), _) => turn,
        (Err(_), Some(keys)) => return Ok(Arc::clone(keys)),
        (Err(_), None) => signer.turn.lock().await,
    };
    if let Some(known) = signer.known() {
        return known;
    }
    let reader = Arc::clone(app);
    let reading = app.detached(async move { Keys::read(&reader).await });
    let read = if held.is_some() {
        let read = tokio::time::timeout(PATIENCE, reading).await;
        read.unwrap_or_else(|_| Err(vault::Error::TimedOut.into()))
    } else {
        reading.await
    };
    signer.note(read)
}

/// The signature of a message in hexadecimal digits, with the key that is in force now.
///
/// # Errors
/// Where no key can be had: nothing goes out unsigned.
pub async fn sign(app: &Arc<App>, message: &[u8]) -> Result<String> {
    let keys = keys(app).await?;
    let key = keys.in_force(app.clock.now());
    let key = key.ok_or(Error::EnvelopeKeyMissing)?;
    Ok(hex::encode(key.sign(message)))
}

/// The body of an answer, signed.
///
/// # Errors
/// As [`sign()`].
pub async fn signed(app: &Arc<App>, answer: Answer) -> Result<String> {
    let signature = sign(app, answer.canonical().as_bytes()).await?;
    Ok(answer.signed(signature))
}

/// What signatures are checked with.
///
/// # Errors
/// Where no key can be had.
pub async fn published(app: &Arc<App>) -> Result<Published> {
    let keys = keys(app).await?;
    let published = keys.published(app.clock.now());
    published.ok_or(Error::EnvelopeKeyMissing)
}
