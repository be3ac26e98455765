//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): what makes something makes it once, however often a
//! client has to ask.
//!
//! The table of routes says which take the header ([`crate::routes`]); a request without it costs nothing here. Forms of the
//! console have their key in their address (`?once=…`), made with the page, so that two clicks make one thing. The
//! caller is known, counted against its limits and let in by the handler's own types before anything of this is looked
//! at, so that an answer is given again only to whoever could ask for it now.
//!
//! # Who can get at a stored answer
//! An answer may hold a token, so knowing a key must not suffice. A row is found by a keyed digest of the vendor, the
//! caller, the credentials as they were shown, and the key; its fingerprint is one of method, path, query and the whole
//! body. So a stranger needs the credentials, the key and the body, byte for byte, and whoever has the first and the last
//! could get a token of its own anyway. A vendor's public key is in everybody's hands, so with it alone a key must have 16
//! characters, which nobody guesses. The answer is sealed with a key that is derived from the service's own, which
//! lies in OpenBao, and from the caller's, which nobody stores: a copy of the database opens nothing, and neither does one of
//! both, as far as keys and credentials cannot be guessed.
//!
//! # After a crash
//! A row is claimed for 30 seconds by an `INSERT … ON CONFLICT`, so that replicas agree. Where the process dies, or stands
//! still, the first try after that takes the row over. One that wakes up then finds its row taken, revokes the tokens that it
//! made, and is refused. Tokens that the former try put on record are revoked then, so that one lives;
//! those that it did not are found by the sweeper. Whatever has a name of its own (users, credentials, policies, vendors) is there
//! once anyway: a second try is told that it exists. What has none (webhooks, key pairs, workers' keys, sessions) is there
//! twice where the process died between its commit and the commit of the answer, and can be listed and removed.
//!
//! # Quirks
//! - Refusals are not kept: nothing was made, and the key is free again. Neither are failures; the key stays bound to its
//!   request then.
//! - A token in an answer that is given again may have been revoked meanwhile. Rules that only a handler asks (support is
//!   paused, only signed clients) are not asked for a replay: a trigger forgets answers with secrets where they change.
//! - The same caller with other credentials is another caller here, also after its access token was renewed.
//! - Log-ins, `/oauth/token` and claims take no key: they prove who asks, so an answer given again would skip the proof.

pub mod http;
pub mod store;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::app::App;
use crate::auth::KeyedDigest;
use crate::auth::seal::{self, Context};
use crate::error::{Error, Result, cause_chain};
use crate::kill_point::kill_point;
use crate::tokens::revoke::{self, Order};
use crate::types::VendorId;
use store::{Former, Row};

/// After this a key is forgotten.
pub const KEEP: SignedDuration = SignedDuration::from_hours(24);
/// So long an answer with a secret is given again.
pub const KEEP_SECRET: SignedDuration = SignedDuration::from_mins(10);
/// So long a try is believed to be at work.
pub const CLAIM: SignedDuration = SignedDuration::from_secs(30);
/// Of a key.
const LONGEST: usize = 255;
/// Of one that comes with a public key alone.
const SHORTEST_OF_PLUGINS: usize = 16;

/// For how long an answer is given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// As long as the key is known.
    Plain,
    /// For 10 minutes, as it holds a secret.
    Secret,
}

/// Why a request with a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no key.
    #[error("the idempotency key is malformed")]
    Invalid,
    /// It could be guessed.
    #[error("the idempotency key is too short")]
    TooShort,
    /// It came with another request before.
    #[error("the idempotency key was used for another request")]
    Reused,
    /// The first request with it is being answered.
    #[error("a request with this idempotency key is being answered")]
    InFlight,
    /// It was answered, with a secret that is not kept any more.
    #[error("the answer is not kept any more")]
    Expired,
}

impl Refused {
    /// Status, code and text.
    #[must_use]
    pub fn told(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Invalid => (
                400,
                "idempotency_key_invalid",
                "Idempotency-Key must come once, with 1 to 255 visible ASCII characters.",
            ),
            Self::TooShort => (
                400,
                "idempotency_key_too_short",
                "With a public key, Idempotency-Key must have at least 16 characters: use a random UUID.",
            ),
            Self::Reused => (
                422,
                "idempotency_key_reused",
                "The Idempotency-Key came with another path or body before. Use a new one.",
            ),
            Self::InFlight => (
                409,
                "idempotency_in_flight",
                "The first request with this Idempotency-Key is being answered. Try again.",
            ),
            Self::Expired => (
                409,
                "replay_expired",
                "This was done, and its answer is not kept any longer as it held a secret. Use a new Idempotency-Key.",
            ),
        }
    }
}

/// An answer as it is kept.
#[derive(Deserialize, Serialize)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers that are part of it.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Zeroizing<String>,
}

/// A caller's key, checked.
pub struct Key(Zeroizing<String>);

impl Key {
    /// Reads a key; `by_plugin` where it comes with a public key alone.
    ///
    /// # Errors
    /// [`Refused::Invalid`] or [`Refused::TooShort`].
    pub fn parse(text: &str, by_plugin: bool) -> std::result::Result<Self, Refused> {
        let fits = (1..=LONGEST).contains(&text.len());
        if !fits || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refused::Invalid);
        }
        if by_plugin && text.len() < SHORTEST_OF_PLUGINS {
            return Err(Refused::TooShort);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

/// A request with a key.
pub struct Asked<'a> {
    /// Of which vendor the caller is, if of one.
    pub vendor: Option<VendorId>,
    /// The caller, as the events name it.
    pub actor: String,
    /// What it showed, as it stood in the headers.
    pub shown: &'a [&'a [u8]],
    /// Its key.
    pub key: Key,
    /// Method, path and query, and a digest of the body.
    pub parts: &'a [&'a [u8]],
    /// The request's id.
    pub request_id: String,
}

/// One try.
pub struct Try {
    vendor: Option<VendorId>,
    actor: String,
    id: [u8; 32],
    fingerprint: [u8; 32],
    seal: Zeroizing<[u8; 32]>,
    owner: i64,
    at: Timestamp,
    request_id: String,
}

/// What became of a try.
pub enum Begun {
    /// It is to be done.
    Mine,
    /// It was done.
    Done(Reply),
}

impl Try {
    /// A try to do what is asked.
    ///
    /// # Errors
    /// [`Error::Starting`].
    pub fn new(app: &App, asked: Asked<'_>) -> Result<Self> {
        let ring = app.keys()?;
        let vendor = asked.vendor.map_or(0, |vendor| vendor.0).to_be_bytes();
        let mut scope: Vec<&[u8]> = vec![&vendor, asked.actor.as_bytes(), asked.key.0.as_bytes()];
        scope.extend(asked.shown);
        Ok(Self {
            vendor: asked.vendor,
            id: ring.once("idempotency-id", &scope),
            fingerprint: ring.once("idempotency-fingerprint", asked.parts),
            seal: Zeroizing::new(ring.once("idempotency-seal", &scope)),
            owner: rand::random_range(1..i64::MAX),
            at: app.clock.now(),
            actor: asked.actor,
            request_id: asked.request_id,
        })
    }

    fn context(&self) -> Context {
        Context::new("idempotency-reply")
            .with(&self.id)
            .with(&self.fingerprint)
    }

    /// Claims the key, or gives what was answered.
    ///
    /// # Errors
    /// [`Refused`], or where the database does not answer: nothing was done then.
    pub async fn begin(&self, app: &Arc<App>) -> Result<Begun> {
        let now = app.clock.now();
        let client = app.db.of_or_all(self.vendor).await?;
        kill_point("before claiming an idempotency key");
        if let Some(former) = store::claim(&client, self.vendor, &self.claim(now)?).await? {
            kill_point("after claiming an idempotency key");
            drop(client);
            if former.requests.is_empty() {
                count("new");
            } else {
                count("taken_over");
                if let Err(error) = self.end_former(app, former).await {
                    self.failed(app).await;
                    return Err(error);
                }
            }
            return Ok(Begun::Mine);
        }
        let row = store::find(&client, self.vendor, &self.id).await?;
        // Where it is gone, it was released just now.
        let refused = match row {
            Some(row) if !self.is_same(&row) => Refused::Reused,
            Some(Row {
                replay_until: Some(until),
                reply,
                ..
            }) => match reply.filter(|_| now < until) {
                Some(sealed) => {
                    count("replayed");
                    return self.opened(&sealed).map(Begun::Done);
                }
                None => Refused::Expired,
            },
            _ => Refused::InFlight,
        };
        count(refused.told().1);
        Err(refused.into())
    }

    fn claim(&self, now: Timestamp) -> Result<store::Claim<'_>> {
        let moved = |by: SignedDuration| now.checked_add(by);
        let outside = |_| Error::Internal("the clock is out of range".to_owned());
        Ok(store::Claim {
            id: &self.id,
            fingerprint: &self.fingerprint,
            owner: self.owner,
            request_id: &self.request_id,
            now,
            until: moved(CLAIM).map_err(outside)?,
            forgotten: moved(-KEEP).map_err(outside)?,
        })
    }

    fn is_same(&self, row: &Row) -> bool {
        let (ours, theirs) = (
            KeyedDigest::from_bytes(&self.fingerprint),
            KeyedDigest::from_bytes(&row.fingerprint),
        );
        ours.zip(theirs)
            .is_some_and(|(ours, theirs)| ours.matches(&theirs))
    }

    fn opened(&self, sealed: &[u8]) -> Result<Reply> {
        let plain = seal::open(&self.seal, &self.context(), sealed);
        let reply = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        reply.ok_or(Error::Integrity("an idempotency key's answer"))
    }

    /// Tokens of tries that never answered are revoked, as nobody has them.
    async fn end_former(&self, app: &Arc<App>, former: Former) -> Result<()> {
        self.revoke(app, (&former.requests, former.claimed_at))
            .await?;
        let client = app.db.of_or_all(self.vendor).await?;
        let mine = (&self.id, self.owner);
        kill_point("before forgetting former tries");
        store::forget_former(&client, self.vendor, mine, &self.request_id).await?;
        Ok(())
    }

    /// Revokes the tokens that requests put on record since the first of them began.
    async fn revoke(&self, app: &Arc<App>, of: (&[String], Timestamp)) -> Result<()> {
        let Some(vendor) = self.vendor else {
            return Ok(());
        };
        let order = Order {
            by: &self.actor,
            reason: "its request was made again",
            at: app.clock.now(),
        };
        let client = app.db.of(vendor).await?;
        let doomed = revoke::store::mark_of_requests(&client, vendor, of, &order).await?;
        drop(client);
        let worker = Arc::clone(app);
        app.detached(async move {
            revoke::now(&worker, &doomed).await;
            Ok(())
        })
        .await
    }

    /// Keeps the answer. Where the database fails, the client has it nevertheless, and the key can be taken over when its
    /// claim ends.
    ///
    /// # Errors
    /// [`Refused::InFlight`] where another try took the key over: that one's answer counts, and what this one was given is
    /// revoked.
    pub async fn answered(&self, app: &Arc<App>, replay: Replay, answer: &Reply) -> Result<()> {
        match self.keep(app, replay, answer).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                count("overtaken");
                let own = [self.request_id.clone()];
                self.revoke(app, (&own, self.at)).await?;
                Err(Refused::InFlight.into())
            }
            Err(error) => {
                tracing::warn!(error.cause = %cause_chain(&error), "An answer could not be kept for its idempotency key");
                Ok(())
            }
        }
    }

    /// Whether the key was this try's still.
    async fn keep(&self, app: &App, replay: Replay, answer: &Reply) -> Result<bool> {
        let plain = serde_json::to_vec(answer).map(Zeroizing::new);
        let plain = plain.map_err(|_| Error::Internal("an answer is no text".to_owned()))?;
        let sealed = seal::seal(&self.seal, &self.context(), &plain)
            .ok_or_else(|| Error::Internal("an answer cannot be sealed".to_owned()))?;
        let now = app.clock.now();
        let until = now.checked_add(match replay {
            Replay::Plain => KEEP,
            Replay::Secret => KEEP_SECRET,
        });
        let until = until.unwrap_or(now);
        let client = app.db.of_or_all(self.vendor).await?;
        kill_point("before keeping an answer");
        let mine = (&self.id, self.owner);
        let kept = store::finish(&client, self.vendor, mine, (now, until), &sealed).await?;
        kill_point("after keeping an answer");
        Ok(kept > 0)
    }

    /// Gives the key back: nothing was made.
    pub async fn refused(&self, app: &App) {
        self.let_go(app, false).await;
    }

    /// Leaves the key to the next try: what was made is not known.
    pub async fn failed(&self, app: &App) {
        self.let_go(app, true).await;
    }

    async fn let_go(&self, app: &App, bound: bool) {
        let (vendor, mine) = (self.vendor, (&self.id, self.owner));
        let done = async {
            let client = app.db.of_or_all(vendor).await?;
            if bound {
                store::leave(&client, vendor, mine, app.clock.now()).await
            } else {
                store::release(&client, vendor, mine).await
            }
        };
        if let Err(error) = done.await {
            tracing::warn!(error.cause = %cause_chain(&error), "An idempotency key could not be given back");
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("gatehouse_idempotent_requests_total", "outcome" => outcome).increment(1);
}
