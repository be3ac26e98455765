//! How many tokens may live at once. Every live token is a lease of OpenBao's, and OpenBao bears so many.
//!
//! A token counts until its longest life is over or it is revoked, whether it was used, wrapped or forgotten. All of the
//! service have a cap, each vendor has one within it, and within that each client address that shows the vendor's public
//! key. Of the first two a reserve is kept from public keys, so that whoever has a plugin shuts nobody out. Tokens that
//! the service uses itself are never refused.
//!
//! The counts are held in memory. Each replica counts its own tokens as they are asked for, and all of them in the ledger
//! every few seconds, or before it refuses. So one replica never hands out more than a cap says; of `N` replicas each
//! may hand out what was left at its last count, and together they exceed a cap by `N - 1` times that at most.

pub mod http;
pub mod store;
mod tally;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{Grant, Kind};
use crate::app::App;
use crate::config::LeaseCaps;
use crate::db;
use crate::error::{Error, Result};
use crate::http::limit::network;
use crate::telemetry;
use crate::types::VendorId;

use tally::{Tallies, Whose};

/// How old a count may be while there is room.
const FRESH: SignedDuration = SignedDuration::from_secs(5);
/// How old one may be to refuse by.
const FRESH_TO_REFUSE: SignedDuration = SignedDuration::from_secs(1);
/// A count that takes longer than `CHEAP` is followed by a pause so many times as long.
const SHARE: u32 = 10;
const CHEAP: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(4);
/// Nobody is told to wait longer, seconds: tokens are revoked, and caps raised, at any time.
const LONGEST_WAIT: i64 = 3600;

/// Whose budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// The client address's, by the vendor's public key.
    Address,
    /// The vendor's share for its public key.
    PublicKey,
    /// The vendor's.
    Vendor,
    /// The whole service's.
    Service,
}

impl Exhausted {
    /// As answers name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::PublicKey => "public_key",
            Self::Vendor => "vendor",
            Self::Service => "service",
        }
    }

    /// As answers explain it.
    #[must_use]
    pub fn detail(self) -> &'static str {
        match self {
            Self::Address => {
                "As many tokens of this client address live as may. Wait as long as Retry-After says."
            }
            Self::PublicKey => {
                "As many tokens of this vendor live as may for its public key. Wait as long as Retry-After says."
            }
            Self::Vendor => {
                "As many tokens of this vendor live as may. Revoke some, or wait as long as Retry-After says."
            }
            Self::Service => {
                "As many tokens live as OpenBao may bear. Wait as long as Retry-After says."
            }
        }
    }
}

/// Who is to get a token.
#[derive(Clone, Copy)]
struct Asker {
    vendor: VendorId,
    cap: Option<u32>,
    /// What counts as one client, for one that shows the public key.
    public: Option<IpAddr>,
}

/// The counts.
#[derive(Default)]
pub struct Budget {
    tallies: Mutex<Tallies>,
    counting: tokio::sync::Mutex<Option<Counted>>,
    last: Mutex<Option<Counted>>,
}

/// When all were counted last, and how long that took.
#[derive(Clone, Copy)]
struct Counted {
    at: Timestamp,
    ended: Instant,
    took: Duration,
}

impl Counted {
    fn is_older_than(&self, age: SignedDuration, now: Timestamp) -> bool {
        let is_cheap = self.took < CHEAP || self.ended.elapsed() >= self.took * SHARE;
        now.duration_since(self.at).abs() >= age && is_cheap
    }
}

/// A place for one token, given back unless it is filled.
pub struct Place<'a> {
    budget: &'a Budget,
    whose: Option<Whose>,
    is_filled: bool,
}

impl Place<'_> {
    /// The token is on record.
    pub fn fill(mut self) {
        self.is_filled = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(whose) = &self.whose {
            self.budget.lock().leave(whose, self.is_filled);
        }
    }
}

impl Budget {
    /// A place for the token that is asked for.
    ///
    /// # Errors
    /// [`Error::LeaseBudget`], or trouble with the database where the tokens are to be counted first.
    pub async fn take<'a>(&'a self, app: &Arc<App>, grant: &Grant) -> Result<Place<'a>> {
        if grant.kind.is_own() {
            return Ok(Place {
                budget: self,
                whose: None,
                is_filled: false,
            });
        }
        let address = telemetry::current().address.map(network);
        let asker = Asker {
            vendor: grant.vendor.id,
            cap: grant.vendor.lease_cap,
            public: address.filter(|_| grant.is_public()),
        };
        self.keep_counted(app).await?;
        if self.try_take(app, &asker).is_ok() {
            return Ok(self.place(&asker));
        }
        // Some may have ended, or have been revoked elsewhere.
        self.count(app, FRESH_TO_REFUSE).await?;
        match self.try_take(app, &asker) {
            Ok(()) => Ok(self.place(&asker)),
            Err(reason) => Err(self.refusal(app, &asker, reason)),
        }
    }

    fn place(&self, asker: &Asker) -> Place<'_> {
        Place {
            budget: self,
            whose: Some(Whose {
                vendor: asker.vendor,
                network: asker.public,
            }),
            is_filled: false,
        }
    }

    fn refusal(&self, app: &App, asker: &Asker, reason: Exhausted) -> Error {
        metrics::counter!("gatehouse_lease_refusals_total", "reason" => reason.as_str())
            .increment(1);
        let ends = self.lock().next_end(asker.vendor, asker.public, reason);
        let now = app.clock.now();
        // Where none is known yet, the next count knows.
        let wait = ends.map_or(2, |end| end.duration_since(now).as_secs() + 1);
        let retry_after = u64::try_from(wait.clamp(1, LONGEST_WAIT)).unwrap_or(1);
        Error::LeaseBudget {
            reason,
            retry_after,
        }
    }

    /// Takes a place where all caps let it, in one step.
    fn try_take(&self, app: &App, asker: &Asker) -> std::result::Result<(), Exhausted> {
        let caps = &app.config.limits.leases;
        let cap = asker.cap.unwrap_or(caps.vendor);
        let mut tallies = self.lock();
        let all = tallies.of_all();
        let of_vendor = tallies.of_vendor(asker.vendor);
        if all >= caps.all {
            return Err(Exhausted::Service);
        }
        if of_vendor >= cap {
            return Err(Exhausted::Vendor);
        }
        if let Some(network) = asker.public {
            if tallies.of_network(asker.vendor, network) >= caps.address {
                return Err(Exhausted::Address);
            }
            if of_vendor >= caps.without_reserve(cap) {
                return Err(Exhausted::PublicKey);
            }
            if all >= caps.without_reserve(caps.all) {
                return Err(Exhausted::Service);
            }
        }
        tallies.enter(&Whose {
            vendor: asker.vendor,
            network: asker.public,
        });
        Ok(())
    }

    /// Counts in the background where the last count is some seconds old; waits only for the very first.
    async fn keep_counted(&self, app: &Arc<App>) -> Result<()> {
        let now = app.clock.now();
        match self.last() {
            None => self.count(app, FRESH).await,
            Some(last) if last.is_older_than(FRESH, now) => {
                let counter = Arc::clone(app);
                app.aside(async move {
                    let budget = &counter.budget;
                    // Somebody is at it already.
                    let Ok(mut last) = budget.counting.try_lock() else {
                        return;
                    };
                    if let Err(error) = budget.recount(&counter, FRESH, &mut last).await {
                        let cause = crate::error::cause_chain(&error);
                        tracing::warn!(error.cause = %cause, "Live tokens could not be counted");
                    }
                });
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    /// Counts all live tokens in the ledger, unless somebody did a moment ago. Those who wait for the same count share it.
    ///
    /// # Errors
    /// Where the database does not answer: the counts stay as they are.
    async fn count(&self, app: &App, age: SignedDuration) -> Result<()> {
        let mut last = self.counting.lock().await;
        self.recount(app, age, &mut last).await
    }

    async fn recount(
        &self,
        app: &App,
        age: SignedDuration,
        last: &mut Option<Counted>,
    ) -> Result<()> {
        let now = app.clock.now();
        if last.is_some_and(|last| !last.is_older_than(age, now)) {
            return Ok(());
        }
        // Below an eighth of its cap nobody is near it.
        let many = (app.config.limits.leases.address / 8).max(1);
        let client = app.db.all().await?;
        let began = Instant::now();
        self.lock().begin();
        let own = own_kinds();
        let counting = store::count(&client, &own, now, many);
        // A backend that hangs answers nothing, not even its own time limit.
        let counts = tokio::time::timeout(LIMIT, counting).await;
        let counts = counts.unwrap_or(Err(db::Error::TimedOut))?;
        drop(client);
        let all = {
            let mut tallies = self.lock();
            tallies.replace(counts);
            tallies.of_all()
        };
        metrics::gauge!("gatehouse_leases").set(f64::from(all));
        metrics::gauge!("gatehouse_leases_cap").set(f64::from(app.config.limits.leases.all));
        let counted = Counted {
            at: now,
            ended: Instant::now(),
            took: began.elapsed(),
        };
        *last = Some(counted);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(counted);
        Ok(())
    }

    fn last(&self) -> Option<Counted> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kinds that the service uses itself.
#[must_use]
pub fn own_kinds() -> Vec<&'static str> {
    let own = Kind::ALL.into_iter().filter(|kind| kind.is_own());
    own.map(|kind| kind.rules().name).collect()
}

impl LeaseCaps {
    /// What is left of a cap for public keys.
    #[must_use]
    pub fn without_reserve(&self, cap: u32) -> u32 {
        let kept = u64::from(cap) * u64::from(self.reserve_percent.min(100));
        cap - u32::try_from(kept.div_ceil(100)).unwrap_or(cap).min(cap)
    }
}
