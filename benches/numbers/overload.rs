//! Four times as many callers as can be served: those who are served, those who are sent away, and the time after.
//! `BENCH_OVERLOAD_SECONDS` says for how long, 60 by itself.

use std::time::Duration;

use reqwest::RequestBuilder;

use crate::load::load;
use crate::paced::{Answer, paced, percentile};
use crate::place::{Bench, ROUND};
use crate::report::{Bar, Report};

/// The rows of overload.
pub async fn run(bench: &Bench, report: &mut Report) {
    let seconds = std::env::var("BENCH_OVERLOAD_SECONDS").map_or(60, |text| text.parse().unwrap());
    let time = Duration::from_secs(seconds);
    load(32, Duration::from_secs(2), 200, token(bench)).await;
    let peak = load(32, ROUND, 200, token(bench)).await.rate;
    let quiet = median_of(&paced(peak * 0.5, ROUND, token(bench)).await);

    let answers = paced(peak * 4.0, time, token(bench)).await;
    let (served, sent_away): (Vec<&Answer>, Vec<&Answer>) = answers
        .iter()
        .partition(|answer| answer.status.is_some_and(|status| status == 200));
    let goodput = number(served.len()) / time.as_secs_f64();
    let work = "write tokens served under four times the load, against what can be";
    report.row(work, "a second", &[goodput], &[peak], Bar::Least(0.8));
    let politely = |answer: &&&Answer| {
        let status = answer.status.map(|status| status.as_u16());
        matches!(status, Some(429 | 503)) && answer.retry_after.is_some_and(|wait| wait > 0)
    };
    let rude = sent_away.len() - sent_away.iter().filter(politely).count();
    report.value(
        "callers who were neither served nor told when to come again",
        "",
        &[number(rude)],
        Bar::Most(0.0),
    );
    let refusal = percentile(sent_away.iter().map(|answer| answer.took), 99) * 1000.0;
    let work = "until a caller was sent away, 99 of 100";
    report.value(work, "ms", &[refusal], Bar::Most(100.0));

    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = median_of(&paced(peak * 0.5, ROUND, token(bench)).await);
    let work = "a write token ten seconds later, at half the load, against before";
    report.row(work, "ms", &[after], &[quiet], Bar::Most(1.2));
    let memory = u32::try_from(bench.service.memory()).unwrap();
    let work = "resident memory after it";
    report.value(work, "MiB", &[f64::from(memory) / 1024.0], Bar::Most(256.0));
}

pub fn token(bench: &Bench) -> impl Fn() -> RequestBuilder + Clone + Send + use<> {
    let (http, key) = (bench.http.clone(), bench.vendor.public_key.clone());
    let url = format!("{}/api/site", bench.service.url);
    move || http.post(&url).bearer_auth(&key)
}

fn median_of(answers: &[Answer]) -> f64 {
    for answer in answers {
        assert!(
            answer.status.is_some_and(|status| status == 200),
            "{:?} after {} s",
            answer.status,
            answer.at
        );
    }
    percentile(answers.iter().map(|answer| answer.took), 50) * 1000.0
}

pub fn number(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap())
}
