//! The writer of the ledger: rows of concurrent requests share one statement and one commit.
//!
//! An idle writer does not wait for company: it takes what is queued and writes it, and what arrives meanwhile is the
//! next batch. One that just had company keeps its connection, and gives others of the same moment two milliseconds to
//! join: one commit costs less than two. A batch that fails is tried again row by row. A commit whose outcome is unknown
//! is looked up by its issuance ids before it is decided.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::revoke::{self, Doomed};
use super::store;
use super::{Kind, SiteVersion, Workload};
use crate::app::App;
use crate::db;
use crate::error::Error;
use crate::kill_point::kill_point;
use crate::types::{CredentialId, IssuanceId, KeyId, Networks, SecretId, VendorId, WorkerId};

const QUEUE: usize = 1024;
const BATCH: usize = 64;
const LIMIT: Duration = Duration::from_secs(4);
/// How long a writer that just had company waits for more of it.
const GATHER: Duration = Duration::from_millis(2);
/// What was just now.
const JUST_NOW: Duration = Duration::from_millis(50);

/// A row to be written.
#[derive(Clone)]
pub struct NewIssuance {
    /// Made before the token was.
    pub id: IssuanceId,
    /// Whose.
    pub vendor: VendorId,
    /// Which kind.
    pub kind: Kind,
    /// Names the token in OpenBao.
    pub accessor: String,
    /// By which API key.
    pub key: Option<KeyId>,
    /// By whom.
    pub actor: String,
    /// By which request.
    pub request_id: String,
    /// For which site. Also set for a delete token, which is not bound to it.
    pub secret_id: Option<SecretId>,
    /// The site's state when the token was asked for: `None` where it was not known.
    pub site: Option<SiteVersion>,
    /// Whether it may be for a site that is registered.
    pub over_registered: bool,
    /// The entity behind the token.
    pub entity_id: Option<String>,
    /// When.
    pub issued_at: Timestamp,
    /// The end of its first life.
    pub expires_at: Timestamp,
    /// The end of its longest life.
    pub max_expires_at: Timestamp,
    /// How many calls it is good for, if not for any number.
    pub uses: Option<u32>,
    /// Whether the service ends it, as OpenBao would let it be renewed beyond its longest life.
    pub cut_short: bool,
    /// What counts as one client, where the public key was shown.
    pub client_network: Option<String>,
    /// For which worker, by which edition of its patterns.
    pub worker: Option<(WorkerId, i32)>,
    /// For which one credential.
    pub credential: Option<CredentialId>,
    /// When the service renews it, if it does.
    pub renew_at: Option<Timestamp>,
    /// First life in seconds.
    pub first_life: i32,
    /// Where the caller was.
    pub client_address: Option<String>,
    /// What sent the request, as it says.
    pub user_agent: String,
    /// Names the wrapping token, where the token is handed out wrapped.
    pub wrap_accessor: Option<String>,
    /// The row of the role that made it, and from where it works, where it does not from everywhere.
    pub bound: Option<(i64, Networks)>,
    /// Whose token was exchanged for it.
    pub workload: Option<Workload>,
}

/// A row that was written.
#[derive(Debug, Default)]
pub struct Recorded {
    /// Former write tokens of the same site, marked for revocation in the same transaction.
    pub superseded: Vec<Doomed>,
}

/// Why a row was not written.
#[derive(Debug)]
pub enum Refusal {
    /// The vendor is not active any more.
    VendorInactive,
    /// The API key has ended.
    KeyEnded,
    /// The site was removed or stored anew meanwhile.
    SiteChanged,
    /// The entity behind the token is being deleted.
    EntityGone,
    /// The worker was removed or may read other credentials now, the credential was destroyed, or the trust policy changed.
    ScopeChanged,
    /// The role that made the token is being removed.
    RoleGone,
    /// Too many rows wait.
    Busy,
    /// The database.
    Failed(Error),
}

type Outcome = Result<Recorded, Refusal>;

struct Waiting {
    row: NewIssuance,
    done: oneshot::Sender<Outcome>,
}

/// The queue of rows.
pub struct Ledger {
    queue: mpsc::Sender<Waiting>,
    waiting: Mutex<Option<mpsc::Receiver<Waiting>>>,
}

impl Default for Ledger {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self {
            queue,
            waiting: Mutex::new(Some(waiting)),
        }
    }
}

impl Ledger {
    /// Writes a row, and answers when it is durable.
    ///
    /// # Errors
    /// Why it was not written.
    pub async fn record(&self, app: &App, row: NewIssuance) -> Outcome {
        let (done, outcome) = oneshot::channel();
        self.queue
            .try_send(Waiting {
                row: row.clone(),
                done,
            })
            .map_err(|_| Refusal::Busy)?;
        match outcome.await {
            Ok(outcome) => outcome,
            // The writer is gone: whether it wrote the row is looked up.
            Err(_) => one(app, row).await,
        }
    }

    /// Writes what is queued until the service has stopped and the queue is empty.
    pub async fn run(&self, app: Arc<App>, drained: tokio_util::sync::CancellationToken) {
        let receiver = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut waiting) = receiver else { return };
        let mut held_over: Vec<Waiting> = Vec::new();
        let mut company: Option<(Instant, db::Client)> = None;
        loop {
            let mut batch = std::mem::take(&mut held_over);
            if batch.is_empty() {
                tokio::select! {
                    biased;
                    next = waiting.recv() => match next {
                        Some(next) => batch.push(next),
                        None => return,
                    },
                    () = drained.cancelled() => return,
                }
            }
            let connection = company.take().filter(|(at, _)| at.elapsed() < JUST_NOW);
            if connection.is_some() {
                tokio::time::sleep(GATHER).await;
            }
            while batch.len() < BATCH {
                let Ok(next) = waiting.try_recv() else { break };
                batch.push(next);
            }
            let has_company = batch.len() > 1;
            held_over = split_off_repeats(&mut batch);
            let connection = write(&app, batch, connection.map(|(_, client)| client)).await;
            company = connection
                .filter(|_| has_company)
                .map(|client| (Instant::now(), client));
        }
    }
}

/// Two rows of one site cannot be in one statement: the second is left for the next.
fn split_off_repeats(batch: &mut Vec<Waiting>) -> Vec<Waiting> {
    let mut seen = HashSet::new();
    let (now, later) = std::mem::take(batch).into_iter().partition(|waiting| {
        let site = waiting
            .row
            .secret_id
            .as_ref()
            .filter(|_| waiting.row.kind.is_for_site());
        site.is_none_or(|id| seen.insert((waiting.row.vendor, id.clone())))
    });
    *batch = now;
    later
}

/// Writes a batch, and gives the connection back that did.
async fn write(
    app: &Arc<App>,
    batch: Vec<Waiting>,
    connection: Option<db::Client>,
) -> Option<db::Client> {
    let rows: Vec<NewIssuance> = batch.iter().map(|waiting| waiting.row.clone()).collect();
    metrics::histogram!("gatehouse_ledger_batch_rows")
        .record(f64::from(u32::try_from(rows.len()).unwrap_or(u32::MAX)));
    let written = async {
        let mut client = match connection {
            Some(client) => client,
            None => app.db.all().await?,
        };
        let outcomes = record(&mut client, &rows).await?;
        Ok((outcomes, client))
    };
    kill_point("before recording tokens");
    match limited(written).await {
        Ok((outcomes, client)) => {
            kill_point("after recording tokens");
            for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                waiting.done.send(outcome).ok();
            }
            Some(client)
        }
        Err(error) => {
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(rows = rows.len(), error.cause = %cause, "A batch of the ledger failed, trying its rows one by one");
            // Out of the writer's way, as each may wait for its own time limit.
            let (row_app, tracker) = (Arc::clone(app), app.tracker.clone());
            tracker.spawn(async move {
                for waiting in batch {
                    let outcome = one(&row_app, waiting.row.clone()).await;
                    waiting.done.send(outcome).ok();
                }
            });
            None
        }
    }
}

/// Writes rows, and marks the tokens that they supersede in the same transaction. That takes a statement of its own,
/// as only a later one sees what was recorded while this one waited for the site's row.
async fn record(client: &mut db::Client, rows: &[NewIssuance]) -> db::Result<Vec<Outcome>> {
    let supersedes = |row: &NewIssuance| row.kind == Kind::WriteSite && row.site.is_some();
    if !rows.iter().any(supersedes) {
        return store::record(client, rows).await;
    }
    let transaction = client.transaction().await?;
    let mut outcomes = store::record(&transaction, rows).await?;
    kill_point("tokens recorded");
    for (row, outcome) in rows.iter().zip(&mut outcomes) {
        if let (true, Ok(recorded), Some(site)) = (supersedes(row), outcome, &row.secret_id) {
            recorded.superseded = revoke::store::mark_superseded(
                &transaction,
                row.vendor,
                site,
                row.id,
                &revoke::Order {
                    by: &row.actor,
                    reason: "superseded",
                    at: row.issued_at,
                },
            )
            .await?;
        }
    }
    transaction.commit().await?;
    Ok(outcomes)
}

/// A backend that hangs answers nothing, not even its own time limit.
async fn limited<T>(work: impl Future<Output = db::Result<T>>) -> db::Result<T> {
    tokio::time::timeout(LIMIT, work)
        .await
        .unwrap_or(Err(db::Error::TimedOut))
}

/// Writes one row of a batch that failed. As the batch may have been written all the same, its id is looked up first.
async fn one(app: &App, row: NewIssuance) -> Outcome {
    let written = async {
        let mut client = app.db.of(row.vendor).await?;
        if store::is_recorded(&client, row.vendor, row.id).await? {
            return Ok(Ok(Recorded::default()));
        }
        let mut outcomes = record(&mut client, std::slice::from_ref(&row)).await?;
        Ok(outcomes.pop().unwrap_or(Err(Refusal::Busy)))
    };
    let error = match limited(written).await {
        Ok(outcome) => return outcome,
        Err(error) => error,
    };
    // Written after all, by the batch or by this try, whose answer was lost.
    let looked = async {
        let client = app.db.of(row.vendor).await?;
        store::is_recorded(&client, row.vendor, row.id).await
    };
    let unknown = error.is_outcome_unknown() || error.sqlstate() == Some("23505");
    match if unknown {
        limited(looked).await
    } else {
        Ok(false)
    } {
        Ok(true) => Ok(Recorded::default()),
        Ok(false) => Err(Refusal::Failed(error.into())),
        Err(lost) => Err(Refusal::Failed(lost.into())),
    }
}
