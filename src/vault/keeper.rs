//! The task that keeps an app token alive.
//!
//! A keeper looks its token up, renews it well before its end with the seed's `increment: 42h`, and notices a life
//! that no longer grows: then, or when the token is lost, it logs in again (AppRole) or reads its file again. It never
//! gives up; what it knows is shown to operators and to `/readyz`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::app_token::{AppToken, Held, TokenSource};
use super::fitness::Unfit;
use super::tokens::{self, TokenInfo};
use crate::types::Secret;

const INCREMENT: &str = "42h";
/// Two thirds of what is asked for: a life of this length needs not grow any more.
const ENOUGH: Duration = Duration::from_hours(28);
const SLOWEST_CHECK: Duration = Duration::from_hours(6);
const LOOK_PAUSE: Duration = Duration::from_millis(100);
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);

impl AppToken {
    /// Renews now, as an operator asked.
    ///
    /// # Errors
    /// Where OpenBao refuses or does not answer; the token is held as before then.
    pub async fn renew_now(&self) -> Result<(), Error> {
        let _alone = self.tending.lock().await;
        self.renew().await.map(|_| ())
    }

    /// Keeps the token alive until `stop`.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut backoff = FIRST_BACKOFF;
        let mut due = Instant::now();
        // Refused calls make it look at the token, ten times a second at most; they never put the renewal off. While
        // it fails there is nothing to look at before the next try.
        let (mut asked, mut may_look, mut failing) = (false, due, false);
        loop {
            let next = if asked { due.min(may_look) } else { due };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified(), if !asked => asked = true,
                () = tokio::time::sleep_until(next.into()) => {}
            }
            let now = Instant::now();
            if now < due && (failing || now < may_look) {
                if failing {
                    asked = false;
                    self.changed.notify_waiters();
                }
                continue;
            }
            asked = false;
            let tended = if now < due {
                self.check().await
            } else {
                self.tend().await.map(Some)
            };
            let now = Instant::now();
            may_look = now + LOOK_PAUSE;
            failing = tended.is_err();
            match tended {
                Ok(None) => {}
                Ok(Some(next)) => {
                    backoff = FIRST_BACKOFF;
                    due = now + next;
                }
                Err(error) => {
                    self.failed(&error);
                    let limit = self
                        .remaining()
                        .map_or(LONGEST_BACKOFF, |left| left.div_f64(4.0));
                    due = now + jittered(backoff.min(limit.max(FIRST_BACKOFF)));
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
            }
            self.plan(due.saturating_duration_since(now));
            self.changed.notify_waiters();
        }
    }

    fn failed(&self, error: &Error) {
        self.stats().failures += 1;
        metrics::counter!("gatehouse_app_token_failures_total", "token" => self.name).increment(1);
        tracing::error!(app_token.name = self.name, %error, "The app token could not be kept");
    }

    /// One step of keeping: fetch, or renew, or fetch again where renewing no longer helps. Gives the time to the next.
    async fn tend(&self) -> Result<Duration, Error> {
        let _alone = self.tending.lock().await;
        if self.remaining().is_none() {
            return self.fetch().await;
        }
        match self.renew().await {
            Ok(true) => Ok(self.until_renewal()),
            Ok(false) => self.fetch_or_last(None).await,
            Err(error @ Error::Denied(_)) => match self.look().await? {
                Some(next) => Ok(next),
                None => self.replace(error).await,
            },
            Err(error @ Error::Rejected(_)) => self.fetch_or_last(Some(error)).await,
            Err(error) => Err(error),
        }
    }

    /// Looks whether the token still lives, after a refused call. `None` where it does; else the time to the renewal
    /// of another that was fetched.
    async fn check(&self) -> Result<Option<Duration>, Error> {
        let _alone = self.tending.lock().await;
        self.look().await
    }

    async fn look(&self) -> Result<Option<Duration>, Error> {
        let Ok(handle) = self.handle() else {
            return self.fetch().await.map(Some);
        };
        match tokens::lookup_self(&handle).await {
            Ok(_) => Ok(None),
            Err(Error::Denied(_)) => {
                tracing::warn!(app_token.name = self.name, "The app token is lost");
                self.held.store(None);
                self.fetch().await.map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches another for a token that lives and may not be renewed, which somebody must know.
    async fn replace(&self, refused: Error) -> Result<Duration, Error> {
        if !matches!(self.source, TokenSource::Token(_)) {
            self.failed(&refused);
        }
        self.fetch_or_last(Some(refused)).await
    }

    /// Fetches a token that lives longer than the held one. Where the source has none, the held one serves to its end.
    async fn fetch_or_last(&self, refused: Option<Error>) -> Result<Duration, Error> {
        if let TokenSource::Token(_) = self.source {
            let left = self.remaining().unwrap_or_default();
            tracing::error!(
                app_token.name = self.name,
                seconds_left = left.as_secs(),
                "The app token cannot be renewed any further and has no source to come from again"
            );
            return refused.map_or_else(|| Ok((left / 2).max(FIRST_BACKOFF)), Err);
        }
        self.fetch().await
    }

    /// Gets a token from the source and looks it up.
    async fn fetch(&self) -> Result<Duration, Error> {
        let obtained = self.obtain().await;
        match &obtained {
            Ok(_) => *self.unfit_cell() = None,
            Err(Error::Unfit(why)) => *self.unfit_cell() = Some(*why),
            Err(_) => {}
        }
        let (token, info) = obtained?;
        let granted = Duration::from_secs(info.ttl);
        // A dying token has no full second left either.
        let ends = (info.ttl > 0 || info.expire_time.is_some()).then(|| Instant::now() + granted);
        tracing::info!(
            app_token.name = self.name,
            ttl_seconds = info.ttl,
            "Holds an app token"
        );
        self.hold(token, info, ends, granted);
        self.stats().logins += 1;
        metrics::counter!("gatehouse_app_token_logins_total", "token" => self.name).increment(1);
        Ok(self.until_renewal())
    }

    /// A token that the service may run with.
    async fn obtain(&self) -> Result<(Secret, TokenInfo), Error> {
        let token = self.source.obtain(&self.connection).await?;
        let handle = self.connection.with_token(&token);
        let info = tokens::lookup_self(&handle).await?;
        if !self.may_be_unfit.load(Ordering::Relaxed)
            && let Some(unfit) = Unfit::of(&handle, &info).await?
        {
            return Err(unfit.into());
        }
        Ok((token, info))
    }

    /// Renews. `false` where the end did not move, as for a token at its longest life.
    async fn renew(&self) -> Result<bool, Error> {
        let held = self.held.load_full().ok_or(Error::NoAppToken)?;
        let Some(ends) = held.ends else {
            return Ok(true);
        };
        let auth = tokens::renew_self(&self.connection.with_token(&held.token), INCREMENT).await?;
        let lease = Duration::from_secs(auth.lease_duration);
        let new_end = Instant::now() + lease;
        let grown = lease >= ENOUGH || new_end > ends + Duration::from_secs(1);
        let mut info = held.info.clone();
        info.ttl = auth.lease_duration;
        info.expire_time = Timestamp::now()
            .checked_add(lease)
            .ok()
            .map(|at| at.to_string());
        let granted = if grown { lease } else { held.granted };
        self.hold(held.token.clone(), info, Some(new_end), granted);
        self.stats().renewals += 1;
        metrics::counter!("gatehouse_app_token_renewals_total", "token" => self.name).increment(1);
        tracing::info!(
            app_token.name = self.name,
            ttl_seconds = auth.lease_duration,
            grown,
            "Renewed the app token"
        );
        Ok(grown)
    }

    fn hold(&self, token: Secret, info: TokenInfo, ends: Option<Instant>, granted: Duration) {
        let life = ends.map(|end| end.saturating_duration_since(Instant::now()).as_secs());
        self.held.store(Some(Arc::new(Held {
            token,
            info,
            ends,
            granted,
        })));
        self.stats().note(Timestamp::now(), life);
    }

    /// Half the life left, so that a renewal that fails can be tried again many times.
    fn until_renewal(&self) -> Duration {
        jittered((self.remaining().unwrap_or_default() / 2).clamp(FIRST_BACKOFF, SLOWEST_CHECK))
    }

    fn plan(&self, pause: Duration) {
        self.stats().next_renewal = Timestamp::now().checked_add(pause).ok();
        if let Some(left) = self.remaining().filter(|left| *left != Duration::MAX) {
            metrics::gauge!("gatehouse_app_token_seconds_left", "token" => self.name)
                .set(left.as_secs_f64());
        }
    }
}

/// A time up to a tenth shorter, so that replicas do not call at the same moment.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(rand::random_range(0.9..1.0))
}
