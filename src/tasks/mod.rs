//! Background work: small passes, each bounded, repeatable, and done by one replica at a time.
//!
//! A task is a name, a period and a `pass` that may stop at any row. The runner owns timing, jitter, the lock in the
//! database, back-off and the last report, which operators can see at `GET /api/admin/tasks`.

mod cancel_vendors;
mod chain_events;
mod delete_entities;
mod deliver_webhooks;
mod follow_workers;
mod forget_replies;
pub mod http;
mod keep_key_uses;
mod keep_logs;
mod provision_vendors;
mod purge;
mod reconcile_roles;
mod reconcile_vendors;
mod remove_bound_roles;
mod remove_sites;
mod renew_tokens;
mod reseal_entries;
mod revoke_tokens;
mod rotate_token_key;
mod shut_lockboxes;
mod sweep_tokens;
mod tell_refusals;
mod tidy_credentials;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Result;
use crate::events::Event;
use crate::{db, kill_point};

/// What a pass did, for operators to read.
pub type Report = anyhow::Result<Value>;

type Pass = fn(Arc<App>) -> Pin<Box<dyn Future<Output = Report> + Send>>;

/// A named piece of background work.
pub struct Task {
    /// Also the name of its lock.
    pub name: &'static str,
    /// From the end of one pass to the start of the next.
    pub every: Duration,
    pass: Pass,
}

/// All tasks.
pub static TASKS: &[Task] = &[
    Task {
        name: "remove_sites",
        every: Duration::from_secs(5),
        pass: |app| Box::pin(remove_sites::pass(app)),
    },
    Task {
        name: "revoke_tokens",
        every: Duration::from_secs(5),
        pass: |app| Box::pin(revoke_tokens::pass(app)),
    },
    Task {
        name: "cancel_vendors",
        every: Duration::from_secs(2),
        pass: |app| Box::pin(cancel_vendors::pass(app)),
    },
    Task {
        name: "provision_vendors",
        every: Duration::from_secs(10),
        pass: |app| Box::pin(provision_vendors::pass(app)),
    },
    Task {
        name: "reconcile_vendors",
        every: Duration::from_mins(1),
        pass: |app| Box::pin(reconcile_vendors::pass(app)),
    },
    Task {
        name: "reconcile_roles",
        every: Duration::from_mins(10),
        pass: |app| Box::pin(reconcile_roles::pass(app)),
    },
    Task {
        name: "remove_bound_roles",
        every: Duration::from_mins(5),
        pass: |app| Box::pin(remove_bound_roles::pass(app)),
    },
    Task {
        name: "renew_tokens",
        every: Duration::from_secs(15),
        pass: |app| Box::pin(renew_tokens::pass(app)),
    },
    Task {
        name: "chain_events",
        every: Duration::from_secs(1),
        pass: |app| Box::pin(chain_events::pass(app)),
    },
    Task {
        name: "deliver_webhooks",
        every: Duration::from_secs(1),
        pass: |app| Box::pin(deliver_webhooks::pass(app)),
    },
    Task {
        name: "sweep_tokens",
        every: Duration::from_secs(30),
        pass: |app| Box::pin(sweep_tokens::pass(app)),
    },
    Task {
        name: "follow_workers",
        every: Duration::from_secs(5),
        pass: |app| Box::pin(follow_workers::pass(app)),
    },
    Task {
        name: "tidy_credentials",
        every: Duration::from_secs(30),
        pass: |app| Box::pin(tidy_credentials::pass(app)),
    },
    Task {
        name: "shut_lockboxes",
        every: Duration::from_secs(2),
        pass: |app| Box::pin(shut_lockboxes::pass(app)),
    },
    Task {
        name: "reseal_entries",
        every: Duration::from_secs(2),
        pass: |app| Box::pin(reseal_entries::pass(app)),
    },
    Task {
        name: "tell_refusals",
        every: Duration::from_mins(1),
        pass: |app| Box::pin(tell_refusals::pass(app)),
    },
    Task {
        name: "rotate_token_key",
        every: Duration::from_mins(10),
        pass: |app| Box::pin(rotate_token_key::pass(app)),
    },
    Task {
        name: "keep_key_uses",
        every: Duration::from_mins(1),
        pass: |app| Box::pin(keep_key_uses::pass(app)),
    },
    Task {
        name: "forget_replies",
        every: Duration::from_mins(1),
        pass: |app| Box::pin(forget_replies::pass(app)),
    },
    Task {
        name: "delete_entities",
        every: Duration::from_mins(1),
        pass: |app| Box::pin(delete_entities::pass(app)),
    },
    Task {
        name: "keep_logs",
        every: Duration::from_mins(5),
        pass: |app| Box::pin(keep_logs::pass(app)),
    },
    Task {
        name: "purge",
        every: Duration::from_hours(1),
        pass: |app| Box::pin(purge::pass(app)),
    },
];

/// The last pass of a task in this replica.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TaskPass)]
pub struct LastPass {
    /// When it ended.
    pub at: Timestamp,
    /// Seconds it took.
    pub seconds: f64,
    /// What it did; `null` where it failed.
    #[schema(required, value_type = Option<Object>)]
    pub report: Option<Value>,
    /// Whether it failed. The cause is in the log.
    pub failed: bool,
}

/// The last report of each task.
#[derive(Default)]
pub struct Board(Mutex<BTreeMap<&'static str, LastPass>>);

impl Board {
    /// All reports by task.
    #[must_use]
    pub fn read(&self) -> BTreeMap<&'static str, LastPass> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn write(&self, name: &'static str, last: LastPass) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, last);
    }
}

impl Task {
    /// The task of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TASKS.iter().find(|task| task.name == name)
    }

    /// One pass, under the task's lock; `None` where another replica is at it.
    ///
    /// # Errors
    /// What stopped the pass.
    pub async fn pass(&self, app: &Arc<App>) -> anyhow::Result<Option<Value>> {
        db::try_lock(&app.db, self.name, (self.pass)(Arc::clone(app)))
            .await?
            .transpose()
    }

    /// Repeats passes until the service stops.
    pub async fn run(&self, app: Arc<App>) {
        let mut failures: u32 = 0;
        loop {
            let longest = self.every.max(Duration::from_mins(1));
            let pause = (self.every * 2u32.pow(failures.min(4))).min(longest);
            let pause = if kill_point::is_chosen_task(self.name) {
                Duration::from_millis(50)
            } else {
                pause.mul_f64(rand::random_range(0.8..1.0))
            };
            tokio::select! {
                () = app.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            // Each pass holds connections: a few at a time leave the others to requests.
            let Ok(_slot) = app.task_slots.acquire().await else {
                return;
            };
            let started = std::time::Instant::now();
            let outcome = kill_point::within(self.name, self.pass(&app)).await;
            let seconds = started.elapsed().as_secs_f64();
            metrics::histogram!("gatehouse_task_seconds", "task" => self.name).record(seconds);
            failures = if outcome.is_ok() { 0 } else { failures + 1 };
            self.note(&app, seconds, outcome);
        }
    }

    /// One pass now, as an operator asked for it, which is on record before; `None` where another replica is at it. What it
    /// did stands on the board too.
    ///
    /// # Errors
    /// Where the database does not answer, and nothing was begun.
    pub async fn pass_now(&self, app: &Arc<App>, actor: &str) -> Result<Option<LastPass>> {
        let client = app.db.all().await?;
        let mut event = Event::done("task.run", None, actor);
        event.details = json!({ "task": self.name });
        event.record(&client, app.clock.now()).await?;
        drop(client);
        let started = std::time::Instant::now();
        let outcome = self.pass(app).await;
        Ok(self.note(app, started.elapsed().as_secs_f64(), outcome))
    }

    /// Keeps what came of a pass for operators to read. `None` where there was none.
    fn note(
        &self,
        app: &App,
        seconds: f64,
        outcome: anyhow::Result<Option<Value>>,
    ) -> Option<LastPass> {
        let (report, failed) = match outcome {
            Ok(report) => (report, false),
            Err(error) => {
                metrics::counter!("gatehouse_task_failures_total", "task" => self.name)
                    .increment(1);
                tracing::warn!(
                    task = self.name,
                    error.cause = format!("{error:#}"),
                    "A pass failed; it is repeated"
                );
                (None, true)
            }
        };
        if report.is_none() && !failed {
            return None;
        }
        let last = LastPass {
            at: app.clock.now(),
            seconds,
            report,
            failed,
        };
        app.board.write(self.name, last.clone());
        Some(last)
    }
}
