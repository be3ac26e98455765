//! Chains what waits in the queue.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::digest::{Block, GENESIS, Row, VANISHED};
use super::store::{self, Queued};
use super::whole_microseconds;
use crate::app::App;
use crate::db::GenericClient;
use crate::error::Result;
use crate::events::{Event, Outcome};
use crate::types::VendorId;

/// Of one transaction.
const BATCH: i64 = 1000;
/// Of one pass: the next one goes on.
const BATCHES: usize = 50;
/// Up to here the queue is counted.
const COUNTED: i64 = 100_000;
const ACTOR: &str = "task:chain_events";

/// Chains the events that wait, batch by batch, and gives how many it chained.
///
/// # Errors
/// Where the database does not answer. What was chained until then is.
pub async fn append(app: &App) -> Result<usize> {
    let mut chained = 0;
    for _ in 0..BATCHES {
        let batch = batch(app).await?;
        chained += batch;
        if batch < usize::try_from(BATCH).unwrap_or(usize::MAX) || app.stop.is_cancelled() {
            break;
        }
    }
    metrics::counter!("gatehouse_events_chained_total").increment(chained as u64);
    let client = app.db.all().await?;
    let (number, first_at) = store::waiting(&client, COUNTED).await?;
    let age = first_at.map_or(0.0, |at| app.clock.now().duration_since(at).as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "counted to 100,000")]
    metrics::gauge!("gatehouse_event_chain_queue").set(number as f64);
    metrics::gauge!("gatehouse_event_chain_queue_age_seconds").set(age.max(0.0));
    Ok(chained)
}

async fn batch(app: &App) -> Result<usize> {
    let now = whole_microseconds(app.clock.now());
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let taken = store::take(&transaction, BATCH).await?;
    let number = taken.len();
    if number == 0 {
        return Ok(0);
    }
    // One that says no time would keep all others from being chained.
    let (queued, absurd): (Vec<Queued>, Vec<Queued>) =
        taken.into_iter().partition(|one| one.at.moment().is_some());
    let ids: Vec<i64> = queued.iter().map(|one| one.id).collect();
    let ats: Vec<Timestamp> = queued.iter().filter_map(|one| one.at.moment()).collect();
    let rows = store::rows(&transaction, &ids, &ats).await?;
    let rows: Vec<Option<Row>> = rows.into_iter().map(|one| Some(one?.row)).collect();
    let vanished: Vec<&Queued> = queued
        .iter()
        .zip(&rows)
        .filter_map(|(one, row)| row.is_none().then_some(one))
        .collect();
    // In the order of vendors, so that two passes never wait for each other.
    for block in blocks(&queued, &rows, now).into_values() {
        add(&transaction, block, now).await?;
    }
    for one in &vanished {
        let event = alarm_event(&transaction, "events.vanished", "event_vanished", one).await?;
        event.record(&transaction, now).await?;
    }
    for one in &absurd {
        let event = alarm_event(&transaction, "events.skipped", "event_time_absurd", one).await?;
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    for one in vanished {
        metrics::counter!("gatehouse_alarms_total", "alarm" => "event_vanished").increment(1);
        tracing::error!(event.id = one.id, event.at = ?one.at.moment(), vendor.id = one.vendor, "An event was removed before it was chained");
    }
    for one in absurd {
        metrics::counter!("gatehouse_alarms_total", "alarm" => "event_skipped").increment(1);
        tracing::error!(
            event.id = one.id,
            event.at_microseconds = one.at.0,
            vendor.id = one.vendor,
            "An event of a time that is none was not chained"
        );
    }
    Ok(number)
}

/// The events by the vendor their rows name; a row that is gone, by the one it was queued for.
fn blocks(queued: &[Queued], rows: &[Option<Row>], now: Timestamp) -> BTreeMap<i64, Block> {
    let mut blocks = BTreeMap::new();
    for (one, row) in queued.iter().zip(rows) {
        let vendor = row
            .as_ref()
            .map_or(one.vendor, |row| row.vendor.unwrap_or(0));
        let block: &mut Block = blocks.entry(vendor).or_insert_with(|| Block {
            vendor,
            chained_at: now.as_microsecond(),
            ..Block::default()
        });
        block.ids.push(one.id);
        block.ats.push(one.at.0);
        let digest = row.as_ref().map_or(VANISHED, Row::digest);
        block.digests.extend(digest);
    }
    blocks
}

async fn add(client: &impl GenericClient, mut block: Block, now: Timestamp) -> Result<()> {
    let (seq, hash) = store::lock_head(client, block.vendor, &GENESIS).await?;
    block.seq = seq + 1;
    block.previous = hash;
    let hash = block.hash();
    Ok(store::add_block(client, &block, now, &hash).await?)
}

async fn alarm_event(
    client: &impl GenericClient,
    action: &'static str,
    code: &'static str,
    one: &Queued,
) -> Result<Event<'static>> {
    // The queue may name a vendor that there is not.
    let is_vendor = store::is_vendor(client, one.vendor).await?;
    let mut event = Event::done(action, is_vendor.then_some(VendorId(one.vendor)), ACTOR);
    event.outcome = Outcome::Failed(code);
    event.details =
        json!({ "eventId": one.id, "eventAt": one.at.moment(), "vendorId": one.vendor });
    Ok(event)
}
