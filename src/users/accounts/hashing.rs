//! Passwords at work: so many at once, off the threads of requests; and those that were right a moment ago.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use moka::future::Cache;
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use super::rules::Rules;
use super::turns::Turns;
use super::{Account, password};
use crate::app::App;
use crate::auth::KeyRing;
use crate::error::{Error, Result};
use crate::types::Secret;

const WAIT: Duration = Duration::from_secs(3);
const REMEMBER: Duration = Duration::from_secs(30);
const REMEMBER_MOST: u64 = 10_000;

/// Which password of which user from which network, by a digest whose key lives as long as the process.
type Mark = [u8; 32];

/// Held while a password is worked on.
pub type Slot = OwnedSemaphorePermit;

/// The place where passwords are worked on.
pub struct Passwords {
    /// How many are worked on at once.
    pub slots: Arc<Semaphore>,
    /// How many new passwords are measured at once: that can take long, and keeps nobody from logging in.
    pub strength: Arc<Semaphore>,
    /// Of those who try one name from one network: what is found out of one try counts for the next.
    pub tries: Turns,
    /// Of those who make sessions and access tokens of one user.
    pub sessions: Turns,
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
            strength: Arc::new(Semaphore::new(1)),
            tries: Turns::default(),
            sessions: Turns::default(),
            nobody: password::of_nobody(),
            key: Zeroizing::new(rand::random()),
            remembered: remembered.time_to_live(REMEMBER).build(),
            verified: AtomicU64::new(0),
        }
    }
}

impl Passwords {
    /// A place to verify a password in, to be had before the try is counted.
    ///
    /// # Errors
    /// [`Error::PasswordsBusy`] where none is free within seconds.
    pub async fn slot(&self) -> Result<Slot> {
        free(&self.slots).await
    }

    /// Whether the password is right. Where there is no stored one it is not, and that takes as long.
    ///
    /// # Errors
    /// Where the stored hash cannot be read.
    pub async fn verify(
        &self,
        app: &Arc<App>,
        slot: Slot,
        password: &Secret,
        stored: Option<&str>,
    ) -> Result<bool> {
        self.verified.fetch_add(1, Ordering::Relaxed);
        let stored = stored.unwrap_or(&self.nobody).to_owned();
        let password = password.clone();
        work(app, slot, move |ring| {
            password::verify(ring, &password, &stored)
        })
        .await
    }

    /// The hash of a new password, if the rules allow it.
    ///
    /// # Errors
    /// 422 where they do not; [`Error::PasswordsBusy`] as for [`Self::slot`].
    pub async fn hash(
        &self,
        app: &Arc<App>,
        password: &Secret,
        rules: Option<&Rules>,
    ) -> Result<String> {
        if let Some(rules) = rules {
            let (password, rules) = (password.clone(), rules.clone());
            let slot = free(&self.strength).await?;
            work(app, slot, move |_| rules.check(&password)).await?;
        }
        let (password, slot) = (password.clone(), self.slot().await?);
        work(app, slot, move |ring| password::hash(ring, &password)).await
    }

    /// Runs `verify`, unless this password of this user was right from this network within the last half minute, or is
    /// being verified already. Failures are not remembered.
    ///
    /// # Errors
    /// Those of `verify`.
    pub async fn once(
        &self,
        account: &Account,
        network: &str,
        password: &Secret,
        verify: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let mark = self.mark(account, network, password)?;
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

    fn mark(&self, account: &Account, network: &str, password: &Secret) -> Result<Mark> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.key);
        let mut mac = mac.map_err(|e| Error::Internal(format!("hmac: {e}")))?;
        mac.update(&account.id.0.to_be_bytes());
        mac.update(&account.password_edition.to_be_bytes());
        mac.update(network.as_bytes());
        mac.update(&[0]);
        mac.update(password.expose().as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }

    /// How many passwords were verified since the start.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }
}

async fn free(of: &Arc<Semaphore>) -> Result<Slot> {
    match tokio::time::timeout(WAIT, Arc::clone(of).acquire_owned()).await {
        Ok(Ok(slot)) => Ok(slot),
        _ => Err(Error::PasswordsBusy),
    }
}

async fn work<T: Send + 'static>(
    app: &Arc<App>,
    slot: Slot,
    job: impl FnOnce(&KeyRing) -> Result<T> + Send + 'static,
) -> Result<T> {
    let app = Arc::clone(app);
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        span.in_scope(|| job(app.keys()?))
    });
    done.await
        .map_err(|e| Error::Internal(format!("hashing ended: {e}")))?
}
