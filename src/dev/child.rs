//! A supervised process that does not outlive us.
//!
//! The program is started through util-linux `setpriv --pdeathsig`, which asks the kernel to signal it when its parent
//! dies and then becomes the program: the process id stays the same, and not even `kill -9` of the parent leaves it
//! behind.
//!
//! # Quirks
//! - The kernel's "parent" is the *thread* that spawned, not its process. Spawn only from a thread that lives as long
//!   as the process: the one in `Runtime::block_on` of `main`, or a runtime worker. A blocking-pool thread ends after
//!   ten idle seconds and a test's thread with its test, and the child with them.
//! - A parent killed in the millisecond before `setpriv` has asked leaves its child behind.
//! - BusyBox's `setpriv` lacks `--pdeathsig`; util-linux's is needed.
//! - The child has a process group of its own, so Ctrl-C in a terminal reaches us alone and we stop it in order.
//! - The environment is not passed on, except `PATH`: no `PGPORT`, `BAO_ADDR` or `VAULT_TOKEN` of the shell gets in.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::time::timeout;

use super::tools;

/// The signal that asks a program to stop, by us or by the kernel on our death.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StopSignal {
    /// `SIGTERM`.
    Term,
    /// `SIGINT`: what PostgreSQL calls a fast shutdown.
    Int,
}

impl StopSignal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
        }
    }

    fn number(self) -> Signal {
        match self {
            Self::Term => Signal::TERM,
            Self::Int => Signal::INT,
        }
    }
}

/// What to start, and how.
pub struct Spec {
    /// The name in messages.
    pub name: &'static str,
    /// The program's path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The user and group to run as; only root may set it.
    pub run_as: Option<&'static str>,
    /// What stops it.
    pub stop_signal: StopSignal,
    /// Both its outputs are appended here; its folder is the working directory.
    pub log: PathBuf,
    /// Its environment, beside `PATH`.
    pub env: Vec<(&'static str, OsString)>,
}

/// A running process. Dropping it sends the stop signal without waiting.
pub struct Child {
    name: &'static str,
    process: tokio::process::Child,
    pid: u32,
    stop_signal: StopSignal,
    log: PathBuf,
    log_start: u64,
}

impl Child {
    /// Starts the program. That it runs on says only [`Child::ready`].
    ///
    /// # Errors
    /// When the log cannot be opened or `setpriv` cannot be started.
    pub fn spawn(spec: Spec) -> anyhow::Result<Self> {
        let mut options = OpenOptions::new();
        let log = options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&spec.log)
            .with_context(|| format!("cannot open the log {}", spec.log.display()))?;
        let mut command = command(spec.run_as, spec.stop_signal.name());
        command.arg(&spec.program).args(&spec.args).envs(spec.env);
        if let Some(dir) = spec.log.parent() {
            command.current_dir(dir);
        }
        let log_start = log.metadata()?.len();
        command.stdout(log.try_clone()?).stderr(log);
        let process = command.process_group(0).spawn().context(NO_SETPRIV)?;
        let pid = process.id().context("the child has no process id")?;
        tracing::info!(child.name = spec.name, child.pid = pid, "Started a server");
        Ok(Self {
            name: spec.name,
            process,
            pid,
            stop_signal: spec.stop_signal,
            log: spec.log,
            log_start,
        })
    }

    /// The process id of the program itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Resolves when the program has ended without being asked, to an error that quotes its log. Safe to cancel.
    pub async fn wait(&mut self) -> anyhow::Error {
        match self.process.wait().await {
            Ok(status) => self.failure(&format!("ended with {status}")),
            Err(error) => anyhow!(error).context(format!("cannot wait for {}", self.name)),
        }
    }

    /// Waits for `answer`, which is to resolve once the program is ready.
    ///
    /// # Errors
    /// When the program ends first or the limit is reached; the error quotes its log.
    pub async fn ready<T>(
        &mut self,
        limit: Duration,
        answer: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            ended = self.wait() => Err(ended),
            answer = timeout(limit, answer) => {
                answer.map_err(|_| self.failure(&format!("was not ready within {limit:?}")))
            }
        }
    }

    /// Sends the stop signal, waits, and kills what is still there at the deadline. Fine if it has already ended.
    ///
    /// # Errors
    /// When the process can neither be signalled nor waited for.
    pub async fn stop(&mut self, deadline: Duration) -> anyhow::Result<()> {
        self.signal()
            .with_context(|| format!("cannot stop {}", self.name))?;
        let stopped = timeout(deadline, self.process.wait()).await;
        let status = if let Ok(status) = stopped {
            status?
        } else {
            tracing::warn!(child.name = self.name, "A server ignored its stop signal");
            self.process.start_kill()?;
            self.process.wait().await?
        };
        tracing::info!(child.name = self.name, %status, "Stopped a server");
        Ok(())
    }

    /// An error about this child, with the last lines it wrote since it was started.
    fn failure(&self, what: &str) -> anyhow::Error {
        let lines = self.last_lines().unwrap_or_default();
        let (name, log) = (self.name, self.log.display());
        anyhow!("{name} {what}. The end of {log}:\n{lines}")
    }

    fn last_lines(&self) -> io::Result<String> {
        let mut log = fs::File::open(&self.log)?;
        let end = log.metadata()?.len();
        log.seek(SeekFrom::Start(
            self.log_start.max(end.saturating_sub(8192)),
        ))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(12)..].join("\n"))
    }

    /// Does nothing once the process has been waited for, as its id may by then be another's.
    fn signal(&self) -> io::Result<()> {
        let Some(pid) = self.process.id().and_then(|pid| pid.try_into().ok()) else {
            return Ok(());
        };
        let Some(pid) = Pid::from_raw(pid) else {
            return Ok(());
        };
        Ok(kill_process(pid, self.stop_signal.number())?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Err(error) = self.signal() {
            tracing::warn!(child.name = self.name, %error, "Could not stop a server");
        }
    }
}

/// What to say when [`command`] cannot be started.
pub(super) const NO_SETPRIV: &str =
    "cannot start `setpriv` (run `make tools`, or apt-get install util-linux)";

/// A command whose arguments name the program: it gets `signal` when we die, no input, and only `PATH` of our
/// environment.
pub(super) fn command(run_as: Option<&str>, signal: &str) -> Command {
    let mut command =
        Command::new(tools::on_path("setpriv").unwrap_or_else(|| "/usr/bin/setpriv".into()));
    command.env_clear().env("PATH", tools::path());
    command.stdin(Stdio::null());
    if let Some(user) = run_as {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.args(["--pdeathsig", signal, "--"]);
    command
}
