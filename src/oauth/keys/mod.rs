//! The keys that access tokens are signed with: versions of an Ed25519 seed in OpenBao (`gatehouse-keys/token-signing`),
//! kept in memory.
//!
//! A new version is published at once and signs [`IN_FORCE_AFTER`] it was written: longer than replicas take to read it
//! ([`READ_EVERY`], and at once where the database tells) and others keep the key set ([`CACHED_FOR`]). The version before
//! stays published and good until the last token that it signed is over. A version that an administrator destroys in
//! OpenBao is good for nothing as soon as it was not found there.

pub mod http;
pub mod rotate;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use crate::app::App;
use crate::auth::jwt::PublicKey;
use crate::error::{Error, Result, cause_chain};
use crate::vault::SigningKey;

/// The name of the key below `gatehouse-keys/`.
pub const KEY_NAME: &str = "token-signing";
/// Where replicas hear of a new version.
pub const CHANNEL: &str = "gatehouse_token_keys";
/// How long after it was written a new version signs.
pub const IN_FORCE_AFTER: SignedDuration = SignedDuration::from_secs(90);
/// How long others may keep the key set, in seconds.
pub const CACHED_FOR: u32 = 60;
/// How long a version stays published after it was replaced: the longest life of a token, and a little.
const PUBLISHED_FOR: SignedDuration = SignedDuration::from_secs(3600 + 300);
/// How many versions are looked back for: as many as OpenBao keeps.
const LOOK_BACK: usize = 10;
/// How often the versions are read again.
pub const READ_EVERY: Duration = Duration::from_secs(15);
/// The same where there is none, or it could not be read.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// How long one reading may take.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// How long a request waits for the first reading.
const PATIENCE: Duration = Duration::from_secs(2);

/// A version with what is published of it.
struct Version {
    key: SigningKey,
    kid: String,
    jwk: Map<String, Value>,
    public: PublicKey,
}

impl Version {
    fn new(key: SigningKey) -> Option<Self> {
        let x = BASE64_URL_SAFE_NO_PAD.encode(key.public_key());
        // RFC 7638, with the members of RFC 8037 in the order of their names.
        let print = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(print.as_bytes()));
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig" });
        let Value::Object(jwk) = jwk else { return None };
        Some(Self {
            public: PublicKey::of_jwk(&jwk).ok()?,
            key,
            kid,
            jwk,
        })
    }

    fn signs_from(&self) -> Timestamp {
        after(self.key.created, IN_FORCE_AFTER)
    }
}

fn after(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// The versions of the key, the newest first. Never empty.
pub struct Keys(Vec<Version>);

/// A version as operators see it.
pub struct Shown<'a> {
    /// Which.
    pub version: u32,
    /// Its name in headers and the key set.
    pub kid: &'a str,
    /// When it was written.
    pub created_at: Timestamp,
    /// From when on it signs, where others did before.
    pub signs_from: Timestamp,
    /// Whether it is the one that signs.
    pub signs: bool,
    /// Until when it is published, where another one took its place or will.
    pub ends_at: Option<Timestamp>,
}

impl Keys {
    async fn read(app: &App) -> Result<Option<Self>> {
        let now = app.clock.now();
        let is_published =
            |next: &SigningKey| after(after(next.created, IN_FORCE_AFTER), PUBLISHED_FOR) > now;
        let token = &app.vault.issuer;
        let keys = SigningKey::read_back(token, KEY_NAME, LOOK_BACK, is_published).await?;
        let keys: Vec<Version> = keys.into_iter().filter_map(Version::new).collect();
        Ok((!keys.is_empty()).then_some(Self(keys)))
    }

    /// Which one signs: the newest that is old enough, or the oldest of all.
    fn signing(&self, now: Timestamp) -> Option<&Version> {
        let in_force = self.0.iter().find(|version| version.signs_from() <= now);
        in_force.or(self.0.last())
    }

    /// What a version's signatures are checked with.
    #[must_use]
    pub fn public(&self, kid: &str) -> Option<&PublicKey> {
        let found = self.0.iter().find(|version| version.kid == kid);
        found.map(|version| &version.public)
    }

    /// The keys of the set (RFC 7517).
    pub fn published(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.0.iter().map(|version| &version.jwk)
    }

    /// A token with this payload, and the name of the key that signed it.
    ///
    /// # Errors
    /// [`Error::TokenKeyMissing`].
    pub fn sign(&self, typ: &str, payload: &[u8], now: Timestamp) -> Result<(String, &str)> {
        let version = self.signing(now).ok_or(Error::TokenKeyMissing)?;
        let header = json!({ "alg": "EdDSA", "typ": typ, "kid": version.kid });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let message = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(payload)
        );
        let signature = encode(&version.key.sign(message.as_bytes()));
        Ok((format!("{message}.{signature}"), &version.kid))
    }

    /// All versions, the newest first.
    #[must_use]
    pub fn shown(&self, now: Timestamp) -> Vec<Shown<'_>> {
        let signing = self.signing(now).map(|version| version.key.version);
        let mut next: Option<&Version> = None;
        let mut all = Vec::new();
        for version in &self.0 {
            let replaced = next.map(|next| after(next.signs_from(), PUBLISHED_FOR));
            all.push(Shown {
                version: version.key.version,
                kid: &version.kid,
                created_at: version.key.created,
                signs_from: version.signs_from(),
                signs: signing == Some(version.key.version),
                ends_at: replaced,
            });
            next = Some(version);
        }
        all
    }

    fn newest(&self) -> Option<&Version> {
        self.0.first()
    }
}

/// What was found in OpenBao last.
#[derive(Clone, Default)]
enum Found {
    /// Nothing was read yet.
    #[default]
    Nothing,
    /// There is no key.
    Missing,
    /// These.
    Keys(Arc<Keys>),
}

/// The keys as this replica has them.
pub struct TokenKeys {
    found: watch::Sender<Found>,
    /// Says that there is a new version.
    pub wake: Notify,
}

impl Default for TokenKeys {
    fn default() -> Self {
        Self {
            found: watch::Sender::new(Found::Nothing),
            wake: Notify::new(),
        }
    }
}

impl TokenKeys {
    /// The keys. Where none was read yet, that is waited for a moment.
    ///
    /// # Errors
    /// [`Error::Starting`], or [`Error::TokenKeyMissing`] where OpenBao holds none.
    pub async fn get(&self) -> Result<Arc<Keys>> {
        if matches!(&*self.found.borrow(), Found::Nothing) {
            let mut found = self.found.subscribe();
            let read = found.wait_for(|found| !matches!(found, Found::Nothing));
            tokio::time::timeout(PATIENCE, read).await.ok();
        }
        match &*self.found.borrow() {
            Found::Nothing => Err(Error::Starting),
            Found::Missing => Err(Error::TokenKeyMissing),
            Found::Keys(keys) => Ok(Arc::clone(keys)),
        }
    }

    fn note(&self, found: Found) {
        self.found.send_replace(found);
    }
}

/// Reads the keys again and again until the service stops. Where OpenBao is away, what was read before goes on.
pub async fn follow(app: Arc<App>) {
    while !app.stop.is_cancelled() {
        let pause = read(&app).await;
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = app.token_keys.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Reads them once, and gives how long that is good for.
async fn read(app: &App) -> Duration {
    let read = tokio::time::timeout(READ_LIMIT, Keys::read(app)).await;
    match read.unwrap_or_else(|_| Err(crate::vault::Error::TimedOut.into())) {
        Ok(Some(keys)) => {
            app.token_keys.note(Found::Keys(Arc::new(keys)));
            READ_EVERY
        }
        Ok(None) => {
            tracing::error!(
                "OpenBao holds no key that signs access tokens: run `gatehouse bootstrap --update`"
            );
            app.token_keys.note(Found::Missing);
            READ_EVERY
        }
        Err(error) => {
            tracing::warn!(error.cause = %cause_chain(&error), "The keys that sign access tokens cannot be read now");
            TRY_EVERY
        }
    }
}
