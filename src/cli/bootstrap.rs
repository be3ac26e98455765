//! `gatehouse bootstrap`.

use anyhow::Context;

use super::{operator, out};
use crate::bootstrap::{self, Role};
use crate::config::{self, Env};
use crate::types::UserName;

/// Options.
#[derive(clap::Args)]
pub struct Args {
    /// Print credentials of one AppRole with all rights instead of three apart: for a small installation
    #[arg(long)]
    one_token: bool,
    /// Name of the first operator
    #[arg(long, default_value = "admin", value_parser = operator::name)]
    operator: UserName,
    /// Give this role of PostgreSQL, which is there already, what `serve` needs, as `migrate` does
    #[arg(long, value_name = "ROLE")]
    service_role: Option<String>,
    /// Only bring policies, roles and schema up to date: make no credentials
    #[arg(long)]
    update: bool,
}

/// Prepares everything and prints what `serve` and the operator need.
///
/// # Errors
/// Says which step failed; what was done before it stays, and a repeat goes on.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let env = Env::process();
    let settings = config::db_settings(&env)?;
    let handle =
        bootstrap::administrator(&config::server(&env)?, &config::administrator_token(&env)?)?;
    let (pool, applied) = bootstrap::migrate(&settings)
        .await
        .context("migrating the database")?;
    out::note(&format!("Database: {} migrations applied.", applied.len()));
    super::migrate::let_serve(&pool, args.service_role.as_deref()).await?;
    bootstrap::prepare_openbao(&handle)
        .await
        .context("preparing OpenBao")?;
    out::note("OpenBao: policies, token roles, key engine and AppRoles are in place.");
    if args.update {
        return Ok(());
    }
    let roles: &[(&str, Role)] = if args.one_token {
        &[("GATEHOUSE_BAO", Role::Saas)]
    } else {
        &[
            ("GATEHOUSE_BAO_ISSUER", Role::Issuer),
            ("GATEHOUSE_BAO_REVOKER", Role::Revoker),
            ("GATEHOUSE_BAO_PROVISIONER", Role::Provisioner),
        ]
    };
    for (prefix, role) in roles {
        let credentials = bootstrap::credentials(&handle, *role).await?;
        out::line(&format!("{prefix}_ROLE_ID={}", credentials.role_id))?;
        out::line(&format!(
            "{prefix}_SECRET_ID={}",
            credentials.secret_id.expose()
        ))?;
    }
    let token = bootstrap::new_operator(
        &handle,
        &pool,
        args.operator.as_str(),
        bootstrap::OPERATOR_TOKEN_DAYS,
    )
    .await?;
    out::line(&format!("GATEHOUSE_ADMIN_TOKEN={}", token.expose()))?;
    out::note(
        "These are shown once, and the operator's token ends after 90 days. Revoke the administrator's token now if it was made for this.",
    );
    Ok(())
}
