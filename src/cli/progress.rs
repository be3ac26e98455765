//! How far long work has come, for whoever sits at a terminal: scripts, and files that are written to the terminal itself,
//! see nothing of it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::out;
use super::table::plain;

/// How often it moves where nothing comes.
const TICK: Duration = Duration::from_millis(120);

/// A line on standard error, until it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// Of work whose end is not known: says what is done, and for how long.
    pub fn of_work(what: &str) -> Self {
        Self::new(None, "{spinner} {msg} {elapsed}", what)
    }

    /// Of a file that comes: how much of it is here. It shows where standard output is a file, and not where somebody reads
    /// along, by a pager as well.
    pub fn of_file() -> Self {
        let to = rustix::fs::fstat(std::io::stdout());
        let is_file = to.is_ok_and(|to| rustix::fs::FileType::from_raw_mode(to.st_mode).is_file());
        if !is_file {
            return Self(ProgressBar::hidden());
        }
        Self::new(None, "{spinner} {bytes} in {elapsed}, {bytes_per_sec}", "")
    }

    /// Of so many steps.
    pub fn of_steps(steps: usize, what: &str) -> Self {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        Self::new(
            Some(steps),
            "{bar:30} {pos} of {len}: {msg} {elapsed}",
            what,
        )
    }

    fn new(steps: Option<u64>, template: &str, what: &str) -> Self {
        if out::is_json() {
            return Self(ProgressBar::hidden());
        }
        // Hidden by itself where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(steps, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar.tick();
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// So much more was done.
    pub fn add(&self, amount: usize) {
        self.0.inc(u64::try_from(amount).unwrap_or(u64::MAX));
    }

    /// So far it has come, and this is being done.
    pub fn at(&self, step: usize, what: &str) {
        self.0.set_position(u64::try_from(step).unwrap_or(u64::MAX));
        self.0.set_message(plain(what));
    }

    /// What is being done.
    pub fn say(&self, what: &str) {
        self.0.set_message(plain(what));
    }

    /// Writes something else meanwhile.
    pub fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
