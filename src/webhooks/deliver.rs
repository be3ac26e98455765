//! Sends what is due, signed, and puts off what a receiver does not take.
//!
//! A message is claimed before it is sent, by putting its next try off. One that was on the way when the service died is
//! sent again then: a receiver may get a message twice, and tells by its id.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::change::DISABLED;
use super::deliveries::store::{self as queue, Claimed, Outcome, Room};
use crate::app::App;
use crate::auth::KeyRing;
use crate::egress::EgressError;
use crate::error::{Result, cause_chain};
use crate::events::Event;
use crate::types::VendorId;

/// Seconds between one try and the next, before up to a tenth more by chance: about three days in all.
pub const PAUSES: [i64; 16] = [
    5, 30, 120, 600, 3600, 21600, 21600, 21600, 21600, 21600, 21600, 21600, 21600, 21600, 21600,
    21600,
];
/// How long a claimed message is nobody else's.
const HOLD: SignedDuration = SignedDuration::from_secs(60);
/// For one try, from the look-up of the name to the head of the answer.
const LIMIT: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 32;
/// Of one vendor: its slow receivers hold up no other vendor.
const PER_VENDOR: usize = 4;
/// How long a pass goes on claiming while something is on the way.
const CLAIM_FOR: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const ACTOR: &str = "task:deliver_webhooks";

/// What a pass did.
#[derive(Debug, Default)]
pub struct Passed {
    /// Messages that their receivers took.
    pub delivered: usize,
    /// Messages to be tried again.
    pub put_off: usize,
    /// Messages given up.
    pub dead: usize,
    /// Messages whose outcome could not be noted: they are sent again.
    pub failed: usize,
}

/// Sends what is due, a few at once. What comes in meanwhile is sent too, for a while.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>) -> Result<Passed> {
    let ring = app.keys()?;
    let (started, mut passed, mut trouble) = (Instant::now(), Passed::default(), None);
    // None of these holds a connection to the database: they rest while the loop waits for one.
    let mut on_the_way = FuturesUnordered::new();
    let mut by_vendor: BTreeMap<VendorId, usize> = BTreeMap::new();
    loop {
        if trouble.is_none() && started.elapsed() < CLAIM_FOR && !app.stop.is_cancelled() {
            match claim(app, AT_ONCE.saturating_sub(on_the_way.len()), &by_vendor).await {
                Ok(claimed) => {
                    for one in claimed {
                        *by_vendor.entry(one.vendor).or_default() += 1;
                        on_the_way.push(send(app, ring, one));
                    }
                }
                // What is on the way comes to its end first.
                Err(error) => trouble = Some(error),
            }
        }
        if on_the_way.is_empty() {
            return trouble.map_or(Ok(passed), Err);
        }
        tokio::select! {
            Some((message, answered)) = on_the_way.next() => {
                if let Some(number) = by_vendor.get_mut(&message.vendor) {
                    *number -= 1;
                }
                passed.count(noted(app, &message, answered).await);
            }
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

async fn claim(
    app: &App,
    free: usize,
    by_vendor: &BTreeMap<VendorId, usize>,
) -> Result<Vec<Claimed>> {
    if free == 0 {
        return Ok(Vec::new());
    }
    // One with fewer may get as many again: a slow receiver of a vendor leaves room for its others.
    let busy = by_vendor
        .iter()
        .filter(|(_, number)| **number >= PER_VENDOR);
    let busy: Vec<i64> = busy.map(|(vendor, _)| vendor.0).collect();
    let room = Room {
        most: i64::try_from(free).unwrap_or(1),
        per_vendor: i64::try_from(PER_VENDOR).unwrap_or(1),
        busy: &busy,
    };
    let now = app.clock.now();
    let client = app.db.get().await?;
    Ok(queue::claim(&client, &room, now, later(now, HOLD)).await?)
}

/// What became of a message.
#[derive(Clone, Copy)]
enum Came {
    Delivered,
    PutOff,
    Dead,
    Failed,
}

impl Passed {
    fn count(&mut self, came: Came) {
        let (number, outcome) = match came {
            Came::Delivered => (&mut self.delivered, "delivered"),
            Came::PutOff => (&mut self.put_off, "put_off"),
            Came::Dead => (&mut self.dead, "dead"),
            Came::Failed => (&mut self.failed, "failed"),
        };
        *number += 1;
        metrics::counter!("gatehouse_webhook_attempts_total", "outcome" => outcome).increment(1);
    }
}

/// The status of the answer, or one word for why there is none.
type Answered = std::result::Result<u16, &'static str>;

async fn send(app: &App, ring: &KeyRing, message: Claimed) -> (Claimed, Answered) {
    let answered = tokio::time::timeout(LIMIT, post(app, ring, &message)).await;
    (message, answered.unwrap_or(Err("timed_out")))
}

async fn noted(app: &App, message: &Claimed, answered: Answered) -> Came {
    match note(app, message, answered).await {
        Ok(came) => came,
        Err(error) => {
            let cause = cause_chain(&error);
            tracing::warn!(delivery.id = %message.id, error.cause = %cause, "The outcome of a webhook could not be noted; it is sent again");
            Came::Failed
        }
    }
}

/// Sends a message. The body of the answer is not read.
async fn post(app: &App, ring: &KeyRing, message: &Claimed) -> Answered {
    let url = Url::parse(&message.url).map_err(|_| "address_refused")?;
    let word = |error| word_of(error);
    if url.scheme() != "https" && !app.egress.is_inside(&url).await.map_err(word)? {
        return Err("address_refused");
    }
    let client = app.egress.http_client(&url).await.map_err(word)?;
    let (id, at) = (message.id.to_string(), app.clock.now());
    let secrets = message.generation.signing(ring, message.webhook, at);
    let signatures = secrets
        .iter()
        .map(|secret| secret.sign(&id, at.as_second(), message.body.as_bytes()));
    let signatures: Vec<String> = signatures.collect();
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", "Gatehouse")
        .header("webhook-id", &id)
        .header("webhook-timestamp", at.as_second())
        .header("webhook-signature", signatures.join(" "))
        .body(message.body.clone());
    match request.send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(error) if error.is_timeout() => Err("timed_out"),
        Err(_) => Err("not_connected"),
    }
}

fn word_of(error: EgressError) -> &'static str {
    match error {
        EgressError::NameUnknown | EgressError::NameTimedOut => "name_unknown",
        EgressError::AddressRefused | EgressError::NotWeb => "address_refused",
        EgressError::ConnectTimedOut => "timed_out",
        EgressError::ConnectionRefused | EgressError::Unreachable | EgressError::Client => {
            "not_connected"
        }
    }
}

async fn note(app: &App, message: &Claimed, answered: Answered) -> Result<Came> {
    let now = app.clock.now();
    let status = answered.ok().map(i32::from);
    let problem = match answered {
        Ok(200..=299) => None,
        Ok(300..=399) => Some("redirect"),
        Ok(410) => Some("gone"),
        Ok(_) => Some("status"),
        Err(word) => Some(word),
    };
    let mut outcome = Outcome {
        status,
        problem,
        ..Outcome::default()
    };
    if problem.is_none() {
        outcome.delivered_at = Some(now);
        queue::note(&app.db.get().await?, message, &outcome).await?;
        return Ok(Came::Delivered);
    }
    outcome.next_attempt_at = next_try(message.attempts, now).filter(|_| status != Some(410));
    if outcome.next_attempt_at.is_some() {
        queue::note(&app.db.get().await?, message, &outcome).await?;
        return Ok(Came::PutOff);
    }
    outcome.dead_at = Some(now);
    if status == Some(410) {
        disable(app, message, &outcome, now).await?;
    } else {
        queue::note(&app.db.get().await?, message, &outcome).await?;
    }
    Ok(Came::Dead)
}

/// The receiver says that it is gone for good: nothing is sent there any more.
async fn disable(app: &App, message: &Claimed, outcome: &Outcome, now: Timestamp) -> Result<()> {
    let (vendor, webhook) = (message.vendor, message.webhook);
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    if super::store::disable(&transaction, vendor, webhook, now).await? {
        let mut event = Event::done("webhook.disabled", Some(vendor), ACTOR);
        event.details = json!({ "webhook": webhook, "because": "gone" });
        event.record(&transaction, now).await?;
    }
    queue::note(&transaction, message, outcome).await?;
    queue::give_up(&transaction, vendor, webhook, DISABLED, now).await?;
    transaction.commit().await?;
    Ok(())
}

/// When a message is tried again that was sent `attempts` times; `None` where that is enough.
fn next_try(attempts: i32, now: Timestamp) -> Option<Timestamp> {
    let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let seconds = *PAUSES.get(place)?;
    let more = rand::random_range(0..=seconds * 100);
    Some(later(
        now,
        SignedDuration::from_millis(seconds * 1000 + more),
    ))
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_for_three_days_and_then_end() {
        let now = Timestamp::UNIX_EPOCH;
        let pause = |attempts| next_try(attempts, now).map(Timestamp::as_second);
        for (attempts, seconds) in (1..).zip(PAUSES) {
            let next = pause(attempts).unwrap_or_default();
            assert!((seconds..=seconds + seconds / 10).contains(&next), "{next}");
        }
        assert_eq!((pause(0), pause(17), pause(i32::MAX)), (None, None, None));
        let days = PAUSES.iter().sum::<i64>() / (24 * 3600);
        assert!((2..=3).contains(&days), "{days}");
    }
}
