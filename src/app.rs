//! What requests and tasks share, built once.

use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::access_logs::timeline::export::Exports;
use crate::auth::jwks::JwkSets;
use crate::auth::{Directory, KeyRing};
use crate::clock::Clock;
use crate::config::Config;
use crate::credentials::probe::Slots;
use crate::db::Pool;
use crate::egress::Egress;
use crate::error::{Error, Result};
use crate::events::chain::Notary;
use crate::events::refused::Refusals;
use crate::health::Probe;
use crate::http::limit::Limits;
use crate::lockbox::Lockboxes;
use crate::oauth::TokenKeys;
use crate::tasks::Board;
use crate::tokens::bound::Known;
use crate::tokens::sweep::Foreign;
use crate::tokens::{Admission, Brokered, Budget, Ledger};
use crate::trustedlogin::Signer;
use crate::trustedlogin::connector::Keys;
use crate::users::accounts::Passwords;
use crate::vault::Vault;
use crate::vendors::keys::uses::KeyUses;
use crate::{config::ConfigError, db, kill_point, telemetry, vault};

/// The running service. Handlers and tasks hold it in an `Arc`.
pub struct App {
    /// As read at the start.
    pub config: Config,
    /// PostgreSQL.
    pub db: Pool,
    /// OpenBao.
    pub vault: Vault,
    /// Who may call, in memory.
    pub directory: Directory,
    /// Where each issued token is recorded before it is handed out.
    pub ledger: Ledger,
    /// How many callers OpenBao works for at once.
    pub admission: Admission,
    /// How many tokens live.
    pub budget: Budget,
    /// Roles of sets of networks that stand.
    pub bound: Known,
    /// Tokens that the service uses itself for somebody.
    pub brokered: Brokered,
    /// Tokens in OpenBao that are not ours to judge.
    pub foreign: Foreign,
    /// Refusals that are only counted.
    pub refusals: Refusals,
    /// When vendors' keys were last shown.
    pub key_uses: KeyUses,
    /// Rate limits.
    pub limits: Limits,
    /// The way out to addresses that vendors name.
    pub egress: Egress,
    /// The time of day.
    pub clock: Clock,
    /// How many background tasks are at work at once.
    pub task_slots: Semaphore,
    /// Credentials that are being tested.
    pub probes: Slots,
    /// Access logs that are being written to files.
    pub exports: Exports,
    /// The keys of unlocked lockboxes.
    pub lockboxes: Lockboxes,
    /// Passwords that are being verified, and those that just were.
    pub passwords: Passwords,
    /// Keys of vendors' Connectors.
    pub connectors: Keys,
    /// Key sets of those who issue tokens.
    pub jwks: JwkSets,
    /// What signs the trail.
    pub notary: Notary,
    /// What signs envelopes.
    pub signer: Signer,
    /// What signs access tokens.
    pub token_keys: TokenKeys,
    /// The last report of each background task.
    pub board: Board,
    /// Work that must end before the process does, even when its client is gone.
    pub tracker: TaskTracker,
    /// What `/readyz` found last.
    pub probe: Probe,
    /// Says that the service is about to stop: `/readyz` turns, everything else goes on.
    pub draining: CancellationToken,
    /// Ends everything.
    pub stop: CancellationToken,
    runtime: tokio::runtime::Handle,
    keys: OnceLock<KeyRing>,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// PostgreSQL's settings cannot be used.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// OpenBao's settings cannot be used.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// TLS to the outside cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The listener's certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] crate::http::tls::Unusable),
    /// The address to listen at is taken or not ours.
    #[error("cannot listen at {0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// A part of the service ended; the log says which.
    #[error("a part of the service ended by surprise")]
    EndedBySurprise,
    /// An app token is one that the service does not run with.
    #[error(
        "the app token `{name}` is refused: {why}. {}",
        .why.advice()
    )]
    AppToken {
        /// Which of them.
        name: &'static str,
        /// What is wrong with it.
        why: vault::Unfit,
    },
}

impl App {
    /// Builds the service; nothing is connected yet.
    ///
    /// # Errors
    /// Where a setting cannot be used.
    pub fn new(config: Config) -> std::result::Result<Arc<Self>, StartError> {
        let clock = Clock::default();
        clock.advance(kill_point::seconds_ahead());
        Ok(Arc::new(Self {
            db: Pool::new(&config.db)?,
            vault: Vault::new(&config.bao.server, config.bao.tokens.clone())?,
            directory: Directory::default(),
            ledger: Ledger::default(),
            budget: Budget::default(),
            bound: Known::default(),
            admission: Admission::default(),
            brokered: Brokered::default(),
            foreign: Foreign::default(),
            refusals: Refusals::default(),
            key_uses: KeyUses::default(),
            limits: Limits::new(&config.limits),
            egress: Egress::new(&config.egress)?,
            clock,
            task_slots: Semaphore::new((config.db.pool_size / 4).max(1)),
            probes: Slots::default(),
            exports: Exports::default(),
            lockboxes: Lockboxes::default(),
            passwords: Passwords::default(),
            connectors: Keys::default(),
            jwks: JwkSets::default(),
            notary: Notary::default(),
            signer: Signer::default(),
            token_keys: TokenKeys::default(),
            board: Board::default(),
            tracker: TaskTracker::new(),
            probe: Probe::default(),
            draining: CancellationToken::new(),
            stop: CancellationToken::new(),
            runtime: tokio::runtime::Handle::current(),
            keys: OnceLock::new(),
            config,
        }))
    }

    /// Runs work to its end even if whoever asked for it goes away, and even while the service stops. Everything that
    /// calls OpenBao for a request runs here: connections belong to the runtime that made them, and the web server's
    /// threads end before the work they began does.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let work = telemetry::carried(work.instrument(tracing::Span::current()));
        let done = self.tracker.spawn_on(work, &self.runtime).await;
        done.map_err(|e| Error::Internal(format!("detached work ended: {e}")))?
    }

    /// Starts work that nobody waits for; the service does not end before it.
    pub fn aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let work = telemetry::carried(work.instrument(tracing::Span::current()));
        self.tracker.spawn_on(work, &self.runtime);
    }

    /// The service's own keys.
    ///
    /// # Errors
    /// [`Error::Starting`] until they were read from OpenBao once.
    pub fn keys(&self) -> Result<&KeyRing> {
        self.keys.get().ok_or(Error::Starting)
    }

    /// Reads the keys from OpenBao, if that was not done yet. `false` where `bootstrap` has not made them.
    ///
    /// # Errors
    /// Where OpenBao does not answer, or holds no key of the right form.
    pub async fn load_keys(&self) -> Result<bool> {
        if self.keys.get().is_some() {
            return Ok(true);
        }
        let read = self
            .vault
            .issuer
            .call(|handle| async move { vault::kv::read_key(&handle, KeyRing::NAME).await })
            .await?;
        let Some(stored) = read else { return Ok(false) };
        let ring = KeyRing::from_hex(&stored.key).ok_or_else(|| {
            Error::Internal("the digest key in OpenBao is not 64 hexadecimal digits".to_owned())
        })?;
        self.keys.get_or_init(|| ring);
        Ok(true)
    }
}
