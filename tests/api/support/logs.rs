//! Everything the run logs, kept in memory and searched for secrets.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

use aho_corasick::AhoCorasick;
use gatehouse::telemetry;
use tracing_subscriber::fmt::MakeWriter;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts capturing; the first call counts.
pub fn capture() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let levels =
            std::env::var("TEST_LOG").unwrap_or_else(|_| "debug,gatehouse=trace".to_owned());
        telemetry::logs::init(&levels, Sink, None);
    });
}

/// How much was logged so far.
pub fn len() -> usize {
    LOG.lock().unwrap().len()
}

/// What was logged from a place on: a copy, as everybody who logs waits meanwhile.
fn since(from: usize) -> Vec<u8> {
    LOG.lock().unwrap()[from..].to_vec()
}

/// The lines logged from a place on that contain `needle`.
pub fn lines_with(from: usize, needle: &str) -> Vec<String> {
    let log = since(from);
    let text = String::from_utf8_lossy(&log);
    text.lines()
        .filter(|line| line.contains(needle))
        .map(str::to_owned)
        .collect()
}

/// The line from a place on in which any of `secrets` was logged: as it is, or its first 24 characters.
pub fn find_secret(from: usize, secrets: &[String]) -> Option<String> {
    // `pk_…` and `s.…` begin alike for all; what tells them apart comes later.
    let marks: HashSet<&str> = secrets
        .iter()
        .map(|secret| secret.get(..24).unwrap_or(secret))
        .collect();
    let log = since(from);
    let found = AhoCorasick::new(&marks).unwrap().find(&log)?;
    let before = log[..found.start()].iter().rposition(|b| *b == b'\n');
    let line = &log[before.map_or(0, |at| at + 1)..];
    let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
    Some(String::from_utf8_lossy(line).into_owned())
}

#[derive(Clone)]
struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Sink {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}
