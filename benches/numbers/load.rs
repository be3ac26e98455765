//! Callers that each ask again as soon as they were answered.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;

/// What came of a round.
pub struct Load {
    /// Answers a second.
    pub rate: f64,
    /// Half of them took less, seconds.
    pub median: f64,
}

/// So many callers for so long. Each answer must have the status.
pub async fn load<F>(callers: usize, time: Duration, status: u16, call: F) -> Load
where
    F: Fn() -> RequestBuilder + Clone + Send + 'static,
{
    let began = Instant::now();
    let all = (0..callers).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < time {
                let request = call();
                let sent = Instant::now();
                let answer = request.send().await.unwrap();
                let (got, body) = (answer.status().as_u16(), answer.bytes().await.unwrap());
                took.push(sent.elapsed().as_secs_f64());
                assert_eq!(got, status, "{}", String::from_utf8_lossy(&body));
            }
            took
        })
    });
    let mut took = Vec::new();
    for caller in all.collect::<Vec<_>>() {
        took.extend(caller.await.unwrap());
    }
    let seconds = began.elapsed().as_secs_f64();
    let answers = u32::try_from(took.len()).unwrap();
    Load {
        rate: f64::from(answers) / seconds,
        median: median(&mut took),
    }
}

/// The one in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
