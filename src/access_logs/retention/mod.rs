//! How long logs are kept: months are made ahead and dropped when nobody's log reaches back to them, and rows of
//! vendors that keep theirs for less are deleted before.
//!
//! Answers leave out what is past its time at once; this only makes room. The ledger's rows of tokens go too, once
//! nothing that is kept can name them.
//!
//! Months are made and dropped in a transaction each, that gives way at once where somebody reads: who adds rows waits
//! behind it. What fails does not keep the rest of a pass from being done, and is repeated by the next.

mod store;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::timeline::page::days_before;
use crate::app::App;
use crate::events::chain;
use crate::types::VendorId;

const TABLES: [&str; 2] = ["events", "access_logs"];
/// Where what lies in no month is. It is never dropped.
const RESTS: [&str; 2] = ["events_rest", "access_logs_rest"];
/// Months that are made: this one and those after it.
const MONTHS: i32 = 3;
/// Rows of one statement and transaction.
const BATCH: i64 = 2_000;
/// A pass that has come so far leaves the rest to the next.
const LIMIT: Duration = Duration::from_secs(30);
/// Events are kept for so long whatever else is said.
const LEAST: SignedDuration = SignedDuration::from_hours(24);
/// No token lives longer than this.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(29 * 24);

/// Says up to when events of a vendor, or of no vendor, may be removed, where all before `before` should be.
///
/// The chain over events has a say here: what it has not reached stays, and what goes is to be covered by a checkpoint.
async fn sign_off(
    app: &App,
    vendor: Option<VendorId>,
    before: Timestamp,
) -> anyhow::Result<Timestamp> {
    Ok(chain::forget(app, vendor, before).await?.removed_before)
}

/// What a pass did.
#[derive(Default)]
struct Done {
    made: u32,
    months: Vec<String>,
    events: u64,
    lines: u64,
    issuances: u64,
    failed: Vec<String>,
}

impl Done {
    /// What failed is told at the end.
    fn unless_failed<T>(&mut self, step: &str, outcome: anyhow::Result<T>) -> Option<T> {
        outcome
            .map_err(|error| self.failed.push(format!("{step}: {error:#}")))
            .ok()
    }
}

/// One pass: bounded, and safe to stop anywhere.
///
/// # Errors
/// Where the database does not answer, or does not do all of it.
pub async fn pass(app: &App) -> anyhow::Result<Value> {
    let now = app.clock.now();
    let started = Instant::now();
    let mut left = || !app.stop.is_cancelled() && started.elapsed() < LIMIT;
    let mut done = Done::default();
    for table in TABLES {
        for ahead in 0..MONTHS {
            let made = make_month(app, table, now, ahead).await;
            let made = done.unless_failed("a month could not be made", made);
            done.made += u32::from(made.unwrap_or(false));
        }
    }
    let default = app.config.logs.retention_days;
    let vendors = store::vendors(&app.db.all().await?).await?;
    let days = vendors.iter().map(|(_, days)| days.unwrap_or(default));
    let longest = days.max().unwrap_or(default).max(default);
    let mut are_dropped = true;
    for table in TABLES {
        let before = days_before(now, longest)?;
        let dropped = drop_months(app, table, &vendors, before, &mut done.months).await;
        let dropped = done.unless_failed("months could not be dropped", dropped);
        are_dropped &= dropped.is_some();
    }
    let nobody = std::iter::once((None, default));
    let each = vendors
        .iter()
        .map(|(id, days)| (Some(*id), days.unwrap_or(default)));
    let mut is_done = true;
    for (vendor, days) in nobody.chain(each) {
        let before = days_before(now, days)?;
        // Where one vendor's trail keeps a month from being dropped, the others' rows go all the same.
        let is_by_row = days < longest || !are_dropped;
        let tables = if is_by_row { TABLES } else { RESTS };
        for table in tables {
            let all = delete_rows(app, table, vendor, before, &mut left, &mut done).await;
            is_done &= done
                .unless_failed("rows could not be removed", all)
                .unwrap_or(false);
        }
        if let Some(vendor) = vendor {
            let all = delete_issuances(app, vendor, before, &mut left, &mut done).await;
            is_done &= done
                .unless_failed("issuances could not be removed", all)
                .unwrap_or(false);
        }
        if !left() {
            is_done = false;
            break;
        }
    }
    let report = json!({
        "monthsMade": done.made, "monthsDropped": done.months, "events": done.events, "lines": done.lines,
        "issuances": done.issuances, "done": is_done,
    });
    let Some(first) = done.failed.first() else {
        return Ok(report);
    };
    anyhow::bail!(
        "{} steps failed, the first as {first}; the others did {report}",
        done.failed.len()
    )
}

async fn make_month(app: &App, table: &str, now: Timestamp, ahead: i32) -> anyhow::Result<bool> {
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    store::allow_changes(&transaction).await?;
    let made = store::make_month(&transaction, table, now, ahead).await?;
    transaction.commit().await?;
    Ok(made)
}

/// Drops the months that nobody's log reaches back to, one at a time.
async fn drop_months(
    app: &App,
    table: &str,
    vendors: &[(VendorId, Option<i32>)],
    before: Timestamp,
    dropped: &mut Vec<String>,
) -> anyhow::Result<()> {
    let client = app.db.all().await?;
    let Some((_, mut before)) = store::ends_of_months(&client, table, before).await? else {
        return Ok(());
    };
    drop(client);
    if table == "events" {
        let (ids, end) = (vendors.iter().map(|(id, _)| Some(*id)), before);
        for vendor in std::iter::once(None).chain(ids) {
            before = before.min(allowed(app, vendor, end).await?);
        }
    }
    loop {
        let mut client = app.db.all().await?;
        let Some((oldest, _)) = store::ends_of_months(&client, table, before).await? else {
            return Ok(());
        };
        let transaction = client.transaction().await?;
        store::allow_changes(&transaction).await?;
        let gone = store::drop_months(&transaction, table, oldest).await?;
        transaction.commit().await?;
        dropped.extend(gone);
    }
}

/// Up to when events may be removed.
async fn allowed(
    app: &App,
    vendor: Option<VendorId>,
    before: Timestamp,
) -> anyhow::Result<Timestamp> {
    let before = before.min(app.clock.now().checked_sub(LEAST)?);
    Ok(sign_off(app, vendor, before).await?.min(before))
}

/// Deletes a vendor's rows before a time, and says whether none is left.
async fn delete_rows(
    app: &App,
    table: &str,
    vendor: Option<VendorId>,
    before: Timestamp,
    left: &mut impl FnMut() -> bool,
    done: &mut Done,
) -> anyhow::Result<bool> {
    let client = app.db.of_or_all(vendor).await?;
    if !store::has_rows(&client, table, vendor, before).await? {
        return Ok(true);
    }
    drop(client);
    let is_of_events = table.starts_with("events");
    let before = if is_of_events {
        allowed(app, vendor, before).await?
    } else {
        before
    };
    loop {
        if !left() {
            return Ok(false);
        }
        let mut client = app.db.of_or_all(vendor).await?;
        let transaction = client.transaction().await?;
        store::allow_deletes(&transaction).await?;
        let end = store::end_of_batch(&transaction, table, vendor, before, BATCH).await?;
        let gone = store::delete_rows(&transaction, table, vendor, before, end).await?;
        transaction.commit().await?;
        if is_of_events {
            done.events += gone;
        } else {
            done.lines += gone;
        }
        if end.is_none() {
            return Ok(true);
        }
    }
}

/// Deletes what the ledger has of a vendor's tokens that ended before a time, and says whether none is left.
async fn delete_issuances(
    app: &App,
    vendor: VendorId,
    before: Timestamp,
    left: &mut impl FnMut() -> bool,
    done: &mut Done,
) -> anyhow::Result<bool> {
    // Ids are in the order of issuing, and what was issued so long before has ended.
    let issued = before.checked_sub(LONGEST_LIFE)?;
    loop {
        if !left() {
            return Ok(false);
        }
        let client = app.db.of(vendor).await?;
        let gone = store::delete_issuances(&client, vendor, issued, before, BATCH).await?;
        done.issuances += gone;
        if gone < BATCH.unsigned_abs() {
            return Ok(true);
        }
    }
}
