//! Everything the run logs, kept in memory and searched for secrets.

use std::io::Write;
use std::sync::{Mutex, OnceLock};

use gatehouse::telemetry;
use tracing_subscriber::fmt::MakeWriter;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts capturing; the first call counts.
pub fn capture() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let levels =
            std::env::var("TEST_LOG").unwrap_or_else(|_| "debug,gatehouse=trace".to_owned());
        telemetry::init_logs(&levels, Sink);
    });
}

/// How much was logged so far.
pub fn len() -> usize {
    LOG.lock().unwrap().len()
}

/// The lines logged from a place on that contain `needle`.
pub fn lines_with(from: usize, needle: &str) -> Vec<String> {
    let log = LOG.lock().unwrap();
    let text = String::from_utf8_lossy(&log[from..]);
    text.lines()
        .filter(|line| line.contains(needle))
        .map(str::to_owned)
        .collect()
}

/// Whether any of `secrets` was logged from a place on: as it is, or its first twelve characters.
pub fn find_secret(from: usize, secrets: &[String]) -> Option<String> {
    let log = LOG.lock().unwrap();
    let text = String::from_utf8_lossy(&log[from..]);
    secrets.iter().find_map(|secret| {
        // `pk_…` and `s.…` begin alike for all; what tells them apart comes later.
        let mark = secret.get(..24).unwrap_or(secret);
        text.find(mark).map(|at| {
            text[at.saturating_sub(400)..]
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        })
    })
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
