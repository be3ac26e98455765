//! Key sets of those who issue tokens (RFC 7517), fetched by URL and held for a minute.
//!
//! A set is asked for again when it is a minute old, so a key that its owner took out is good for nothing a minute later.
//! Where the owner does not answer then, what is held is used for an hour, and after that nothing is. A key that is not in
//! the set may be a new one: then the set is fetched too, but not more often than every ten seconds, whatever
//! strangers ask for. Of those who need a set one asks and all are told.

mod fetch;
mod set;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use tokio::sync::{Mutex, Semaphore};

pub use set::KeySet;

use super::jwt::{PublicKey, Unverified};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::{IssuerUrl, KeySetUrl};

/// How long a set is used before it is fetched again.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// How long it is used where it cannot be fetched again.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// How long one that was just asked is left alone.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// How many are asked at once. For one set it is one.
const AT_ONCE: usize = 16;
/// How long one waits for its turn.
const WAIT: Duration = Duration::from_millis(500);
const MOST_SETS: u64 = 10_000;

/// Why there is no set: fixed words, as they are shown. Nothing that its owner said is in here.
pub type Trouble = &'static str;

const BUSY: Trouble = "Too many key sets are being fetched. Try again.";

/// Where a set is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Here.
    Set(KeySetUrl),
    /// Where this issuer says it is (`OpenID` Connect Discovery).
    Issuer(IssuerUrl),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(url) => url.fmt(f),
            Self::Issuer(issuer) => issuer.fmt(f),
        }
    }
}

type Slot = Arc<Held>;

#[derive(Default)]
struct Held {
    set: ArcSwapOption<Fetched>,
    last: Mutex<Option<Asked>>,
}

struct Fetched {
    keys: KeySet,
    at: Timestamp,
}

/// When the owner was asked last, and what went wrong then.
struct Asked {
    at: Timestamp,
    trouble: Option<Trouble>,
}

/// The sets held, by where they are.
pub struct JwkSets {
    slots: Cache<Source, Slot>,
    at_once: Semaphore,
}

impl Default for JwkSets {
    fn default() -> Self {
        let slots = Cache::builder().max_capacity(MOST_SETS);
        Self {
            slots: slots.time_to_idle(Duration::from_hours(2)).build(),
            at_once: Semaphore::new(AT_ONCE),
        }
    }
}

impl JwkSets {
    /// Forgets a set, here.
    pub async fn forget(&self, source: &Source) {
        self.slots.invalidate(source).await;
    }
}

/// The keys of a set that a token may be signed with: none where its owner has no such key. Ask only for sets of those
/// who are trusted: what is named by a token itself must not come this far.
///
/// # Errors
/// [`Error::KeySetUnavailable`] where the set cannot be had.
pub async fn find(
    app: &Arc<App>,
    source: &Source,
    token: &Unverified<'_>,
) -> Result<Vec<PublicKey>> {
    let slot = app
        .jwks
        .slots
        .get_with_by_ref(source, async { Slot::default() });
    let slot = slot.await;
    let wanted = |keys: &KeySet| keys.find(token.algorithm(), token.kid());
    let now = app.clock.now();
    if let Some(found) = slot.fresh(now).map(|set| wanted(&set.keys))
        && !found.is_empty()
    {
        return Ok(found);
    }
    let (shared, source) = (Arc::clone(app), source.clone());
    let (algorithm, kid) = (token.algorithm(), token.kid().map(str::to_owned));
    // To its end, whoever hangs up: others wait for the same.
    app.detached(async move {
        let is_there = |keys: &KeySet| !keys.find(algorithm, kid.as_deref()).is_empty();
        let set = slot.refreshed(&shared, &source, is_there).await?;
        Ok(set.keys.find(algorithm, kid.as_deref()))
    })
    .await
}

impl Held {
    fn fresh(&self, now: Timestamp) -> Option<Arc<Fetched>> {
        self.younger_than(FRESH, now)
    }

    fn younger_than(&self, age: SignedDuration, now: Timestamp) -> Option<Arc<Fetched>> {
        let set = self.set.load_full();
        set.filter(|set| is_within(age, set.at, now))
    }

    async fn refreshed(
        &self,
        app: &App,
        source: &Source,
        is_enough: impl Fn(&KeySet) -> bool,
    ) -> Result<Arc<Fetched>> {
        let mut last = self.last.lock().await;
        let now = app.clock.now();
        // Somebody else has fetched it meanwhile.
        if let Some(set) = self.fresh(now).filter(|set| is_enough(&set.keys)) {
            return Ok(set);
        }
        let is_due = last
            .as_ref()
            .is_none_or(|asked| !is_within(PAUSE, asked.at, now));
        if is_due {
            let trouble = self.fetch(app, source).await.err();
            *last = Some(Asked {
                at: app.clock.now(),
                trouble,
            });
        }
        self.younger_than(LONGEST, app.clock.now()).ok_or_else(|| {
            let trouble = last.as_ref().and_then(|asked| asked.trouble);
            Error::KeySetUnavailable(trouble.unwrap_or(BUSY))
        })
    }

    async fn fetch(&self, app: &App, source: &Source) -> std::result::Result<(), Trouble> {
        let turn = tokio::time::timeout(WAIT, app.jwks.at_once.acquire());
        let Ok(Ok(_turn)) = turn.await else {
            return Err(BUSY);
        };
        // What is taken out while the answer comes was still in it: the set is as old as the question.
        let at = app.clock.now();
        let fetched = fetch::fetch(&app.egress, source).await;
        let outcome = if fetched.is_ok() { "fetched" } else { "failed" };
        metrics::counter!("gatehouse_key_sets_total", "outcome" => outcome).increment(1);
        match fetched {
            Ok(keys) => {
                self.set.store(Some(Arc::new(Fetched { keys, at })));
                Ok(())
            }
            Err(trouble) => {
                tracing::warn!(keys.source = %source, trouble, "A key set could not be fetched");
                Err(trouble)
            }
        }
    }
}

/// Whether `now` is less than so long after `since`, and not before: the clock may be set back.
fn is_within(period: SignedDuration, since: Timestamp, now: Timestamp) -> bool {
    let passed = now.duration_since(since);
    !passed.is_negative() && passed < period
}
