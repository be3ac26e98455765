//! PostgreSQL as a child: data made once, a superuser with a random password, loopback only.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;

use super::child::{Child, Spec, StopSignal, command};
use super::claim_port;
use super::cluster::{Cluster, NAME, run};
use crate::db;
use crate::types::Secret;

/// The setting that chooses the port, as named in errors.
pub const PORT_SETTING: &str = "GATEHOUSE_DEV_POSTGRES_PORT";

/// The role as which the service connects: not the superuser, whom row-level security does not hold.
pub const SERVICE_ROLE: &str = "gatehouse_service";

/// Where and how to run PostgreSQL.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The folder for its data, password and log.
    pub dir: PathBuf,
    /// The port on loopback; 0 picks a free one.
    pub port: u16,
    /// The folder with `postgres`, `initdb`, `psql`, `createdb` and `pg_isready`.
    pub bin_dir: PathBuf,
    /// Further settings, as after `postgres -c`.
    pub settings: Vec<(String, String)>,
}

/// A running PostgreSQL with the database `gatehouse`. Without `Debug`, as the URL holds the password.
pub struct Postgres {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The superuser's connection URL, password included.
    pub url: String,
    /// The same of [`SERVICE_ROLE`], which [`Postgres::let_serve`] makes.
    pub service_url: String,
    child: Child,
    cluster: Cluster,
    options: PostgresOptions,
}

impl Postgres {
    /// Starts the server and returns once it answers and the database exists.
    ///
    /// # Errors
    /// When the folder, the port or a program is missing, or the server does not come up within 30 seconds.
    pub async fn start(options: PostgresOptions) -> anyhow::Result<Self> {
        let cluster = Cluster::open(&options.dir, &options.bin_dir).await?;
        cluster.wait_for_predecessor().await?;
        let port = claim_port(options.port, PORT_SETTING).await?;
        let child = Child::spawn(spec(&options, &cluster, port))?;
        let url_of = |role| {
            format!(
                "postgres://{role}:{}@127.0.0.1:{port}/{NAME}",
                cluster.password
            )
        };
        let mut server = Self {
            port,
            url: url_of(NAME),
            service_url: url_of(SERVICE_ROLE),
            child,
            cluster,
            options,
        };
        server.ready().await?;
        Ok(server)
    }

    /// Starts the server again where it was, after it ended or was stopped.
    ///
    /// # Errors
    /// As for [`Postgres::start`].
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.cluster.wait_for_predecessor().await?;
        claim_port(self.port, PORT_SETTING).await?;
        self.child = Child::spawn(spec(&self.options, &self.cluster, self.port))?;
        self.ready().await
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let answer = answer(&self.options.bin_dir, self.port);
        self.child.ready(Duration::from_secs(30), answer).await?;
        self.create_database(&self.options.bin_dir).await
    }

    /// Makes [`SERVICE_ROLE`], and lets it serve the migrated database that the superuser's pool is of.
    ///
    /// # Errors
    /// Where the database was not migrated, or does not answer.
    pub async fn let_serve(&self, owner: &db::Pool) -> db::Result<()> {
        let password = Secret::new(self.cluster.password.clone());
        db::make_role(owner, SERVICE_ROLE, &password).await?;
        db::grant(owner, SERVICE_ROLE).await
    }

    /// The process id of the postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Resolves when the server has ended without being asked, to an error that quotes its log. Safe to cancel.
    pub async fn wait(&mut self) -> anyhow::Error {
        self.child.wait().await
    }

    /// Stops the server: sessions are cut and the data is written out.
    ///
    /// # Errors
    /// When the process can neither be signalled nor waited for.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.stop(Duration::from_secs(20)).await
    }

    async fn create_database(&self, bin_dir: &Path) -> anyhow::Result<()> {
        let mut psql = client(bin_dir, "psql", self.port);
        psql.env("PGPASSWORD", &self.cluster.password)
            .args(["-X", "-w", "-U", NAME, "-d", "postgres", "-tAc"])
            .arg(format!(
                "SELECT 1 FROM pg_database WHERE datname = '{NAME}'"
            ));
        if run(psql, "psql").await?.trim() == "1" {
            return Ok(());
        }
        let mut createdb = client(bin_dir, "createdb", self.port);
        createdb
            .env("PGPASSWORD", &self.cluster.password)
            .args(["-w", "-U", NAME, NAME]);
        run(createdb, "createdb").await?;
        Ok(())
    }
}

/// Resolves when the server takes connections.
async fn answer(bin_dir: &Path, port: u16) {
    loop {
        let mut ask = client(bin_dir, "pg_isready", port);
        ask.args(["-q", "-t", "2"]);
        if ask.status().await.is_ok_and(|status| status.success()) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn client(bin_dir: &Path, program: &str, port: u16) -> Command {
    let mut client = command(None, "KILL");
    client.arg(bin_dir.join(program));
    client.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    client
}

fn spec(options: &PostgresOptions, cluster: &Cluster, port: u16) -> Spec {
    let mut args: Vec<OsString> = vec!["-D".into(), cluster.data().into()];
    let own = [
        ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
        ("port".to_owned(), port.to_string()),
        ("unix_socket_directories".to_owned(), String::new()),
    ];
    for (name, value) in options.settings.iter().chain(&own) {
        args.extend(["-c".into(), format!("{name}={value}").into()]);
    }
    Spec {
        name: "PostgreSQL",
        program: options.bin_dir.join("postgres"),
        args,
        run_as: cluster.run_as,
        stop_signal: StopSignal::Int,
        log: cluster.folder.path().join("postgres.log"),
        env: Vec::new(),
    }
}
