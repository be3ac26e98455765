//! The command line: one file per subcommand.
//!
//! `serve`, `doctor`, `audit-ship`, `migrate`, `bootstrap`, `operator` and `events verify` work on the database and OpenBao; the
//! others call a running service at `GATEHOUSE_URL`: as an operator by `GATEHOUSE_ADMIN_TOKEN`, and `api`, `credential`,
//! `lockbox` and what is about one's `own` vendor as whoever holds `GATEHOUSE_TOKEN`. Settings come from the environment.

mod access_log;
mod api;
mod audit_node;
mod audit_ship;
mod bootstrap;
mod credential;
mod dev;
mod dev_env;
mod doctor;
mod events;
mod issuer;
mod jwt_key;
mod key_pair;
mod lockbox;
mod log_level;
mod migrate;
mod operator;
mod out;
mod paging;
mod password;
mod progress;
mod remote;
mod serve;
mod shell;
mod show;
mod site;
mod table;
mod token;
mod token_key;
mod trust_policy;
mod user;
mod vendor;
mod webhook;
mod whose;
mod worker;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{Env, TraceConfig};
use crate::telemetry::traces::Traces;

const SERVE_HELP: &str = "\
Needed: GATEHOUSE_BAO_ADDR, DATABASE_URL, GATEHOUSE_SIGNUP_SECRET, and tokens of OpenBao:
GATEHOUSE_BAO_{ISSUER,REVOKER,PROVISIONER}_{ROLE_ID,SECRET_ID} as `gatehouse bootstrap` prints them.
deploy/gatehouse.env.example describes these and all others.";

const DOCTOR_HELP: &str = "\
Needs the settings of `gatehouse serve`, and no running service. The exit status is 0 where the service can run, 1 where
there is a fault, and 2 where a setting cannot be used.";

const DEV_HELP: &str = "\
Settings: GATEHOUSE_DEV_DIR (.gatehouse), GATEHOUSE_LISTEN (127.0.0.1:8080), GATEHOUSE_DEV_OPENBAO_PORT (8200),
GATEHOUSE_DEV_OPENBAO_CLUSTER_PORT (8201), GATEHOUSE_DEV_POSTGRES_PORT (5433); 0 takes a free port.";

const REMOTE_HELP: &str = "\
Calls the service at GATEHOUSE_URL with the operator's token in GATEHOUSE_ADMIN_TOKEN. Where a vendor is called `own`, or
--own is given, it is the one of the token in GATEHOUSE_TOKEN, and that is sent instead.";

const CALLER_HELP: &str = "\
Calls the service at GATEHOUSE_URL with the token in GATEHOUSE_TOKEN (or its _FILE): a vendor's private key, or an access
token of a user, a worker or a workload.";

const WEBHOOK_HELP: &str = "\
`sign` needs GATEHOUSE_SIGNUP_SECRET (or its _FILE) and no service; the others call the service at GATEHOUSE_URL with the
operator's token in GATEHOUSE_ADMIN_TOKEN, or with the one in GATEHOUSE_TOKEN where the vendor is `own`.";

const AUDIT_HELP: &str = "\
Needs DATABASE_URL, GATEHOUSE_AUDIT_FILE and GATEHOUSE_AUDIT_NODE; GATEHOUSE_BAO_NAMESPACE as for the service;
GATEHOUSE_AUDIT_PROXIES names proxies through which OpenBao sees its clients.";

const BOOTSTRAP_HELP: &str = "\
Needs DATABASE_URL, GATEHOUSE_BAO_ADDR, and an administrator's token in GATEHOUSE_BAO_ADMIN_TOKEN (or its _FILE).";

const OPERATOR_HELP: &str = "\
Needs DATABASE_URL; add, create and password also GATEHOUSE_BAO_ADDR, and an administrator's token in
GATEHOUSE_BAO_ADMIN_TOKEN (or its _FILE), to read the keys that passwords and tokens are digested with.";

const EVENTS_HELP: &str = "\
Works on the database and OpenBao, with or without a running service. Needs DATABASE_URL, GATEHOUSE_BAO_ADDR, and a
token of OpenBao as `gatehouse serve` has it: GATEHOUSE_BAO_{ISSUER,REVOKER,PROVISIONER}_{ROLE_ID,SECRET_ID} or
GATEHOUSE_BAO_{ROLE_ID,SECRET_ID}; only the issuer's is used.";

/// A multi-tenant token broker in front of OpenBao or HashiCorp Vault.
#[derive(Parser)]
#[command(
    version,
    about,
    arg_required_else_help = true,
    after_help = "Settings come from the environment: deploy/gatehouse.env.example describes each."
)]
struct Cli {
    /// Write results as JSON, for scripts
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service against an OpenBao and a PostgreSQL that are run for it
    ///
    /// Listens at once and answers 503 until both are there; GET /readyz says what is missing. Stops on SIGTERM or
    /// Ctrl-C, after requests in flight were answered.
    #[command(after_help = SERVE_HELP)]
    Serve,
    /// Tell whether everything the service needs is there and as it should be
    ///
    /// Settings, the database, OpenBao with its keys and token roles, each app token with its life and each of its rights
    /// (with the line of policy that grants it), and how far the clocks are apart. Changes nothing, and prints no secret.
    #[command(after_help = DOCTOR_HELP)]
    Doctor,
    /// Run everything on this machine: OpenBao, PostgreSQL and the service, with a demo vendor
    ///
    /// For development only: the keys to everything lie beside the data. Data survive a restart. Writes what a shell
    /// needs to .gatehouse/dev.env, and prints one line when it is ready.
    #[command(after_help = DEV_HELP)]
    Dev,
    /// Ship OpenBao's audit log into the database: one beside each OpenBao node
    ///
    /// Reads the file audit device from where it stopped, through rotations, and keeps what is about vendors' engines:
    /// which token did what, never a value. `serve` does the same for a file on its own machine.
    #[command(after_help = AUDIT_HELP)]
    AuditShip,
    /// Bring the database's schema up to date
    ///
    /// Run it as the owner of the tables. Let another role serve, which owns nothing, and name it with --service-role.
    #[command(after_help = "Needs DATABASE_URL (or DATABASE_URL_FILE).")]
    Migrate(migrate::Args),
    /// Prepare OpenBao and the database once, with an administrator's OpenBao token
    ///
    /// Writes the policies, the token roles, the key engine and the AppRoles, makes a first operator's token, and
    /// prints what `serve` needs. Safe to repeat: policies and roles are brought up to date, keys are left alone.
    #[command(after_help = BOOTSTRAP_HELP)]
    Bootstrap(bootstrap::Args),
    /// The trail of what the service did
    #[command(subcommand, after_help = EVENTS_HELP)]
    Events(events::Args),
    /// Operators: people who log in with a second factor, and tokens for their scripts
    ///
    /// Works on the database itself, also where nobody can log in any more.
    #[command(subcommand, after_help = OPERATOR_HELP)]
    Operator(operator::Args),
    /// Vendors of a running service
    #[command(subcommand, after_help = REMOTE_HELP)]
    Vendor(vendor::Args),
    /// Workers of vendors: machine accounts that read credentials
    #[command(subcommand, after_help = REMOTE_HELP)]
    Worker(worker::Args),
    /// Vendors' key pairs: list, rotate, end
    #[command(subcommand, after_help = REMOTE_HELP)]
    KeyPair(key_pair::Args),
    /// Users of vendors: people with passwords, groups and sessions
    #[command(subcommand, after_help = REMOTE_HELP)]
    User(user::Args),
    /// Sites of a running service
    #[command(subcommand, after_help = REMOTE_HELP)]
    Site(site::Args),
    /// Tokens handed out by a running service: the ledger, and how to end them
    #[command(subcommand, after_help = REMOTE_HELP)]
    Token(token::Args),
    /// Issuers whose tokens workloads may show
    #[command(subcommand, after_help = REMOTE_HELP)]
    Issuer(issuer::Args),
    /// Trust policies of vendors: which workloads get what for a token of their own platform
    #[command(subcommand, after_help = REMOTE_HELP)]
    TrustPolicy(trust_policy::Args),
    /// Keys that vendors sign their client plugins' tokens with
    #[command(subcommand, after_help = REMOTE_HELP)]
    JwtKey(jwt_key::Args),
    /// The key that access tokens of a running service are signed with, never the key
    #[command(subcommand, after_help = REMOTE_HELP)]
    TokenKey(token_key::Args),
    /// Access logs: who asked for which token, and what it then did inside OpenBao
    #[command(subcommand, after_help = REMOTE_HELP)]
    AccessLog(access_log::Args),
    /// The OpenBao nodes whose audit logs a running service reads
    #[command(subcommand, after_help = REMOTE_HELP)]
    AuditNode(audit_node::Args),
    /// The app tokens of a running service: how long they live, never the tokens
    #[command(subcommand, after_help = REMOTE_HELP)]
    AppToken(show::AppToken),
    /// The background tasks of a running service
    #[command(subcommand, after_help = REMOTE_HELP)]
    Task(show::Task),
    /// Levels of the log of a running service
    #[command(subcommand, after_help = REMOTE_HELP)]
    LogLevel(log_level::Args),
    /// Credentials of a vendor
    #[command(subcommand, after_help = CALLER_HELP)]
    Credential(credential::Args),
    /// The lockbox of a vendor, by one of its users
    #[command(subcommand, after_help = CALLER_HELP)]
    Lockbox(lockbox::Args),
    /// Any call of the API; GET /openapi.json describes them all
    #[command(after_help = CALLER_HELP)]
    Api(api::Args),
    /// Write completions for a shell
    Completions(shell::Completions),
    /// Write the manual pages of all commands
    Man(shell::Man),
    /// Webhooks of the platform or of a vendor, and signatures as the billing system makes them
    #[command(after_help = WEBHOOK_HELP, arg_required_else_help = true)]
    Webhook(webhook::Args),
}

/// Reads the arguments and runs the subcommand. Errors go to standard error, with their causes; the exit status is 1.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if cli.json {
        out::choose_json();
    }
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
        Ok(status) => status,
        Err(error) => out::failed(&error),
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Doctor => return Ok(doctor::run().await),
        Command::Serve => serve::run().await,
        Command::Dev => dev::run().await,
        Command::AuditShip => audit_ship::run().await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Bootstrap(args) => bootstrap::run(args).await,
        Command::Events(args) => events::run(args).await,
        Command::Operator(args) => operator::run(args).await,
        Command::Vendor(args) => vendor::run(args).await,
        Command::Worker(args) => worker::run(args).await,
        Command::KeyPair(args) => key_pair::run(args).await,
        Command::User(args) => user::run(args).await,
        Command::Site(args) => site::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::Issuer(args) => issuer::run(args).await,
        Command::TrustPolicy(args) => trust_policy::run(args).await,
        Command::JwtKey(args) => jwt_key::run(args).await,
        Command::TokenKey(args) => token_key::run(args).await,
        Command::AccessLog(args) => access_log::run(args).await,
        Command::AuditNode(args) => audit_node::run(args).await,
        Command::AppToken(args) => show::app_token(args).await,
        Command::Task(args) => show::task(args).await,
        Command::LogLevel(args) => log_level::run(args).await,
        Command::Credential(args) => credential::run(args).await,
        Command::Lockbox(args) => lockbox::run(args).await,
        Command::Api(args) => api::run(args).await,
        Command::Completions(args) => shell::completions(&args, &mut Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
        Command::Webhook(args) => webhook::run(args).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The traces of this process, where a collector is set.
///
/// # Errors
/// Names the variable that cannot be used.
fn traces(env: &Env) -> anyhow::Result<Option<Traces>> {
    TraceConfig::from_env(env)?.map(Traces::new).transpose()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
