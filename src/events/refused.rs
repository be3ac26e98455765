//! Refusals: a row for each caller that is known, and one row a minute for all others.
//!
//! A caller that is known and was refused is on record with what it asked for. Wrong keys, missing ones, callers over
//! their limit, and what a public key makes beyond one refusal a second are counted in memory, as anybody can make any
//! number of them; [`tell`] puts the counts on record.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{Event, Outcome};
use crate::app::App;
use crate::db;
use crate::error::{Dialect, Entry, Error};
use crate::telemetry;
use crate::types::{SecretId, VendorId};

/// A refusal is answered, on record or not.
const LIMIT: Duration = Duration::from_secs(2);
/// TrustedLogin's plugins wait no longer; it is recorded meanwhile.
const OF_PLUGINS: Duration = Duration::from_millis(500);
/// Client addresses that are told apart in one row.
const MOST_ADDRESSES: usize = 1000;

/// Who asks, once that is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Of which vendor, if of one.
    pub vendor: Option<VendorId>,
    /// As the events name the caller.
    pub actor: String,
}

/// What turned out about a request while it was answered.
#[derive(Debug, Default)]
pub struct Seen {
    who: OnceLock<Who>,
    site: OnceLock<SecretId>,
    told: AtomicBool,
}

impl Seen {
    /// Notes who asks. The first to say so is believed.
    pub fn note_caller(&self, vendor: Option<VendorId>, actor: impl Into<String>) {
        let actor = actor.into();
        self.who.get_or_init(|| Who { vendor, actor });
    }

    /// Who asks, once that is proved.
    #[must_use]
    pub fn who(&self) -> Option<Who> {
        self.who.get().cloned()
    }

    /// Of which vendor the caller is, once that is proved.
    #[must_use]
    pub fn vendor(&self) -> Option<VendorId> {
        self.who.get()?.vendor
    }

    /// Notes which site it is about.
    pub fn note_site(&self, secret_id: &SecretId) {
        self.site.get_or_init(|| secret_id.clone());
    }

    /// Notes that the refusal is on record already, or is put on it aside.
    pub fn note_told(&self) {
        self.told.store(true, Ordering::Relaxed);
    }
}

/// What a refused request asked for.
pub struct Asked {
    /// HTTP method.
    pub method: String,
    /// The route's pattern: paths may hold keys.
    pub route: String,
}

/// Refusals since they were last told, by vendor where one is known.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<Option<VendorId>, Tally>>);

struct Tally {
    since: Timestamp,
    counts: BTreeMap<&'static str, u64>,
    addresses: HashSet<IpAddr>,
}

impl Refusals {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Option<VendorId>, Tally>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(
        &self,
        vendor: Option<VendorId>,
        code: &'static str,
        from: Option<IpAddr>,
        now: Timestamp,
    ) {
        let mut tallies = self.lock();
        let tally = tallies.entry(vendor).or_insert_with(|| Tally {
            since: now,
            counts: BTreeMap::new(),
            addresses: HashSet::new(),
        });
        *tally.counts.entry(code).or_default() += 1;
        if tally.addresses.len() < MOST_ADDRESSES {
            tally.addresses.extend(from);
        }
    }

    /// Takes back what could not be told.
    fn put_back(&self, vendor: Option<VendorId>, former: Tally) {
        let mut tallies = self.lock();
        let Some(tally) = tallies.get_mut(&vendor) else {
            tallies.insert(vendor, former);
            return;
        };
        tally.since = tally.since.min(former.since);
        for (code, count) in former.counts {
            *tally.counts.entry(code).or_default() += count;
        }
        let room = MOST_ADDRESSES.saturating_sub(tally.addresses.len());
        tally
            .addresses
            .extend(former.addresses.into_iter().take(room));
    }
}

/// What is kept of a refusal.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    /// A row.
    Row(Outcome),
    /// A count.
    Count,
    /// Nothing: it is this service's own trouble, and in the log.
    Nothing,
}

fn kept(error: &Error, entry: &Entry) -> Kept {
    match error {
        Error::Db(_) | Error::Stale | Error::Starting | Error::Internal(_) => Kept::Nothing,
        Error::Busy
        | Error::PasswordsBusy
        | Error::CredentialsMissing
        | Error::CredentialsInvalid
        | Error::ConnectorRefused => Kept::Count,
        _ if entry.status == 429 => Kept::Count,
        _ if entry.status.is_server_error() => Kept::Row(Outcome::Failed(entry.code)),
        _ => Kept::Row(Outcome::Refused(entry.code)),
    }
}

/// Keeps a refusal before it is answered. Where that fails, or takes long, it is answered all the same: nothing is given away
/// by it. What is late already is answered at once.
pub async fn keep(app: &Arc<App>, error: &Error, asked: Asked) {
    let (current, entry) = (telemetry::current(), error.entry());
    metrics::counter!("gatehouse_refusals_total", "code" => entry.code).increment(1);
    let who = current.seen.who.get();
    match (kept(error, &entry), who) {
        (Kept::Nothing, _) => {}
        _ if current.seen.told.load(Ordering::Relaxed) => {}
        (Kept::Row(outcome), Some(who)) if may_tell(app, who) => {
            let refusal = Refusal {
                outcome,
                who: who.clone(),
                site: current.seen.site.get().cloned(),
                asked,
            };
            let recorder = Arc::clone(app);
            let recording = async move { refusal.record(&recorder).await };
            if is_late(error) {
                app.aside(recording);
                return;
            }
            let recording = app.detached(async move {
                recording.await;
                Ok(())
            });
            let patience = match current.dialect {
                Dialect::TrustedLogin => OF_PLUGINS,
                Dialect::Own | Dialect::RPort | Dialect::OAuth | Dialect::Console => LIMIT,
            };
            tokio::time::timeout(patience, recording).await.ok();
        }
        (_, who) => {
            let vendor = who.and_then(|who| who.vendor);
            let now = app.clock.now();
            app.refusals.count(vendor, entry.code, current.address, now);
        }
    }
}

/// Whether the caller does not wait any more: the body broke off, or the time was over.
fn is_late(error: &Error) -> bool {
    matches!(
        error,
        Error::MalformedBody | Error::BodyTooLarge | Error::BodyTimeout | Error::RequestTimeout
    )
}

/// Everybody has the public key: beyond some, its refusals are counted.
fn may_tell(app: &App, who: &Who) -> bool {
    match who.vendor {
        Some(vendor) if who.actor == "public-key" => app.limits.may_tell(vendor),
        _ => true,
    }
}

/// A refusal of somebody who is known.
struct Refusal {
    outcome: Outcome,
    who: Who,
    site: Option<SecretId>,
    asked: Asked,
}

impl Refusal {
    async fn record(&self, app: &App) {
        let recorded = tokio::time::timeout(LIMIT, self.insert(app));
        if !matches!(recorded.await, Ok(Ok(()))) {
            metrics::counter!("gatehouse_refusals_unrecorded_total").increment(1);
            let (_, code) = self.outcome.parts();
            tracing::error!(error.code = code, "A refusal could not be put on record");
        }
    }

    async fn insert(&self, app: &App) -> db::Result<()> {
        let event = Event {
            outcome: self.outcome,
            secret_id: self.site.as_ref(),
            details: json!({ "method": self.asked.method, "route": self.asked.route }),
            ..Event::done("request.refused", self.who.vendor, &self.who.actor)
        };
        let client = app.db.of_or_all(self.who.vendor).await?;
        event.record(&client, app.clock.now()).await
    }
}

/// Puts the counts on record, one row for each vendor that is known and one for everybody else. Gives how many refusals
/// were told of.
///
/// # Errors
/// Where the database does not answer: what was not told is told the next time.
pub async fn tell(app: &App) -> db::Result<u64> {
    let tallies = std::mem::take(&mut *app.refusals.lock());
    let (mut told, mut failed) = (0, None);
    for (vendor, tally) in tallies {
        let count: u64 = tally.counts.values().sum();
        match one(app, vendor, &tally).await {
            Ok(()) => told += count,
            Err(error) => {
                app.refusals.put_back(vendor, tally);
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(told), Err)
}

async fn one(app: &App, vendor: Option<VendorId>, tally: &Tally) -> db::Result<()> {
    let (actor, code) = match vendor {
        Some(_) => ("gatehouse", "limited"),
        None => ("anyone", "unauthenticated"),
    };
    let event = Event {
        outcome: Outcome::Refused(code),
        details: json!({ "since": tally.since, "counts": tally.counts, "addresses": tally.addresses.len() }),
        ..Event::done("requests.refused", vendor, actor)
    };
    let client = app.db.of_or_all(vendor).await?;
    event.record(&client, app.clock.now()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_can_make_is_counted_and_what_is_ours_is_left_out() {
        let of = |error: Error| kept(&error, &error.entry());
        let row = Kept::Row(Outcome::Refused("access_key_required"));
        assert_eq!(of(Error::AccessKeyRequired), row);
        let sealed = of(Error::Vault(crate::vault::Error::Sealed));
        assert!(
            matches!(sealed, Kept::Row(Outcome::Failed(_))),
            "{sealed:?}"
        );
        for error in [
            Error::CredentialsInvalid,
            Error::RateLimited { retry_after: 1 },
        ] {
            assert_eq!(of(error), Kept::Count);
        }
        assert_eq!(of(Error::Stale), Kept::Nothing);
    }

    #[test]
    fn counts_that_were_put_back_are_told_with_the_next() {
        let refusals = Refusals::default();
        let at = |second| Timestamp::from_second(second).unwrap_or_default();
        let from = |last| Some(IpAddr::from([192, 0, 2, last]));
        refusals.count(None, "credentials_invalid", from(1), at(5));
        let former = refusals.lock().remove(&None);
        refusals.count(None, "credentials_invalid", from(1), at(9));
        refusals.count(None, "credentials_missing", from(2), at(9));
        if let Some(former) = former {
            refusals.put_back(None, former);
        }
        let tallies = refusals.lock();
        let tally = tallies.get(&None);
        let counts = tally.map(|tally| tally.counts.values().copied().collect::<Vec<_>>());
        let rest = tally.map(|tally| (tally.since, tally.addresses.len()));
        assert_eq!((counts, rest), (Some(vec![2, 1]), Some((at(5), 2))));
    }
}
