//! A worker's log-in.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ureq::http::Method;

use crate::base_url::BaseUrl;
use crate::error::Result;
use crate::http::{Call, Client, Effort, Proof, Repeat};
use crate::secret::Secret;

/// A session is not used when it ends this soon.
const MARGIN: Duration = Duration::from_secs(30);

/// The session in use, if any.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Option<Session>>);

/// A log-in that was taken.
#[derive(Clone)]
pub(super) struct Session {
    token: Secret,
    until: Option<Instant>,
}

#[derive(Serialize)]
struct Request<'a> {
    session: Names<'a>,
}

#[derive(Serialize)]
struct Names<'a> {
    email: &'a str,
    password: &'a str,
}

#[derive(Deserialize)]
struct Opened {
    access_token: Secret,
    expires_at: Option<Timestamp>,
}

impl Session {
    /// What its holder shows.
    pub(super) fn proof(&self) -> Proof {
        Proof::Bearer(self.token.clone())
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Sessions {
    /// The session, made by `log_in` where there is none. Threads that come meanwhile wait, so that one logs in.
    pub(super) fn current(&self, log_in: impl FnOnce() -> Result<Session>) -> Result<Session> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = held.as_ref().filter(|held| held.is_fresh(Instant::now())) {
            return Ok(session.clone());
        }
        let session = log_in()?;
        *held = Some(session.clone());
        Ok(session)
    }

    /// Drops the session, unless another thread has replaced it already.
    pub(super) fn forget(&self, session: &Session) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held
            .as_ref()
            .is_some_and(|held| held.token.expose() == session.token.expose())
        {
            *held = None;
        }
    }
}

/// Logs a worker in.
pub(super) fn log_in(
    client: &Client,
    base: &BaseUrl,
    email: &str,
    password: &str,
    effort: &Effort,
) -> Result<Session> {
    let request = Request {
        session: Names { email, password },
    };
    let call = Call::new(Method::POST, base, "api/sessions", Repeat::Safe).json(&request)?;
    let opened: Opened = client.send(&call, &Proof::None, effort)?.json()?;
    Ok(Session {
        token: opened.access_token,
        until: opened
            .expires_at
            .and_then(|at| usable_for(at, Timestamp::now()))
            .map(|life| Instant::now() + life),
    })
}

/// How long a session that ends `at` is used. `None`, until it is refused, where this machine's clock says that it has
/// ended before it began.
fn usable_for(at: Timestamp, now: Timestamp) -> Option<Duration> {
    let life = Duration::try_from(at.duration_since(now)).ok()?;
    life.checked_sub(MARGIN).filter(|life| !life.is_zero())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::usable_for;

    #[test]
    fn session_is_left_before_it_ends() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |text: &str| usable_for(text.parse().unwrap(), now);
        assert_eq!(at("2026-01-01T00:15:00Z"), Some(Duration::from_secs(870)));
        assert_eq!(at("2026-01-01T00:00:10Z"), None);
        assert_eq!(at("2025-12-31T00:00:00Z"), None);
    }
}
