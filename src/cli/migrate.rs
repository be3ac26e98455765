//! `gatehouse migrate`.

use super::out;
use crate::bootstrap;
use crate::config::{self, Env};

/// Applies what is missing, and says what.
///
/// # Errors
/// Where the database does not answer, or was migrated by other files.
pub async fn run() -> anyhow::Result<()> {
    let settings = config::db_settings(&Env::process())?;
    let (_, applied) = bootstrap::migrate(&settings).await?;
    if applied.is_empty() {
        out::note("The schema is up to date.");
    }
    applied
        .iter()
        .try_for_each(|name| out::line(&format!("applied {name}")))
}
