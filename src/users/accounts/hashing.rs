//! Passwords at work: so many at once, off the threads of requests; and those that were right a moment ago.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use moka::future::Cache;
use sha2::Sha256;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::password;
use super::rules::Rules;
use crate::app::App;
use crate::auth::KeyRing;
use crate::error::{Error, Result};
use crate::types::{Secret, UserId};

const WAIT: Duration = Duration::from_secs(3);
const REMEMBER: Duration = Duration::from_secs(30);
const REMEMBER_MOST: u64 = 10_000;

/// Which password of which user, by a digest whose key lives as long as the process.
type Mark = [u8; 32];

/// The place where passwords are worked on.
pub struct Passwords {
    /// How many are worked on at once.
    pub slots: Arc<Semaphore>,
    nobody: String,
    key: Zeroizing<[u8; 32]>,
    remembered: Cache<Mark, ()>,
    verified: AtomicU64,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let remembered = Cache::builder().max_capacity(REMEMBER_MOST);
        Self {
            slots: Arc::new(Semaphore::new(2 * cores)),
            nobody: password::of_nobody(),
            key: Zeroizing::new(rand::random()),
            remembered: remembered.time_to_live(REMEMBER).build(),
            verified: AtomicU64::new(0),
        }
    }
}

impl Passwords {
    /// Whether the password is right. Where there is no stored one it is not, and that takes as long.
    ///
    /// # Errors
    /// [`Error::PasswordsBusy`] where no slot is free within seconds.
    pub async fn verify(
        &self,
        app: &Arc<App>,
        password: &Secret,
        stored: Option<&str>,
    ) -> Result<bool> {
        self.verified.fetch_add(1, Ordering::Relaxed);
        let stored = stored.unwrap_or(&self.nobody).to_owned();
        let password = password.clone();
        self.work(app, move |ring| password::verify(ring, &password, &stored))
            .await
    }

    /// The hash of a new password, if the rules allow it.
    ///
    /// # Errors
    /// 422 where they do not; [`Error::PasswordsBusy`] as for [`Self::verify`].
    pub async fn hash(
        &self,
        app: &Arc<App>,
        password: &Secret,
        rules: Option<&Rules>,
    ) -> Result<String> {
        let (password, rules) = (password.clone(), rules.cloned());
        self.work(app, move |ring| {
            if let Some(rules) = rules {
                rules.check(&password)?;
            }
            password::hash(ring, &password)
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        app: &Arc<App>,
        job: impl FnOnce(&KeyRing) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = Arc::clone(&self.slots).acquire_owned();
        let slot = tokio::time::timeout(WAIT, slot).await;
        let Ok(Ok(slot)) = slot else {
            return Err(Error::PasswordsBusy);
        };
        let app = Arc::clone(app);
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            span.in_scope(|| job(app.keys()?))
        });
        done.await
            .map_err(|e| Error::Internal(format!("hashing ended: {e}")))?
    }

    /// Runs `verify`, unless this password of this user was right within the last half minute, or is being verified
    /// already. Failures are not remembered.
    ///
    /// # Errors
    /// Those of `verify`.
    pub async fn once(
        &self,
        user: UserId,
        edition: i32,
        password: &Secret,
        verify: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let mark = self.mark(user, edition, password)?;
        let shared = self.remembered.try_get_with(mark, verify).await;
        shared.map_err(|error| match &*error {
            Error::CredentialsInvalid => Error::CredentialsInvalid,
            Error::LockedOut => Error::LockedOut,
            Error::RateLimited { retry_after } => Error::RateLimited {
                retry_after: *retry_after,
            },
            _ => Arc::try_unwrap(error).unwrap_or(Error::PasswordsBusy),
        })
    }

    fn mark(&self, user: UserId, edition: i32, password: &Secret) -> Result<Mark> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.key);
        let mut mac = mac.map_err(|e| Error::Internal(format!("hmac: {e}")))?;
        mac.update(&user.0.to_be_bytes());
        mac.update(&edition.to_be_bytes());
        mac.update(password.expose().as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }

    /// How many passwords were verified since the start.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }
}
