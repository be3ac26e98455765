//! What is left of a vendor that was cancelled goes, stage by stage: tokens, secrets, engines, policies, entities, and what
//! is known of people.
//!
//! The cancellation itself is one transaction ([`super::life`]), after which nothing of the vendor works any more. The
//! rest is a job of the task `cancel_vendors`: one replica at a time is at it, each step may be done again, and the stage
//! it has come to is on record, so that it goes on after a crash or without OpenBao. Requests that were let in before the
//! vendor was cancelled may still make something behind the job's back; so, when the last of them must have ended, all
//! stages are gone through once more.
//!
//! What stays: the vendor's id and namespace, which is never given out again, its ledger of tokens, and its trail.

mod openbao;
pub mod store;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{Vendor, create};
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::Event;
use store::Open;

/// Of one pass.
const LONGEST: Duration = Duration::from_secs(8);
/// Of one vendor in a pass: others wait too.
const TURN: Duration = Duration::from_secs(4);
const BATCH: i64 = 20;
/// When all that was under way has ended: a restore of a lockbox may take two minutes.
const SETTLED: SignedDuration = SignedDuration::from_secs(150);
/// As ledger and events name the job.
const ACTOR: &str = "task:cancel_vendors";

/// How far a cancellation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CancellationStage)]
pub enum Stage {
    /// Keys end, and tokens are revoked.
    Tokens,
    /// Secrets are deleted, some at a time.
    Secrets,
    /// The empty engines are unmounted.
    Engines,
    /// Policies are deleted.
    Policies,
    /// Entities of site-scoped tokens are deleted.
    Entities,
    /// What is known of people, sites and the rest is deleted from the database.
    Records,
    /// Nothing is left.
    Done,
}

impl Stage {
    /// In their order.
    pub const ALL: [Self; 7] = [
        Self::Tokens,
        Self::Secrets,
        Self::Engines,
        Self::Policies,
        Self::Entities,
        Self::Records,
        Self::Done,
    ];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Secrets => "secrets",
            Self::Engines => "engines",
            Self::Policies => "policies",
            Self::Entities => "entities",
            Self::Records => "records",
            Self::Done => "done",
        }
    }

    fn next(self) -> Self {
        let place = Self::ALL.iter().position(|stage| *stage == self);
        let next = place.and_then(|place| Self::ALL.get(place + 1));
        next.copied().unwrap_or(Self::Done)
    }
}

/// What operators see of a cancellation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cancellation)]
pub struct Progress {
    /// What is at work.
    pub stage: Stage,
    /// Secrets deleted so far. What lies under a name that no path can hold goes with the engine, and is not counted.
    pub secrets_removed: i64,
    /// Tokens that have ended since.
    pub tokens_revoked: i64,
    /// When it was cancelled.
    pub started_at: Timestamp,
    /// When nothing was left.
    pub finished_at: Option<Timestamp>,
    /// The code of what stopped the job last; `null` while it goes on.
    pub last_problem: Option<String>,
}

impl Progress {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.finished_at.is_some()
    }
}

/// What a pass did.
#[derive(Debug, Default)]
pub struct Passed {
    /// Vendors of which nothing is left now.
    pub finished: usize,
    /// Vendors that were gone through once more.
    pub checked: usize,
    /// Vendors to go on with.
    pub waiting: usize,
}

/// Goes on with cancellations, for a while.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>) -> Result<Passed> {
    let began = Instant::now();
    let now = app.clock.now();
    let settled = now.checked_sub(SETTLED).unwrap_or(Timestamp::MIN);
    let client = app.db.all().await?;
    let open = store::open(&client, settled, BATCH).await?;
    drop(client);
    let mut passed = Passed::default();
    for one in &open {
        let until = (began + LONGEST).min(Instant::now() + TURN);
        if app.stop.is_cancelled() || Instant::now() >= until {
            passed.waiting += 1;
            continue;
        }
        match go_on(app, one, until).await {
            Ok(true) if one.is_finished => passed.checked += 1,
            Ok(true) => passed.finished += 1,
            Ok(false) => passed.waiting += 1,
            Err(error) => {
                passed.waiting += 1;
                let cause = crate::error::cause_chain(&error);
                tracing::warn!(vendor.id = one.vendor.0, error.cause = %cause, "What is left of a cancelled vendor could not be removed yet");
                let client = app.db.of(one.vendor).await?;
                store::note_problem(&client, one.vendor, error.entry().code).await?;
            }
        }
    }
    Ok(passed)
}

/// Goes on with one until a time; `true` where it came to its end.
async fn go_on(app: &Arc<App>, open: &Open, until: Instant) -> Result<bool> {
    let client = app.db.of(open.vendor).await?;
    store::note_try(&client, open.vendor, app.clock.now()).await?;
    drop(client);
    let vendor = create::reload(app, open.vendor).await?;
    let mut stage = if open.is_finished {
        Stage::Tokens
    } else {
        open.stage
    };
    let job = Job {
        app,
        vendor: &vendor,
        until,
    };
    loop {
        let is_over = match stage {
            Stage::Tokens => job.tokens().await?,
            Stage::Secrets => job.secrets().await?,
            Stage::Engines => job.engines().await?,
            Stage::Policies => job.policies().await?,
            Stage::Entities => job.entities().await?,
            Stage::Records => job.records(open.is_finished).await?,
            Stage::Done => return Ok(true),
        };
        if !is_over {
            return Ok(false);
        }
        stage = stage.next();
        if !open.is_finished && stage != Stage::Done {
            let client = app.db.of(open.vendor).await?;
            store::advance(&client, open.vendor, stage).await?;
        }
    }
}

/// A turn at one vendor. Each stage says whether it is over: where it is not, its time is.
struct Job<'a> {
    app: &'a Arc<App>,
    vendor: &'a Arc<Vendor>,
    until: Instant,
}

impl Job<'_> {
    fn is_late(&self) -> bool {
        Instant::now() >= self.until || self.app.stop.is_cancelled()
    }

    /// Deletes what is known of people and of what they did, some rows at a time; the last of it with the note that this
    /// is done, in one transaction that holds the vendor.
    async fn records(&self, is_check: bool) -> Result<bool> {
        let (app, vendor) = (self.app, self.vendor.id);
        let mut client = app.db.of(vendor).await?;
        for table in store::FORGOTTEN {
            while store::forget(&client, table, vendor).await? {
                if self.is_late() {
                    return Ok(false);
                }
            }
        }
        let now = app.clock.now();
        let transaction = client.transaction().await?;
        super::life::store::hold(&transaction, vendor)
            .await?
            .ok_or(Error::NotFound)?;
        store::forget_names(&transaction, vendor, now).await?;
        if is_check {
            store::note_check(&transaction, vendor, now).await?;
        } else {
            let secrets = store::finish(&transaction, vendor, now).await?;
            let mut event = Event::done("vendor.cancellation_finished", Some(vendor), ACTOR);
            event.details = json!({ "secretsRemoved": secrets });
            event.record(&transaction, now).await?;
        }
        transaction.commit().await?;
        app.directory.reload(&client, vendor).await?;
        Ok(true)
    }
}
