//! Callers that come when they come, whether the others were answered or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, StatusCode};
use tokio::sync::Semaphore;

/// Between two moments at which calls go out.
const TICK: Duration = Duration::from_millis(5);
/// More than this many wait for no answer: what would come on top is counted as not answered.
const AT_ONCE: usize = 8_000;

/// An answer, or none.
pub struct Answer {
    /// After the beginning, seconds.
    pub at: f64,
    /// Seconds.
    pub took: f64,
    /// `None` where the connection ended, or nothing came within the caller's patience.
    pub status: Option<StatusCode>,
    /// What is said of when to come again.
    pub retry_after: Option<u64>,
}

/// Sends so many calls a second for so long, and gives what came of each.
pub async fn paced<F>(rate: f64, time: Duration, call: F) -> Vec<Answer>
where
    F: Fn() -> RequestBuilder + Clone + Send + 'static,
{
    let (began, places) = (Instant::now(), Arc::new(Semaphore::new(AT_ONCE)));
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let (mut due, mut sent) = (0.0, Vec::new());
    while began.elapsed() < time {
        tick.tick().await;
        due += rate * TICK.as_secs_f64();
        while due >= 1.0 {
            due -= 1.0;
            let at = began.elapsed().as_secs_f64();
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                sent.push(tokio::spawn(async move { nothing(at, at) }));
                continue;
            };
            let call = call.clone();
            sent.push(tokio::spawn(async move {
                let _place = place;
                answer(began, at, call()).await
            }));
        }
    }
    let mut answers = Vec::new();
    for one in sent {
        answers.push(one.await.unwrap());
    }
    answers
}

fn nothing(at: f64, until: f64) -> Answer {
    Answer {
        at,
        took: until - at,
        status: None,
        retry_after: None,
    }
}

async fn answer(began: Instant, at: f64, call: RequestBuilder) -> Answer {
    let until = || began.elapsed().as_secs_f64();
    let Ok(answer) = call.timeout(Duration::from_secs(12)).send().await else {
        return nothing(at, until());
    };
    let status = answer.status();
    let retry_after = answer.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    if answer.bytes().await.is_err() {
        return nothing(at, until());
    }
    Answer {
        at,
        took: until() - at,
        status: Some(status),
        retry_after,
    }
}

/// Seconds that so many of a hundred took at most.
pub fn percentile(took: impl Iterator<Item = f64>, of_hundred: usize) -> f64 {
    let mut took: Vec<f64> = took.collect();
    took.sort_by(f64::total_cmp);
    let place = took.len() * of_hundred / 100;
    took.get(place.min(took.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
