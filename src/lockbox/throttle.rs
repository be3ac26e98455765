//! Holds back who tries passwords of a lockbox: short delays that grow, so that the right password gets in all the same.
//!
//! Each try takes the next free moment before the password is looked at, in the lockbox's row: many at once gain nothing,
//! on no replica.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::{UserId, VendorId};

/// So many wrong ones in a row cost nothing.
const FREE: i32 = 3;
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);
/// After that long without a wrong one, all is forgotten.
const MEMORY: SignedDuration = SignedDuration::from_mins(15);
/// Where the caller speaks our own dialect, so many wrong ones close it for [`MEMORY`].
const STRICT: i32 = 5;

/// How patient a dialect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// RPort's: delays only.
    Delays,
    /// Ours: after five wrong ones nothing more for a quarter of an hour.
    Strict,
}

/// What is known of tries before.
pub struct Tries {
    /// Wrong ones in a row.
    pub failures: i32,
    /// The last one.
    pub failed_at: Option<Timestamp>,
    /// When the next one may begin.
    pub next_at: Option<Timestamp>,
}

/// When a try may begin, and what is known after it.
struct Slot {
    begin: Timestamp,
    after: Tries,
}

fn pause(failures: i32) -> Duration {
    let doublings = u32::try_from(failures - FREE).ok();
    doublings.map_or(Duration::ZERO, |n| {
        FIRST.saturating_mul(2u32.saturating_pow(n)).min(LONGEST)
    })
}

/// The slot of the next try, or how many seconds until it makes sense to ask again.
fn slot(before: &Tries, now: Timestamp, patience: Patience) -> std::result::Result<Slot, u64> {
    let is_recent = |at: Timestamp| now.duration_since(at) < MEMORY;
    let failures = match before.failed_at {
        Some(at) if is_recent(at) => before.failures,
        _ => 0,
    };
    if patience == Patience::Strict && failures >= STRICT {
        let since = before.failed_at.map_or(MEMORY, |at| now.duration_since(at));
        return Err((MEMORY - since).as_secs().unsigned_abs() + 1);
    }
    let begin = before.next_at.map_or(now, |at| at.max(now));
    let ahead = begin.duration_since(now);
    if ahead > SignedDuration::try_from(LONGEST).unwrap_or(SignedDuration::ZERO) {
        return Err(ahead.as_secs().unsigned_abs() + 1);
    }
    let failures = failures.saturating_add(1);
    let next = begin.checked_add(pause(failures)).unwrap_or(begin);
    let after = Tries {
        failures,
        failed_at: Some(now),
        next_at: Some(next),
    };
    Ok(Slot { begin, after })
}

/// A try that was counted as a wrong one until it is known to be none. One of each user waits at a time, so that one
/// who guesses does not keep the others out.
pub struct Try<'a> {
    app: &'a App,
    vendor: VendorId,
    user: UserId,
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        self.app.lockboxes.end_try(self.vendor, self.user);
    }
}

impl Try<'_> {
    /// The password was right: all wrong ones before are forgotten.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn succeeded(self) -> Result<()> {
        let client = self.app.db.of(self.vendor).await?;
        Ok(store::forget_tries(&client, self.vendor).await?)
    }

    /// It could not be decided: it is taken back, as far as the database is in reach.
    pub async fn undecided(self) {
        let done = async {
            let client = self.app.db.of(self.vendor).await?;
            store::take_try_back(&client, self.vendor).await
        };
        if let Err(error) = done.await {
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(error.cause = %cause, "A try to unlock stays counted as a wrong one");
        }
    }
}

/// Takes the next slot for a try, and waits for it.
///
/// # Errors
/// [`Error::RateLimited`] where too many wait already, or trouble with the database.
pub async fn admit(
    app: &App,
    vendor: VendorId,
    user: UserId,
    patience: Patience,
) -> Result<Try<'_>> {
    if !app.lockboxes.begin_try(vendor, user) {
        return Err(Error::RateLimited { retry_after: 1 });
    }
    let counted = Try { app, vendor, user };
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let (before, now) = store::tries(&transaction, vendor).await?;
    let slot = match slot(&before, now, patience) {
        Ok(slot) => slot,
        Err(retry_after) => return Err(Error::RateLimited { retry_after }),
    };
    store::note_try(&transaction, vendor, &slot.after).await?;
    transaction.commit().await?;
    drop(client);
    let wait = Duration::try_from(slot.begin.duration_since(now)).unwrap_or(Duration::ZERO);
    tokio::time::sleep(wait).await;
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn fresh() -> Tries {
        Tries {
            failures: 0,
            failed_at: None,
            next_at: None,
        }
    }

    /// The seconds each of some tries waits, all made at once.
    fn waits(patience: Patience) -> Vec<Option<f64>> {
        let (mut tries, now, mut waits) = (fresh(), at(1000), Vec::new());
        for _ in 0..10 {
            match slot(&tries, now, patience) {
                Ok(slot) => {
                    waits.push(Some(slot.begin.duration_since(now).as_secs_f64()));
                    tries = slot.after;
                }
                Err(_) => waits.push(None),
            }
        }
        waits
    }

    #[test]
    fn delays_grow_and_a_crowd_is_sent_away() {
        let delays: Vec<f64> = waits(Patience::Delays).into_iter().flatten().collect();
        assert_eq!(delays, [0.0, 0.0, 0.0, 0.25, 0.75, 1.75, 3.75]);
        let strict = waits(Patience::Strict);
        assert_eq!(strict.iter().flatten().count(), 5);
    }

    #[test]
    fn the_right_password_is_kept_out_for_seconds_only() {
        let stubborn = Tries {
            failures: 1000,
            failed_at: Some(at(1000)),
            next_at: Some(at(1000)),
        };
        let next = slot(&stubborn, at(1000), Patience::Delays).expect("a slot");
        let pause = next.after.next_at.expect("a time").duration_since(at(1000));
        assert_eq!(pause, SignedDuration::from_secs(5));
        assert_eq!(slot(&stubborn, at(1100), Patience::Strict).err(), Some(801));
        let forgotten = slot(&stubborn, at(1000 + 900), Patience::Strict).expect("a slot");
        assert_eq!(forgotten.after.failures, 1);
    }
}
