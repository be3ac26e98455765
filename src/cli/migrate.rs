//! `gatehouse migrate`.

use super::out;
use crate::bootstrap;
use crate::config::{self, Env};
use crate::db;

/// Options.
#[derive(clap::Args)]
pub struct Args {
    /// Give this role of PostgreSQL, which is there already, what `serve` needs: rows, and no tables of its own
    #[arg(long, value_name = "ROLE")]
    service_role: Option<String>,
}

/// Applies what is missing, and says what.
///
/// # Errors
/// Where the database does not answer, or was migrated by other files, or row-level security would not hold the role.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let settings = config::db_settings(&Env::process())?;
    let (pool, applied) = bootstrap::migrate(&settings).await?;
    let_serve(&pool, args.service_role.as_deref()).await?;
    if applied.is_empty() {
        out::note("The schema is up to date.");
    }
    applied
        .iter()
        .try_for_each(|name| out::line(&format!("applied {name}")))
}

/// Gives a role what `serve` needs, where one is named.
///
/// # Errors
/// Where it is not there, or row-level security would not hold it.
pub(super) async fn let_serve(pool: &db::Pool, role: Option<&str>) -> anyhow::Result<()> {
    let Some(role) = role else { return Ok(()) };
    db::grant(pool, role).await?;
    out::note(&format!("Database: the role {role} may serve."));
    Ok(())
}
