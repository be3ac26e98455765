//! Sends what is due, signed, and puts off what a receiver does not take.
//!
//! A message is claimed before it is sent, by putting its next try off. One that was on the way when the service died is
//! sent again then: a receiver may get a message twice, and tells by its id.

use std::collections::{BTreeMap, BTreeSet};
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
use super::outbox::with_public_key;
use super::{Owner, retry};
use crate::app::App;
use crate::auth::KeyRing;
use crate::egress::EgressError;
use crate::error::{Result, cause_chain};
use crate::events::Event;

/// How long a claimed message is nobody else's.
const HOLD: SignedDuration = SignedDuration::from_secs(60);
/// For one try, from the look-up of the name to the head of the answer.
const LIMIT: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 128;
/// Of one vendor, or of the platform: slow receivers hold up nobody else's.
const PER_OWNER: usize = 4;
/// How long a pass claims for everyone. Then it goes on for those who are quick until what is on the way has ended, so
/// that slow receivers, which are waited for, hold up nobody then either.
const CLAIM_FOR: Duration = Duration::from_secs(5);
/// How long it goes on at the most.
const CLAIM_AT_MOST: Duration = Duration::from_mins(1);
/// An owner with a try that took longer is slow.
const SLOW: Duration = Duration::from_secs(1);
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

/// What is on the way, and who is slow.
#[derive(Default)]
struct Traffic {
    on_the_way: BTreeMap<Owner, usize>,
    slow: BTreeSet<Owner>,
}

impl Traffic {
    fn goes_out(&mut self, message: &Claimed) {
        *self.on_the_way.entry(message.owner).or_default() += 1;
    }

    fn came_back(&mut self, sent: &Sent) {
        let owner = sent.message.owner;
        if let Some(number) = self.on_the_way.get_mut(&owner) {
            *number -= 1;
        }
        if sent.took > SLOW {
            self.slow.insert(owner);
        }
    }

    /// Who gets nothing more at the moment. One with fewer on the way may get as many again: a slow receiver of an owner
    /// leaves room for its others. Late in a pass only those are served who do not make it longer.
    fn busy(&self, is_late: bool) -> Vec<i64> {
        let most = if is_late { 1 } else { PER_OWNER };
        let full = self.on_the_way.iter();
        let full = full.filter(|(_, number)| **number >= most);
        let mut busy: BTreeSet<Owner> = full.map(|(owner, _)| *owner).collect();
        if is_late {
            busy.extend(&self.slow);
        }
        busy.into_iter().map(Owner::key).collect()
    }
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
    let mut traffic = Traffic::default();
    loop {
        let since = started.elapsed();
        if trouble.is_none() && since < CLAIM_AT_MOST && !app.stop.is_cancelled() {
            let busy = traffic.busy(since >= CLAIM_FOR);
            match claim(app, AT_ONCE.saturating_sub(on_the_way.len()), &busy).await {
                Ok(claimed) => {
                    for one in claimed {
                        traffic.goes_out(&one);
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
            Some(sent) = on_the_way.next() => {
                traffic.came_back(&sent);
                passed.count(noted(app, &sent.message, sent.answered).await);
            }
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

async fn claim(app: &App, free: usize, busy: &[i64]) -> Result<Vec<Claimed>> {
    if free == 0 {
        return Ok(Vec::new());
    }
    let room = Room {
        most: i64::try_from(free).unwrap_or(1),
        per_owner: i64::try_from(PER_OWNER).unwrap_or(1),
        busy,
    };
    let now = app.clock.now();
    let client = app.db.all().await?;
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

/// What a receiver answered.
#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    /// How long it asks to be left alone.
    asked: Option<SignedDuration>,
}

/// The answer, or one word for why there is none.
type Answered = std::result::Result<Answer, &'static str>;

struct Sent {
    message: Claimed,
    answered: Answered,
    took: Duration,
}

async fn send(app: &App, ring: &KeyRing, message: Claimed) -> Sent {
    let started = Instant::now();
    let answered = tokio::time::timeout(LIMIT, post(app, ring, &message)).await;
    Sent {
        message,
        answered: answered.unwrap_or(Err("timed_out")),
        took: started.elapsed(),
    }
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
    let client = app.egress.http_client(&url).await.map_err(word_of)?;
    let (id, at) = (message.id.to_string(), app.clock.now());
    let body = match message.key {
        Some(key) => with_public_key(&message.body, &ring.public_key(key)),
        None => message.body.clone(),
    };
    let secrets = message.generation.signing(ring, message.webhook, at);
    let signatures = secrets
        .iter()
        .map(|secret| secret.sign(&id, at.as_second(), body.as_bytes()));
    let signatures: Vec<String> = signatures.collect();
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", "Gatehouse")
        .header("webhook-id", &id)
        .header("webhook-timestamp", at.as_second())
        .header("webhook-signature", signatures.join(" "))
        .body(body);
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            // Others may say it too, but there it is not about the next try.
            let header = answer.headers().get("retry-after");
            let header = header.filter(|_| matches!(status, 429 | 503));
            let asked = header
                .and_then(|header| header.to_str().ok())
                .and_then(|text| retry::asked(text, at));
            Ok(Answer { status, asked })
        }
        Err(error) if error.is_timeout() => Err("timed_out"),
        Err(_) => Err("not_connected"),
    }
}

fn word_of(error: EgressError) -> &'static str {
    match error {
        EgressError::NameUnknown | EgressError::NameTimedOut => "name_unknown",
        EgressError::AddressRefused | EgressError::Outside(_) | EgressError::NotWeb => {
            "address_refused"
        }
        EgressError::ConnectTimedOut => "timed_out",
        EgressError::ConnectionRefused | EgressError::Unreachable | EgressError::Client => {
            "not_connected"
        }
    }
}

async fn note(app: &App, message: &Claimed, answered: Answered) -> Result<Came> {
    let now = app.clock.now();
    let answer = answered.ok();
    let status = answer.map(|answer| i32::from(answer.status));
    let problem = match answered.map(|answer| answer.status) {
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
        queue::note(
            &app.db.of_or_all(message.owner.vendor()).await?,
            message,
            &outcome,
        )
        .await?;
        return Ok(Came::Delivered);
    }
    let asked = answer.and_then(|answer| answer.asked);
    let next = retry::next(message.attempts, asked, now);
    outcome.next_attempt_at = next.filter(|_| status != Some(410));
    if outcome.next_attempt_at.is_some() {
        queue::note(
            &app.db.of_or_all(message.owner.vendor()).await?,
            message,
            &outcome,
        )
        .await?;
        return Ok(Came::PutOff);
    }
    outcome.dead_at = Some(now);
    if status == Some(410) {
        disable(app, message, &outcome, now).await?;
    } else {
        give_up(app, message, &outcome, now).await?;
    }
    Ok(Came::Dead)
}

/// That was the last try: an event says so.
async fn give_up(app: &App, message: &Claimed, outcome: &Outcome, now: Timestamp) -> Result<()> {
    let mut client = app.db.of_or_all(message.owner.vendor()).await?;
    let transaction = client.transaction().await?;
    if queue::note(&transaction, message, outcome).await? {
        let mut event = Event::done("webhook.gave_up", message.owner.vendor(), ACTOR);
        event.details = json!({
            "webhook": message.webhook,
            "delivery": message.id,
            "type": message.type_name,
        });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The receiver says that it is gone for good: nothing is sent there any more.
async fn disable(app: &App, message: &Claimed, outcome: &Outcome, now: Timestamp) -> Result<()> {
    let (owner, webhook) = (message.owner, message.webhook);
    let mut client = app.db.of_or_all(owner.vendor()).await?;
    let transaction = client.transaction().await?;
    if super::store::disable(&transaction, owner, webhook, now).await? {
        let mut event = Event::done("webhook.disabled", owner.vendor(), ACTOR);
        event.details = json!({ "webhook": webhook, "because": "gone" });
        event.record(&transaction, now).await?;
    }
    queue::note(&transaction, message, outcome).await?;
    queue::give_up(&transaction, owner, webhook, DISABLED, now).await?;
    transaction.commit().await?;
    Ok(())
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
