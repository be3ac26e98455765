//! Reads a password, from a terminal without showing it.

use std::io::{IsTerminal, Stdin};

use anyhow::Context;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::out;

/// The next line of standard input, without its end and otherwise as it is.
///
/// # Errors
/// Where there is none.
pub fn password() -> anyhow::Result<String> {
    asked("Password:")
}

/// The same; whoever sits at a terminal is asked for it by `prompt`.
///
/// # Errors
/// Where there is none.
pub fn asked(prompt: &str) -> anyhow::Result<String> {
    let input = std::io::stdin();
    let hidden = Hidden::begin(&input)?;
    if hidden.is_some() {
        out::note(prompt);
    }
    let mut line = String::new();
    input.read_line(&mut line).context("reading the password")?;
    drop(hidden);
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    anyhow::ensure!(!line.is_empty(), "no password came from standard input");
    Ok(line.to_owned())
}

/// While it lives, the terminal does not show what is typed.
struct Hidden<'a> {
    input: &'a Stdin,
    before: Termios,
}

impl<'a> Hidden<'a> {
    /// `None` where there is no terminal.
    fn begin(input: &'a Stdin) -> anyhow::Result<Option<Self>> {
        if !input.is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(input).context("asking the terminal")?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(input, OptionalActions::Flush, &silent).context("silencing the terminal")?;
        Ok(Some(Self { input, before }))
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        tcsetattr(self.input, OptionalActions::Now, &self.before).ok();
    }
}
