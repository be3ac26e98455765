//! Stores a batch: its lines, what they say of tokens and secrets, and the place it came to, in one transaction.
//!
//! A line that PostgreSQL refuses must not stop all others: its batch is halved until it is alone. It is stored without
//! what is made of it, and where that is refused too, passed over and counted.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::alarms::{self, Alarm};
use super::line::{self, Entry, Told};
use super::position::{self, Counts, Position};
use super::tail::{Batch, Line};
use super::unwraps::{self, Unwrap};
use super::uses::{self, LastUses};
use super::{Known, Settings, ShipError, store};
use crate::clock::Clock;
use crate::db::{self, GenericClient, Pool};

/// A backend that hangs answers nothing, not even its own time limits.
const LIMIT: Duration = Duration::from_secs(10);
/// So much older than the newest line, one came late. OpenBao writes lines of calls at once in any order.
const LATE: SignedDuration = SignedDuration::from_secs(5);
/// Clocks differ, but not that much.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// 2015: there was no OpenBao, nor what it was made of.
const EARLIEST: i64 = 1_420_070_400;

/// Stores batches of one node.
pub(super) struct Keeper {
    pub pool: Pool,
    pub settings: Arc<Settings>,
    pub waiting: LastUses,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Lines and what they say.
    All,
    /// Lines alone.
    Bare,
    /// Not even these.
    None,
}

/// Some lines of a batch.
struct Part {
    from: usize,
    to: usize,
    care: Care,
}

/// What lines tell.
#[derive(Default)]
struct Sum {
    entries: Vec<Entry>,
    unwraps: Vec<Unwrap>,
    counts: Counts,
    newest: Option<Timestamp>,
}

impl Keeper {
    /// Stores a batch, and gives the place behind it.
    pub async fn keep(&mut self, batch: &Batch, from: &Position) -> Result<Position, ShipError> {
        let mut from = from.clone();
        let mut parts = vec![Part {
            from: 0,
            to: batch.lines.len(),
            care: Care::All,
        }];
        while let Some(part) = parts.pop() {
            let stored = tokio::time::timeout(LIMIT, self.store(batch, &part, &from)).await;
            match stored.unwrap_or(Err(ShipError::Db(db::Error::TimedOut))) {
                Ok(reached) => from = reached,
                Err(ShipError::Db(error)) if part.can_be_smaller(&error) => {
                    parts.extend(part.smaller(&self.settings.node, &error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(from)
    }

    async fn store(
        &mut self,
        batch: &Batch,
        part: &Part,
        from: &Position,
    ) -> Result<Position, ShipError> {
        let lines = &batch.lines[part.from..part.to];
        let (is_first, is_last) = (part.from == 0, part.to == batch.lines.len());
        let end = lines
            .last()
            .filter(|_| !is_last)
            .map_or(batch.end, |line| line.end);
        let now = Clock::default().now();
        let mut sum = sum(lines, self.settings.namespace.as_deref(), from.newest, now);
        if is_last {
            sum.counts.lines += i64::try_from(batch.broken).unwrap_or(i64::MAX);
            sum.counts.malformed += i64::try_from(batch.broken).unwrap_or(i64::MAX);
        }
        if part.care == Care::None {
            sum = sum.passed_over();
        }
        let mut to = batch.position(end);
        to.newest = from.newest.max(sum.newest);
        let mut client = self.pool.all().await?;
        let transaction = client.transaction().await.map_err(db::Error::from)?;
        let node = &self.settings.node;
        let looked = (sum.counts, batch.at_end && is_last);
        if !position::store::advance(&transaction, node, (from, &to), looked, now).await? {
            return Err(ShipError::NotAlone);
        }
        if batch.lost && is_first {
            position::store::note_lost(&transaction, node, now).await?;
        }
        let entries: Vec<&Entry> = sum.entries.iter().collect();
        let calls = store::known(&transaction, &entries).await?;
        store::append(&transaction, &calls).await?;
        let (mut raised, mut waiting) = (Vec::new(), self.waiting.clone());
        if part.care == Care::All {
            raised = self.alarms(&transaction, &calls, &sum.unwraps, now).await?;
            uses::store::touch(&transaction, &calls).await?;
            uses::store::mark_credentials(&transaction, &calls).await?;
            waiting.add(&calls);
        }
        waiting.write(&transaction).await?;
        transaction.commit().await.map_err(db::Error::from)?;
        self.waiting = waiting;
        count(sum.counts);
        alarms::count(&raised);
        if batch.lost && is_first {
            metrics::counter!("gatehouse_alarms_total", "alarm" => "audit.lines_lost").increment(1);
            tracing::error!(
                node,
                "The audit log was cut short or is gone: lines may be lost. Rotate it by renaming, and keep the last file uncompressed"
            );
        }
        Ok(to)
    }

    async fn alarms(
        &self,
        client: &impl GenericClient,
        calls: &[Known<'_>],
        unwraps: &[Unwrap],
        now: Timestamp,
    ) -> Result<Vec<Alarm>, ShipError> {
        let proxies = &self.settings.proxies;
        let mut found = alarms::strangers::alarms(client, calls).await?;
        found.extend(alarms::addresses::used_elsewhere(client, calls, proxies, now).await?);
        found.extend(alarms::reads::often(client, calls, now).await?);
        found.extend(unwraps::keep(client, unwraps, proxies, now).await?);
        alarms::raise(client, &found, now).await?;
        Ok(found)
    }

    /// Writes last uses that could not be written with their lines.
    pub async fn catch_up(&mut self) -> Result<(), ShipError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let client = self.pool.all().await?;
        Ok(self.waiting.write(&client).await?)
    }
}

impl Part {
    fn can_be_smaller(&self, error: &db::Error) -> bool {
        // Cancelled by its time limit: too much at once, though nothing in it is wrong.
        let is_too_much = error.sqlstate() == Some("57014") && self.to - self.from > 1;
        is_too_much || (is_poison(error) && self.care != Care::None)
    }

    /// Two halves; of a single line, the same with less care.
    fn smaller(self, node: &str, error: &db::Error) -> Vec<Self> {
        let Self { from, to, care } = self;
        let half = |from, to| Self { from, to, care };
        if to - from > 1 {
            let middle = from + (to - from) / 2;
            return vec![half(middle, to), half(from, middle)];
        }
        let care = if care == Care::All {
            Care::Bare
        } else {
            Care::None
        };
        let cause = crate::error::cause_chain(error);
        if care == Care::None {
            tracing::error!(node, error.cause = %cause, "A line of the audit log cannot be stored and is passed over");
        } else {
            tracing::error!(node, error.cause = %cause, "What a line of the audit log says cannot be stored");
        }
        vec![Self { from, to, care }]
    }
}

impl Sum {
    fn passed_over(self) -> Self {
        let mut counts = self.counts;
        counts.malformed = counts.malformed.max(counts.lines);
        Self {
            counts,
            ..Self::default()
        }
    }
}

/// Whether PostgreSQL refuses what is in a line. It also refuses what does not fit its tables, where they are not
/// migrated yet: that is no line's fault.
fn is_poison(error: &db::Error) -> bool {
    let is_of_data = |state: &str| {
        ["22", "23", "54"]
            .iter()
            .any(|class| state.starts_with(class))
    };
    error.sqlstate().is_some_and(is_of_data)
}

fn sum(lines: &[Line], fence: Option<&str>, newest: Option<Timestamp>, now: Timestamp) -> Sum {
    let mut sum = Sum::default();
    for line in lines {
        sum.counts.lines += 1;
        let told = line::read(&line.text, fence).or_else(|_| {
            sum.counts.malformed += 1;
            line::read_last(&line.text, fence).ok_or(())
        });
        let at = match &told {
            Ok(Told::Access(entry)) => entry.at,
            Ok(Told::Unwrap(unwrap)) => unwrap.at,
            Ok(Told::Nothing) | Err(()) => continue,
        };
        let is_absurd = at.duration_since(now) > AHEAD || at.as_second() < EARLIEST;
        // It would lie for ever where nobody looks.
        let at = if is_absurd { now } else { at };
        sum.counts.malformed += i64::from(is_absurd);
        let is_late = newest.is_some_and(|newest| newest.duration_since(at) > LATE);
        sum.counts.late += i64::from(is_late);
        sum.newest = sum.newest.max(Some(at));
        match told {
            Ok(Told::Access(entry)) => sum.entries.push(Entry { at, ..entry }),
            Ok(Told::Unwrap(unwrap)) => sum.unwraps.push(Unwrap { at, ..unwrap }),
            _ => {}
        }
    }
    sum
}

fn count(counts: Counts) {
    let many = |n: i64| u64::try_from(n).unwrap_or(0);
    metrics::counter!("gatehouse_audit_lines_total").increment(many(counts.lines));
    metrics::counter!("gatehouse_audit_malformed_total").increment(many(counts.malformed));
    metrics::counter!("gatehouse_audit_late_total").increment(many(counts.late));
}
