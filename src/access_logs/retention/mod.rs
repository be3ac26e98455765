//! How long logs are kept: months are made ahead and dropped when nobody's log reaches back to them, and rows of
//! vendors that keep theirs for less are deleted before.
//!
//! Answers leave out what is past its time at once; this only makes room. The ledger's rows of tokens go too, once
//! nothing that is kept can name them.

mod store;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::timeline::page::days_before;
use crate::app::App;
use crate::events::chain;
use crate::types::VendorId;

const TABLES: [&str; 2] = ["events", "access_logs"];
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

/// What a pass removed.
#[derive(Default)]
struct Removed {
    months: Vec<String>,
    events: u64,
    lines: u64,
    issuances: u64,
}

/// One pass: bounded, and safe to stop anywhere.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &App) -> anyhow::Result<Value> {
    let now = app.clock.now();
    let started = Instant::now();
    let mut made = 0;
    for table in TABLES {
        for ahead in 0..MONTHS {
            let client = app.db.get().await?;
            made += i32::from(store::make_month(&client, table, now, ahead).await?);
        }
    }
    let default = app.config.logs.retention_days;
    let client = app.db.get().await?;
    let vendors = store::vendors(&client).await?;
    drop(client);
    let days = vendors.iter().map(|(_, days)| days.unwrap_or(default));
    let longest = days.max().unwrap_or(default).max(default);
    let mut removed = Removed::default();
    drop_months(app, &vendors, days_before(now, longest)?, &mut removed).await?;
    let nobody = std::iter::once((None, default));
    let each = vendors
        .iter()
        .map(|(id, days)| (Some(*id), days.unwrap_or(default)));
    let mut is_done = true;
    for (vendor, days) in nobody.chain(each) {
        let before = days_before(now, days)?;
        let mut left = || !app.stop.is_cancelled() && started.elapsed() < LIMIT;
        if days < longest {
            is_done &= delete_rows(app, vendor, before, &mut left, &mut removed).await?;
        }
        if let Some(vendor) = vendor {
            is_done &= delete_issuances(app, vendor, before, &mut left, &mut removed).await?;
        }
    }
    Ok(json!({
        "monthsMade": made, "monthsDropped": removed.months, "events": removed.events, "lines": removed.lines,
        "issuances": removed.issuances, "done": is_done,
    }))
}

/// Drops the months that nobody's log reaches back to.
async fn drop_months(
    app: &App,
    vendors: &[(VendorId, Option<i32>)],
    before: Timestamp,
    removed: &mut Removed,
) -> anyhow::Result<()> {
    for table in TABLES {
        let client = app.db.get().await?;
        let Some(end) = store::end_of_months_before(&client, table, before).await? else {
            continue;
        };
        drop(client);
        let mut before = end;
        if table == "events" {
            let ids = vendors.iter().map(|(id, _)| Some(*id));
            for vendor in std::iter::once(None).chain(ids) {
                before = before.min(allowed(app, vendor, end).await?);
            }
        }
        let client = app.db.get().await?;
        removed
            .months
            .extend(store::drop_months(&client, table, before).await?);
    }
    Ok(())
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
    vendor: Option<VendorId>,
    before: Timestamp,
    left: &mut impl FnMut() -> bool,
    removed: &mut Removed,
) -> anyhow::Result<bool> {
    for table in TABLES {
        let client = app.db.get().await?;
        if !store::has_rows(&client, table, vendor, before).await? {
            continue;
        }
        drop(client);
        let before = match table {
            "events" => allowed(app, vendor, before).await?,
            _ => before,
        };
        loop {
            if !left() {
                return Ok(false);
            }
            let mut client = app.db.get().await?;
            let transaction = client.transaction().await?;
            store::allow_deletes(&transaction).await?;
            let end = store::end_of_batch(&transaction, table, vendor, before, BATCH).await?;
            let gone = store::delete_rows(&transaction, table, vendor, before, end).await?;
            transaction.commit().await?;
            match table {
                "events" => removed.events += gone,
                _ => removed.lines += gone,
            }
            if end.is_none() {
                break;
            }
        }
    }
    Ok(true)
}

/// Deletes what the ledger has of a vendor's tokens that ended before a time, and says whether none is left.
async fn delete_issuances(
    app: &App,
    vendor: VendorId,
    before: Timestamp,
    left: &mut impl FnMut() -> bool,
    removed: &mut Removed,
) -> anyhow::Result<bool> {
    // Ids are in the order of issuing, and what was issued so long before has ended.
    let issued = before.checked_sub(LONGEST_LIFE)?;
    loop {
        if !left() {
            return Ok(false);
        }
        let client = app.db.get().await?;
        let gone = store::delete_issuances(&client, vendor, issued, before, BATCH).await?;
        removed.issuances += gone;
        if gone < BATCH.unsigned_abs() {
            return Ok(true);
        }
    }
}
