//! Connections that do nothing, and those that send a byte now and then, beside callers who mean it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::overload::{number, token};
use crate::paced::{paced, percentile};
use crate::place::{Bench, ROUNDS};
use crate::report::{Bar, Report};

const IDLE: usize = 10_000;
/// Of each kind.
const SLOW: usize = 1_000;
const BETWEEN_BYTES: Duration = Duration::from_millis(200);
const TIME: Duration = Duration::from_secs(10);
/// A second; the bar is about latency, and no machine is at its limit with this.
const RATE: f64 = 50.0;

/// The rows of connections.
pub async fn run(bench: &Bench, report: &mut Report) {
    let address = bench.service.url.trim_start_matches("http://").to_owned();
    let normal = async || {
        let answers = paced(RATE, TIME, token(bench)).await;
        for answer in &answers {
            assert!(
                answer.status.is_some_and(|status| status == 200),
                "{:?}",
                answer.status
            );
        }
        percentile(answers.iter().map(|answer| answer.took), 99) * 1000.0
    };
    normal().await;
    let before: Vec<f64> = rounds(&normal).await;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    let (stop, open) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let key = &bench.vendor.public_key;
    let head = "POST /api/site HTTP/1.1\r\nhost: gatehouse\r\nx-filler: ";
    let body = format!(
        "POST /api/site HTTP/1.1\r\nhost: gatehouse\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 60000\r\n\r\n{{"
    );
    let slow: Vec<_> = [head.to_owned(), body]
        .into_iter()
        .flat_map(|start| std::iter::repeat_n(start, SLOW))
        .map(|start| {
            let (address, stop, open) = (address.clone(), Arc::clone(&stop), Arc::clone(&open));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    slowly(&address, &start, &open).await;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let during: Vec<f64> = rounds(&normal).await;
    let slow_ones = open.load(Ordering::Relaxed);
    let memory = u32::try_from(bench.service.memory()).unwrap();
    stop.store(true, Ordering::Relaxed);
    for one in slow {
        one.await.unwrap();
    }
    drop(idle);
    let work = format!(
        "a write token beside {IDLE} idle connections and {} slow ones, 99 of 100, against without",
        2 * SLOW
    );
    report.row(&work, "ms", &during, &before, Bar::Most(2.0));
    report.value(
        "slow connections that were open then",
        "",
        &[number(slow_ones)],
        Bar::Least(number(SLOW)),
    );
    let work = "resident memory meanwhile";
    report.value(work, "MiB", &[f64::from(memory) / 1024.0], Bar::Most(256.0));
}

async fn rounds<F: AsyncFn() -> f64>(measure: &F) -> Vec<f64> {
    let mut values = Vec::new();
    for _ in 0..ROUNDS {
        values.push(measure().await);
    }
    values
}

/// One connection, until the service has enough of it.
async fn slowly(address: &str, start: &str, open: &AtomicUsize) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        tokio::time::sleep(BETWEEN_BYTES).await;
        return;
    };
    open.fetch_add(1, Ordering::Relaxed);
    let mut answer = [0; 512];
    let mut sent = stream.write_all(start.as_bytes()).await;
    while sent.is_ok() {
        tokio::select! {
            _ = stream.read(&mut answer) => break,
            () = tokio::time::sleep(BETWEEN_BYTES) => sent = stream.write_all(b" ").await,
        }
    }
    open.fetch_sub(1, Ordering::Relaxed);
}
