//! Where subcommands write: results to standard output, everything else to standard error.

use std::io::Write;
use std::process::ExitCode;

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
pub fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// An error with its causes; the exit status of a failure.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    note(&format!("gatehouse: {error:#}"));
    ExitCode::FAILURE
}
