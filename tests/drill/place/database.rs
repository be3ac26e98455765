//! PostgreSQL behind a line, on a file system of its own, and a second one that follows it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gatehouse::dev::child::{Child, Spec, StopSignal};
use gatehouse::dev::postgres::{Postgres, PostgresOptions};
use gatehouse::dev::tools;
use rustix::process::Signal;

use super::line::Line;
use super::{children, mount, signal};
use crate::support::servers::{self, TEMPLATE};

/// The server.
pub struct Database {
    pub postgres: Postgres,
    pub line: Line,
    /// Its file system.
    pub dir: PathBuf,
    /// `host:port` of the one that is written to.
    address: String,
    password: String,
    /// The same of the one that follows.
    follower: String,
    standby: Option<Child>,
    folder: PathBuf,
}

impl Database {
    /// Starts it.
    pub async fn start(folder: &Path) -> Self {
        let dir = folder.join("postgres");
        mount(&dir, "400m");
        let settings = [
            ("max_connections", "40"),
            ("wal_level", "replica"),
            ("max_wal_size", "64MB"),
            ("min_wal_size", "32MB"),
            ("wal_keep_size", "64MB"),
        ];
        let options = PostgresOptions {
            dir: dir.clone(),
            port: 0,
            bin_dir: tools::find_postgres(None).unwrap(),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        };
        let postgres = Postgres::start(options).await.unwrap();
        let address = format!("127.0.0.1:{}", postgres.port);
        let (_, rest) = postgres.url.split_once("gatehouse:").unwrap();
        let password = rest.split_once('@').unwrap().0.to_owned();
        Self {
            line: Line::to(&address).await,
            postgres,
            dir,
            address,
            password,
            follower: String::new(),
            standby: None,
            folder: folder.to_owned(),
        }
    }

    /// As the service sees it.
    pub fn through_line(&self) -> String {
        let (line, password) = (&self.line.address, &self.password);
        format!("postgres://gatehouse:{password}@{line}/{TEMPLATE}")
    }

    /// Past the line.
    pub fn direct(&self, name: &str) -> String {
        let (address, password) = (&self.address, &self.password);
        format!("postgres://gatehouse:{password}@{address}/{name}")
    }

    /// A connection of the drill's own.
    pub async fn client(&self) -> tokio_postgres::Client {
        servers::client(&self.direct(TEMPLATE)).await
    }

    /// To the server alone, or to its children too.
    pub fn signal(&self, what: Signal, to_children: bool) {
        let pid = self.postgres.pid();
        let below = if to_children {
            children(pid)
        } else {
            Vec::new()
        };
        signal(pid, what);
        for child in below {
            signal(child, what);
        }
    }

    /// Starts it again where it has ended.
    pub async fn revive(&mut self) {
        let ended = tokio::time::timeout(Duration::from_millis(500), self.postgres.wait());
        if ended.await.is_ok() {
            self.postgres.restart().await.unwrap();
        }
    }

    /// A second one follows, and no change counts that it has not.
    pub async fn follow(&mut self) {
        let bin = tools::find_postgres(None).unwrap();
        let dir = self.folder.join("standby");
        std::fs::create_dir_all(&dir).unwrap();
        let run_as = rustix::process::geteuid().is_root().then_some("postgres");
        if run_as.is_some() {
            let mut owned = Command::new("chown");
            let owned = owned.arg("postgres:postgres").arg(&dir).status();
            assert!(owned.unwrap().success(), "chown");
        }
        let (_, port) = self.address.split_once(':').unwrap();
        let from = [
            "-h",
            "127.0.0.1",
            "-p",
            port,
            "-U",
            "gatehouse",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ];
        let mut copy = Command::new("setpriv");
        if let Some(user) = run_as {
            copy.args(["--reuid", user, "--regid", user, "--init-groups", "--"]);
        }
        copy.arg(bin.join("pg_basebackup")).args(from);
        copy.arg("-D").arg(dir.join("data")).current_dir(&dir);
        let copy = copy.env("PGPASSWORD", &self.password).status().unwrap();
        assert!(copy.success(), "pg_basebackup");
        let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = own.local_addr().unwrap();
        let mut args: Vec<std::ffi::OsString> = vec!["-D".into(), dir.join("data").into()];
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", own.port()),
            "unix_socket_directories=".to_owned(),
            "max_connections=40".to_owned(),
        ] {
            args.extend(["-c".into(), setting.into()]);
        }
        let spec = Spec {
            name: "PostgreSQL",
            program: bin.join("postgres"),
            args,
            run_as,
            stop_signal: StopSignal::Int,
            log: self.folder.join("standby.log"),
            env: Vec::new(),
        };
        self.standby = Some(Child::spawn(spec).unwrap());
        let client = self.client().await;
        client
            .batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .await
            .unwrap();
        client
            .batch_execute("SELECT pg_reload_conf()")
            .await
            .unwrap();
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while client
            .query_one(follows, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.follower = own.to_string();
    }

    /// The first dies, and the second takes its place.
    pub async fn fail_over(&mut self) {
        self.signal(Signal::KILL, false);
        self.postgres.wait().await;
        self.address.clone_from(&self.follower);
        let client = servers::client(&self.direct("postgres")).await;
        client.batch_execute("SELECT pg_promote()").await.unwrap();
        let alone = "ALTER SYSTEM SET synchronous_standby_names = ''";
        client.batch_execute(alone).await.unwrap();
        client
            .batch_execute("SELECT pg_reload_conf()")
            .await
            .unwrap();
        self.line.aim(std::slice::from_ref(&self.address));
    }
}
