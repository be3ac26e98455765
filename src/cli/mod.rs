//! The command line: one file per subcommand.
//!
//! `serve`, `migrate`, `bootstrap` and `operator` work on the database and OpenBao; the others call a running service
//! as an operator, by `GATEHOUSE_URL` and `GATEHOUSE_ADMIN_TOKEN`. Settings come from the environment.

mod bootstrap;
mod dev;
mod dev_env;
mod migrate;
mod operator;
mod out;
mod remote;
mod serve;
mod show;
mod site;
mod vendor;
mod webhook;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A multi-tenant token broker in front of OpenBao or HashiCorp Vault.
#[derive(Parser)]
#[command(
    version,
    about,
    arg_required_else_help = true,
    after_help = "Settings come from the environment: deploy/gatehouse.env.example describes each."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service against an OpenBao and a PostgreSQL that are run for it
    Serve,
    /// Run everything on this machine: OpenBao, PostgreSQL and the service, with a demo vendor
    Dev,
    /// Bring the database's schema up to date
    Migrate,
    /// Prepare OpenBao and the database once, with an administrator's OpenBao token
    ///
    /// Writes the policies, the token roles, the key engine and the AppRoles, makes a first operator's token, and
    /// prints what `serve` needs. Safe to repeat: policies and roles are brought up to date, keys are left alone.
    Bootstrap(bootstrap::Args),
    /// Make and revoke operators' tokens
    #[command(subcommand)]
    Operator(operator::Args),
    /// Vendors of a running service
    #[command(subcommand)]
    Vendor(vendor::Args),
    /// Sites of a running service
    #[command(subcommand)]
    Site(site::Args),
    /// The app tokens of a running service: how long they live, never the tokens
    #[command(subcommand)]
    AppToken(show::AppToken),
    /// The background tasks of a running service
    #[command(subcommand)]
    Task(show::Task),
    /// Sign webhooks as the billing system does
    #[command(subcommand)]
    Webhook(webhook::Args),
}

/// Reads the arguments and runs the subcommand. Errors go to standard error, with their causes; the exit status is 1.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        return out::failed(&anyhow::anyhow!("a TLS provider is installed already"));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return out::failed(&anyhow::Error::new(error).context("starting the runtime"));
        }
    };
    match runtime.block_on(dispatch(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => out::failed(&error),
    }
}

async fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve => serve::run().await,
        Command::Dev => dev::run().await,
        Command::Migrate => migrate::run().await,
        Command::Bootstrap(args) => bootstrap::run(args).await,
        Command::Operator(args) => operator::run(args).await,
        Command::Vendor(args) => vendor::run(args).await,
        Command::Site(args) => site::run(args).await,
        Command::AppToken(args) => show::app_token(args).await,
        Command::Task(args) => show::task(args).await,
        Command::Webhook(args) => webhook::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
