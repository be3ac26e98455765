//! `gatehouse audit-ship`.

use tokio_util::sync::CancellationToken;

use super::serve;
use crate::config::{self, Env};
use crate::db::Pool;
use crate::{access_logs, telemetry};

/// Ships one node's audit log until SIGTERM or SIGINT. What was begun is finished when it is started again.
///
/// # Errors
/// Where a setting cannot be used.
pub async fn run() -> anyhow::Result<()> {
    let env = Env::process();
    telemetry::logs::init(&env.log_levels(), std::io::stdout, None);
    let settings = config::audit_settings(&env)?;
    let pool = Pool::new(&config::db_settings(&env)?)?;
    let stop = CancellationToken::new();
    let stopped = serve::stop_signal()?;
    tracing::info!(node = settings.node, "Shipping the audit log");
    tokio::select! {
        () = stopped => stop.cancel(),
        () = access_logs::ship(pool, settings, stop.clone()) => {}
    }
    Ok(())
}
