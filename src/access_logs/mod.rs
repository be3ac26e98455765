//! What tokens did inside OpenBao, read from its file audit device and joined to the ledger by accessor.
//!
//! A shipper follows one node's audit log (`tail`), keeps the lines that are about vendors' engines (`line`), and
//! stores them in one transaction with the place it has come to (`keep`). So a crash, a restart or a lost answer
//! neither loses a line nor stores one twice. In the same transaction it notes what each token was used for (`uses`)
//! and what should not be (`alarms`, `unwraps`). Values are never read out of a line. Calls without a valid token are
//! counted, and not stored.
//!
//! They are read together with Gatehouse's own events ([`timeline`]), and kept for a time ([`retention`]).

pub mod alarms;
mod keep;
pub mod line;
pub mod nodes;
pub mod position;
pub mod retention;
mod store;
pub mod tail;
pub mod timeline;
mod unwraps;
mod uses;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::db::{self, Pool};
use crate::types::{IssuanceId, VendorId};
use keep::Keeper;
use line::Entry;
use position::Position;
use tail::Tail;
use uses::LastUses;

/// From the end of the file to the next look.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);
/// How often it is noted that the log was looked at.
const NOTE: Duration = Duration::from_secs(3);
const NOTE_LIMIT: Duration = Duration::from_secs(5);

/// Whose audit log, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file that OpenBao writes to. Rotated ones lie beside it, with a number or a date added to its name.
    pub file: PathBuf,
    /// Names the OpenBao node: each has a log, and a shipper, of its own.
    pub node: String,
    /// The OpenBao namespace of this service; lines of others are not ours.
    pub namespace: Option<String>,
    /// Proxies through which OpenBao sees its clients: their addresses tell nothing of a token's holder.
    pub proxies: Vec<IpNet>,
}

/// A call on a vendor's engine, with what is on record of its token.
pub struct Known<'a> {
    vendor: VendorId,
    /// `None` where it is on no record of the vendor's.
    token: Option<Token>,
    entry: &'a Entry,
}

/// A token on record.
struct Token {
    id: IssuanceId,
    kind: String,
    /// Where it was issued to.
    client_address: Option<IpAddr>,
}

/// Why a step failed. It is tried again from what the database says.
#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error("PostgreSQL: {0}")]
    Db(#[from] db::Error),
    #[error("another shipper of this node is at work")]
    NotAlone,
    #[error("the reading thread ended")]
    Lost,
}

/// Ships until `stop`.
pub async fn ship(pool: Pool, settings: Settings, stop: CancellationToken) {
    let mut shipper = Shipper::new(pool, settings);
    let mut backoff = PAUSE;
    loop {
        let stepped = tokio::select! {
            () = stop.cancelled() => return,
            stepped = shipper.step() => stepped,
        };
        let pause = match stepped {
            Ok(true) => continue,
            Ok(false) => {
                backoff = PAUSE;
                PAUSE
            }
            Err(error) => {
                metrics::counter!("gatehouse_audit_failures_total").increment(1);
                let cause = crate::error::cause_chain(&error);
                tracing::warn!(node = shipper.keeper.settings.node, error.cause = %cause, "The audit log could not be shipped, trying again");
                let pause = backoff;
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
                pause
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Shipper {
    keeper: Keeper,
    /// `None` where the database is to say where to begin.
    following: Option<(Tail, Position)>,
    noted: Option<Instant>,
    problem: Option<&'static str>,
}

impl Shipper {
    fn new(pool: Pool, settings: Settings) -> Self {
        let keeper = Keeper {
            pool,
            settings: Arc::new(settings),
            waiting: LastUses::default(),
        };
        Self {
            keeper,
            following: None,
            noted: None,
            problem: None,
        }
    }

    /// Reads a batch and stores it. Gives whether there may be more at once.
    async fn step(&mut self) -> Result<bool, ShipError> {
        let (mut tail, position) = match self.following.take() {
            Some(following) => following,
            None => self.begin().await?,
        };
        let looking = tokio::task::spawn_blocking(move || {
            let read = tail.read_on();
            (tail, read)
        });
        let (tail, read) = looking.await.map_err(|_| ShipError::Lost)?;
        match read {
            Ok(Some(batch)) => {
                let reached = self.keeper.keep(&batch, &position).await?;
                self.following = Some((tail, reached));
                self.problem = None;
                if batch.at_end {
                    self.noted = Some(Instant::now());
                }
                Ok(true)
            }
            Ok(None) => {
                self.following = Some((tail, position));
                self.note(None).await?;
                self.keeper.catch_up().await?;
                Ok(false)
            }
            Err(error) => {
                self.following = Some((tail, position));
                self.note(Some(problem(&error))).await?;
                Ok(false)
            }
        }
    }

    async fn begin(&self) -> Result<(Tail, Position), ShipError> {
        let settings = &self.keeper.settings;
        let found = async {
            let client = self.keeper.pool.all().await?;
            position::store::find(&client, &settings.node).await
        };
        let position = limited(found).await?;
        Ok((Tail::new(settings.file.clone(), &position), position))
    }

    /// Notes now and then that the log was looked at, and at once when that begins or ceases to work.
    async fn note(&mut self, problem: Option<&'static str>) -> Result<(), ShipError> {
        let is_fresh = self.noted.is_some_and(|noted| noted.elapsed() < NOTE);
        if is_fresh && self.problem == problem {
            return Ok(());
        }
        let node = &self.keeper.settings.node;
        match problem {
            Some(problem) if self.problem != Some(problem) => {
                tracing::error!(
                    node,
                    problem,
                    "What tokens do inside OpenBao cannot be told"
                );
            }
            None if self.problem.is_some() => {
                tracing::info!(node, "The audit log can be read again");
            }
            _ => {}
        }
        self.problem = problem;
        let noted = async {
            let client = self.keeper.pool.all().await?;
            position::store::note(&client, node, problem, Clock::default().now()).await
        };
        limited(noted).await?;
        self.noted = Some(Instant::now());
        Ok(())
    }
}

async fn limited<T>(work: impl Future<Output = db::Result<T>>) -> db::Result<T> {
    tokio::time::timeout(NOTE_LIMIT, work)
        .await
        .unwrap_or(Err(db::Error::TimedOut))
}

/// In fixed words, without the path.
fn problem(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "the audit file is missing",
        io::ErrorKind::PermissionDenied => "the audit file may not be read",
        _ => "the audit file cannot be read",
    }
}
