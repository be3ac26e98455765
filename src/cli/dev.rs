//! `gatehouse dev`: OpenBao, PostgreSQL and the service on one machine, for development and for trying things out.
//!
//! The servers are real and keep their data below `.gatehouse/`. One that ends by surprise is started again. The keys
//! that open everything lie beside the data: never run this where that matters.

use std::time::Duration;

use anyhow::Context;

use super::dev_env::{self, Demo, DemoUser, DemoWorker, Kept};
use super::{out, serve};
use crate::access_logs;
use crate::bootstrap;
use crate::config::{BaoConfig, Config, DevConfig, Env};
use crate::db;
use crate::dev::folder::Folder;
use crate::dev::openbao::{OpenBao, OpenBaoOptions};
use crate::dev::postgres::{Postgres, PostgresOptions};
use crate::dev::tools;
use crate::server::{self, Running};
use crate::telemetry;
use crate::types::{Namespace, Secret};
use crate::vault::{Server, TokenSource, TokenSources};

/// Runs until SIGTERM or Ctrl-C, then stops all three.
///
/// # Errors
/// Says what is missing, which port is taken, or what else is in the way.
pub async fn run() -> anyhow::Result<()> {
    let env = Env::process();
    let traces = super::traces(&env)?;
    telemetry::logs::init(&env.log_levels(), std::io::stderr, traces.as_ref());
    let config = DevConfig::from_env(&env)?;
    tracing::warn!(
        "This mode is for one machine and for development: the keys to everything lie beside the data"
    );
    let stopped = serve::stop_signal()?;
    tokio::pin!(stopped);
    let started = tokio::select! {
        () = &mut stopped => return Ok(()),
        started = Servers::start(&config) => started,
    };
    let mut servers = started?;
    let served = tokio::select! {
        () = &mut stopped => Ok(()),
        served = serve_with(&config, &mut servers) => served,
    };
    if let Some(traces) = traces {
        traces.finish().await;
    }
    let stopped = servers.stop().await;
    served.and(stopped)
}

struct Servers {
    postgres: Postgres,
    openbao: OpenBao,
}

impl Servers {
    async fn start(config: &DevConfig) -> anyhow::Result<Self> {
        let project = std::env::current_dir()?;
        let postgres = PostgresOptions {
            dir: config.dir.join("postgres"),
            port: config.postgres_port,
            bin_dir: tools::find_postgres(config.postgres_bin.as_deref())?,
            settings: Vec::new(),
        };
        let openbao = OpenBaoOptions {
            dir: config.dir.join("openbao"),
            port: config.openbao_port,
            cluster_port: config.openbao_cluster_port,
            bin: tools::find_bao(config.openbao_bin.as_deref(), &project)?,
        };
        let mut postgres = Postgres::start(postgres)
            .await
            .context("starting PostgreSQL")?;
        match OpenBao::start(openbao).await.context("starting OpenBao") {
            Ok(openbao) => Ok(Self { postgres, openbao }),
            Err(error) => {
                postgres.stop().await?;
                Err(error)
            }
        }
    }

    /// Waits until one ends by surprise, and starts it again where it was.
    async fn mend(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            ended = self.postgres.wait() => {
                tracing::error!(error.cause = format!("{ended:#}"), "PostgreSQL ended by surprise, starting it again");
                tokio::time::sleep(Duration::from_millis(500)).await;
                self.postgres.restart().await?;
            }
            ended = self.openbao.wait() => {
                tracing::error!(error.cause = format!("{ended:#}"), "OpenBao ended by surprise, starting it again");
                tokio::time::sleep(Duration::from_millis(500)).await;
                self.openbao.restart().await?;
            }
        }
        Ok(())
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        let (openbao, postgres) = tokio::join!(self.openbao.stop(), self.postgres.stop());
        openbao.and(postgres)
    }
}

async fn serve_with(config: &DevConfig, servers: &mut Servers) -> anyhow::Result<()> {
    let folder = Folder::open(&config.dir, 0o755)?;
    let (service, mut kept) = prepare(config, servers, &folder).await?;
    let running = server::start(service).await?;
    let url = format!("http://{}", running.address);
    dev_env::wait_until_ready(&url).await?;
    dev_env::ensure_demo(&url, &mut kept, &folder).await?;
    dev_env::ensure_worker(&url, &mut kept, &folder).await?;
    // Its password is one that everybody knows: never where others can reach it.
    if running.app.config.users.strength_waived {
        dev_env::ensure_user(&url, &mut kept, &folder).await?;
    }
    write_env(&folder, &kept, &url, servers)?;
    out::line(&format!("gatehouse ready: {url}"))?;
    let served = watch(&running, servers, &folder, &kept, &url).await;
    running.stop().await;
    served
}

async fn watch(
    running: &Running,
    servers: &mut Servers,
    folder: &Folder,
    kept: &Kept,
    url: &str,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = running.app.stop.cancelled() => anyhow::bail!("the service ended by surprise"),
            mended = servers.mend() => mended?,
        }
        write_env(folder, kept, url, servers)?;
    }
}

/// Brings database and OpenBao up to date, and gives the settings of the service.
async fn prepare(
    config: &DevConfig,
    servers: &Servers,
    folder: &Folder,
) -> anyhow::Result<(Config, Kept)> {
    let settings = |url: &str| db::Settings {
        url: Secret::new(url.to_owned()),
        ca_pem: None,
        pool_size: 16,
    };
    let postgres = &servers.postgres;
    let (owner, _) = bootstrap::migrate(&settings(&postgres.url))
        .await
        .context("migrating the database")?;
    postgres
        .let_serve(&owner)
        .await
        .context("letting the service's role into the database")?;
    let settings = settings(&postgres.service_url);
    let pool = db::Pool::new(&settings)?;
    let server = Server {
        addr: servers.openbao.addr.clone(),
        namespace: None,
        ca_pem: None,
    };
    let root = Secret::new(servers.openbao.root_token.clone());
    let handle = bootstrap::administrator(&server, &root)?;
    bootstrap::prepare_openbao(&handle)
        .await
        .context("preparing OpenBao")?;
    let kept = dev_env::load_or_make(folder, &handle, &pool).await?;
    let approle = |which: &dev_env::KeptAppRole| TokenSource::AppRole {
        role_id: which.role_id.clone(),
        secret_id: Secret::new(which.secret_id.clone()),
    };
    let tokens = TokenSources::Apart {
        issuer: approle(&kept.issuer),
        revoker: approle(&kept.revoker),
        provisioner: approle(&kept.provisioner),
    };
    let bao = BaoConfig {
        public_url: server.addr.clone(),
        server,
        tokens,
    };
    let audit = access_logs::Settings {
        file: servers.openbao.audit_log.clone(),
        node: "dev".to_owned(),
        namespace: None,
        proxies: Vec::new(),
    };
    let demo = Namespace::parse(dev_env::DEMO_NAMESPACE)?;
    let service = config.service(bao, settings, audit, &kept.signup_secret, demo)?;
    Ok((service, kept))
}

fn write_env(folder: &Folder, kept: &Kept, url: &str, servers: &Servers) -> anyhow::Result<()> {
    let demo = |field: fn(&Demo) -> String| kept.demo.as_ref().map(field).unwrap_or_default();
    let worker = |field: fn(&DemoWorker) -> &String| {
        kept.worker.as_ref().map(field).cloned().unwrap_or_default()
    };
    let user = |field: fn(&DemoUser) -> &String| {
        kept.user.as_ref().map(field).cloned().unwrap_or_default()
    };
    let lines = [
        ("GATEHOUSE_URL", url.to_owned()),
        ("GATEHOUSE_ADMIN_TOKEN", kept.admin_token.clone()),
        ("GATEHOUSE_SIGNUP_SECRET", kept.signup_secret.clone()),
        ("DEMO_ACCOUNT_ID", demo(|demo| demo.account_id.to_string())),
        ("DEMO_NAMESPACE", dev_env::DEMO_NAMESPACE.to_owned()),
        ("DEMO_PUBLIC_KEY", demo(|demo| demo.public_key.clone())),
        ("DEMO_PRIVATE_KEY", demo(|demo| demo.private_key.clone())),
        ("DEMO_WORKER_EMAIL", worker(|worker| &worker.login)),
        ("DEMO_WORKER_PASSWORD", worker(|worker| &worker.key)),
        ("DEMO_USER", user(|user| &user.name)),
        ("DEMO_PASSWORD", user(|user| &user.password)),
        ("BAO_ADDR", servers.openbao.addr.clone()),
        ("BAO_ROOT_TOKEN", servers.openbao.root_token.clone()),
        ("DATABASE_URL", servers.postgres.url.clone()),
        ("BAO_PID", servers.openbao.pid().to_string()),
        ("POSTGRES_PID", servers.postgres.pid().to_string()),
        ("GATEHOUSE_PID", std::process::id().to_string()),
    ];
    let lines = lines.map(|(name, value)| format!("export {name}='{value}'"));
    let text = lines.join("\n") + "\n";
    folder.write_private("dev.env", text.as_bytes())
}
