//! `gatehouse operator`: works on the database, as the first operator has nobody to ask.

use clap::Subcommand;

use super::out;
use crate::bootstrap;
use crate::config::{self, Env};
use crate::db::Pool;

/// What to do.
#[derive(Subcommand)]
pub enum Args {
    /// Make a token for an operator; it is shown once
    Add {
        /// Who it is for; stands in every event
        name: String,
    },
    /// Revoke all tokens of an operator
    Revoke {
        /// Who
        name: String,
    },
}

/// Runs it.
///
/// # Errors
/// Where OpenBao or the database does not answer, or there is no such operator.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let env = Env::process();
    let pool = Pool::new(&config::db_settings(&env)?)?;
    match args {
        Args::Add { name } => {
            let token = config::administrator_token(&env)?;
            let handle = bootstrap::administrator(&config::server(&env)?, &token)?;
            let token = bootstrap::new_operator(&handle, &pool, &name).await?;
            out::line(token.expose())
        }
        Args::Revoke { name } => {
            let revoked = bootstrap::revoke_operator(&pool, &name).await?;
            anyhow::ensure!(revoked > 0, "no operator of that name has a token");
            out::note(&format!("Revoked {revoked} tokens."));
            Ok(())
        }
    }
}
