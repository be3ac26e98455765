//! Where subcommands write: results to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::table;

/// Whether `--json` was given.
static JSON: AtomicBool = AtomicBool::new(false);

/// Chooses JSON for all results of this process.
pub fn choose_json() {
    JSON.store(true, Ordering::Relaxed);
}

/// Whether results are wanted as JSON.
pub fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// What the service answered: a table for people, or JSON for scripts. Where there are more pages, whoever sits there is
/// told how to go on.
///
/// # Errors
/// Where standard output is closed.
pub fn answer(value: &Value) -> anyhow::Result<()> {
    if is_json() {
        return json(value);
    }
    line(&table::render(value, width()))?;
    if let Some(cursor) = value["nextCursor"].as_str() {
        note(&format!("There are more: --cursor {cursor}"));
    }
    Ok(())
}

/// Of the terminal, where there is one.
fn width() -> Option<usize> {
    let out = std::io::stdout();
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    (out.is_terminal() && size.ws_col > 0).then_some(size.ws_col.into())
}

/// A line of result.
///
/// # Errors
/// Where standard output is closed.
pub fn line(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Bytes as they are.
///
/// # Errors
/// Where standard output is closed.
pub fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    std::io::stdout().write_all(bytes)?;
    Ok(())
}

/// A remark for whoever sits there.
pub fn note(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

/// A value as indented JSON.
///
/// # Errors
/// Where standard output is closed.
pub fn json(value: &Value) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// An error with its causes; the exit status of a failure.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    note(&format!("gatehouse: {error:#}"));
    ExitCode::FAILURE
}
