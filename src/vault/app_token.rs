//! A token of the service's own: what is held of it, and how calls use it. Its keeper is [`super::keeper`].

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;
use utoipa::ToSchema;

use super::client::{Connection, Handle};
use super::fitness::Unfit;
use super::tokens::TokenInfo;
use super::{Error, Kubernetes, Result, WrappedSecretId, approle};
use crate::types::Secret;

/// How long a refused call waits for the keeper, which logs in meanwhile where the token is lost. Where it is not, or
/// where the keeper fails, its word comes at once.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// How often it is said that a right is missing.
const MISSING_RIGHT_TOLD: Duration = Duration::from_mins(1);

/// Where a token of the service's own comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// A token given in the environment. Once lost it cannot be had again.
    Token(Secret),
    /// A file, read again before the token's end and when it is lost.
    File(PathBuf),
    /// AppRole: logs in as often as needed.
    AppRole {
        /// Not secret by itself.
        role_id: String,
        /// Secret.
        secret_id: Secret,
    },
    /// The same with a secret id that is unwrapped once.
    Wrapped {
        /// Not secret by itself.
        role_id: String,
        /// The secret id.
        secret_id: Arc<WrappedSecretId>,
    },
    /// The service account of the pod.
    Kubernetes(Kubernetes),
}

/// The token in a file.
///
/// # Errors
/// Where the file cannot be read.
pub(super) async fn token_file(path: &Path) -> Result<Secret> {
    let text = tokio::fs::read_to_string(path).await;
    let text = text.map_err(|e| Error::Unavailable(format!("token file: {}", e.kind())))?;
    Ok(Secret::new(text.trim().to_owned()))
}

impl TokenSource {
    /// Gets a token: by logging in where it is an AppRole or a service account. A wrapped secret id is used up by the first time.
    ///
    /// # Errors
    /// Where the file cannot be read, or OpenBao refuses or does not answer.
    pub async fn obtain(&self, connection: &Connection) -> Result<Secret> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::File(path) => token_file(path).await,
            Self::Kubernetes(role) => Ok(role.login(&connection.anonymous()).await?.client_token),
            Self::AppRole { role_id, secret_id } => {
                let auth = approle::login(&connection.anonymous(), role_id, secret_id).await?;
                Ok(auth.client_token)
            }
            Self::Wrapped { role_id, secret_id } => {
                let secret_id = secret_id.open(connection).await?;
                let auth = approle::login(&connection.anonymous(), role_id, secret_id).await?;
                Ok(auth.client_token)
            }
        }
    }
}

/// A token of the service's own, renewed in the background.
pub struct AppToken {
    pub(super) name: &'static str,
    pub(super) source: TokenSource,
    pub(super) connection: Connection,
    pub(super) held: ArcSwapOption<Held>,
    pub(super) may_be_unfit: AtomicBool,
    pub(super) unfit: std::sync::Mutex<Option<Unfit>>,
    stats: std::sync::Mutex<Stats>,
    /// Held while the token is renewed or fetched.
    pub(super) tending: tokio::sync::Mutex<()>,
    pub(super) wake: Notify,
    pub(super) changed: Notify,
}

pub(super) struct Held {
    pub token: Secret,
    pub info: TokenInfo,
    /// `None` for a token without an end.
    pub ends: Option<Instant>,
    /// The last life that was not cut short by the token's end.
    pub granted: Duration,
}

#[derive(Clone, Default)]
pub(super) struct Stats {
    pub renewals: u64,
    pub logins: u64,
    pub failures: u64,
    pub last_renewal: Option<Timestamp>,
    pub next_renewal: Option<Timestamp>,
    pub missing_right_told: Option<Instant>,
    pub history: VecDeque<Renewal>,
}

/// How many renewals are remembered.
const REMEMBERED: usize = 48;

/// A renewal, or a log-in, and the life that it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// When.
    pub at: Timestamp,
    /// Seconds of life from then on; `None` for a token without an end.
    pub life: Option<u64>,
}

impl Stats {
    /// Notes that another token is held, or the same with more life.
    pub fn note(&mut self, at: Timestamp, life: Option<u64>) {
        self.last_renewal = Some(at);
        if self.history.len() >= REMEMBERED {
            self.history.pop_front();
        }
        self.history.push_back(Renewal { at, life });
    }
}

/// What operators see of an app token: everything but the token.
#[derive(Serialize, ToSchema)]
#[schema(as = AppToken)]
pub struct AppTokenState {
    /// `issuer`, `revoker`, `provisioner`, or `saas` for one token with all rights.
    pub name: &'static str,
    /// Seconds left, `null` without a token or an end.
    #[schema(required)]
    pub ttl_seconds: Option<u64>,
    /// When it was renewed or fetched last.
    #[schema(required)]
    pub last_renewal: Option<Timestamp>,
    /// When it is renewed next.
    #[schema(required)]
    pub next_renewal: Option<Timestamp>,
    /// Successful renewals since the start.
    pub renewals: u64,
    /// Log-ins (or readings of the token file) since the start.
    pub logins: u64,
    /// Failed attempts since the start.
    pub failures: u64,
    /// What `lookup-self` says, without `id`. `null` while no token is held.
    #[schema(required)]
    pub token: Option<TokenInfo>,
}

impl AppToken {
    /// A token that is fetched when its keeper starts.
    #[must_use]
    pub fn new(name: &'static str, source: TokenSource, connection: Connection) -> Arc<Self> {
        Arc::new(Self {
            name,
            source,
            connection,
            held: ArcSwapOption::empty(),
            may_be_unfit: AtomicBool::new(false),
            unfit: std::sync::Mutex::default(),
            stats: std::sync::Mutex::default(),
            tending: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            changed: Notify::new(),
        })
    }

    /// A handle that calls OpenBao with this token.
    ///
    /// # Errors
    /// [`Error::NoAppToken`] while none is held.
    pub fn handle(&self) -> Result<Handle> {
        let held = self.held.load();
        let held = held.as_ref().ok_or(Error::NoAppToken)?;
        Ok(self.connection.with_token(&held.token))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Lets any token run the service, a root token too: for trials. To be said before the keeper starts.
    pub fn allow_unfit(&self) {
        self.may_be_unfit.store(true, Ordering::Relaxed);
    }

    /// Why the token that the source gave last is not used.
    #[must_use]
    pub fn unfit(&self) -> Option<Unfit> {
        *self.unfit_cell()
    }

    pub(super) fn unfit_cell(&self) -> std::sync::MutexGuard<'_, Option<Unfit>> {
        self.unfit
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Seconds of life left: `None` where no token is held or it is dead.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let held = self.held.load();
        match held.as_ref()?.ends {
            Some(ends) => ends.checked_duration_since(Instant::now()),
            None => Some(Duration::MAX),
        }
    }

    /// Whether enough life is left to promise service: more than a twentieth of the life granted.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        let granted = self.held.load().as_ref().map(|h| h.granted);
        granted
            .zip(self.remaining())
            .is_some_and(|(granted, left)| left > granted / 20)
    }

    /// What operators may see.
    #[must_use]
    pub fn state(&self) -> AppTokenState {
        let stats = self.stats().clone();
        let held = self.held.load();
        let left = held
            .as_ref()
            .and_then(|h| h.ends)
            .map(|end| end.saturating_duration_since(Instant::now()));
        AppTokenState {
            name: self.name,
            ttl_seconds: left.map(|left| left.as_secs()),
            last_renewal: stats.last_renewal,
            next_renewal: stats.next_renewal,
            renewals: stats.renewals,
            logins: stats.logins,
            failures: stats.failures,
            token: held.as_ref().map(|h| h.info.clone()),
        }
    }

    /// The last renewals since the start, the oldest first.
    #[must_use]
    pub fn renewals(&self) -> Vec<Renewal> {
        self.stats().history.iter().copied().collect()
    }

    /// The accessor of the token held now.
    #[must_use]
    pub fn accessor(&self) -> Option<String> {
        let held = self.held.load();
        held.as_ref().map(|held| held.info.accessor.clone())
    }

    /// Tells the keeper that a call with the token `used` was refused, and waits until it has looked. `true` when
    /// another token is held now; at once where it came while the call was under way.
    pub async fn refused(&self, used: Option<&str>) -> bool {
        let is_another = || self.accessor().is_some_and(|now| Some(&*now) != used);
        // Twice, as the first word may be of a look that began before this call was refused.
        for _ in 0..2 {
            let changed = self.changed.notified();
            if is_another() {
                return true;
            }
            self.wake.notify_one();
            tokio::time::timeout(LOOK_LIMIT, changed).await.ok();
        }
        is_another()
    }

    /// Runs `call` with this token; where OpenBao refuses it because the token is lost, once more with the next one.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn call<T, F>(&self, call: impl Fn(Handle) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let used = self.accessor();
        let first = match self.handle() {
            Ok(handle) => call(handle).await,
            Err(error) => Err(error),
        };
        match first {
            Err(Error::Denied(_) | Error::NoAppToken) if self.refused(used.as_deref()).await => {
                call(self.handle()?).await
            }
            Err(error @ Error::Denied(_)) => {
                self.tell_of_missing_right();
                Err(error)
            }
            result => result,
        }
    }

    /// The token lives, and may not do what the service does: said once a minute, counted each time.
    fn tell_of_missing_right(&self) {
        metrics::counter!("gatehouse_alarms_total", "alarm" => "right_missing").increment(1);
        let (now, mut stats) = (Instant::now(), self.stats());
        let is_told = |at: Instant| now.duration_since(at) < MISSING_RIGHT_TOLD;
        if !stats.missing_right_told.is_some_and(is_told) {
            stats.missing_right_told = Some(now);
            tracing::error!(
                app_token.name = self.name,
                "OpenBao refuses a call of the service: a right is missing. `gatehouse doctor` names it"
            );
        }
    }

    pub(super) fn stats(&self) -> std::sync::MutexGuard<'_, Stats> {
        self.stats
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
