//! `gatehouse serve`.

use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, Env};
use crate::{server, telemetry};

/// Runs the service until SIGTERM or SIGINT.
///
/// # Errors
/// Where a setting cannot be used, or the service cannot start.
pub async fn run() -> anyhow::Result<()> {
    let env = Env::process();
    let traces = super::traces(&env)?;
    telemetry::logs::init(&env.log_levels(), std::io::stdout, traces.as_ref());
    let config = Config::from_env(&env)?;
    let stopped = stop_signal()?;
    let ended = match server::start(config).await {
        Ok(running) => running.until(stopped).await,
        Err(error) => Err(error),
    };
    if let Some(traces) = traces {
        traces.finish().await;
    }
    Ok(ended?)
}

/// Resolves when the process is asked to stop.
///
/// # Errors
/// Where signals cannot be heard.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
