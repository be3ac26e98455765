//! What is hurt: three nodes of OpenBao, PostgreSQL, and the service, each as processes of their own.

pub mod bao;
pub mod database;
pub mod line;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use gatehouse::bootstrap;
use gatehouse::db;
use gatehouse::dev::child::Child;
use gatehouse::vault::Server;
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::load::Load;
use crate::support::app::{db_settings, vendor_of};
use crate::support::process::{Process, serve, settings};
use crate::support::{self, servers};
use bao::Cluster;
use database::Database;

/// All of it.
pub struct Place {
    pub cluster: Cluster,
    pub database: Database,
    pub settings: Vec<(String, String)>,
    pub services: Vec<Process>,
    pub load: Arc<Load>,
    pub http: Client,
    /// What a fault keeps until it is healed.
    pub victim: usize,
    pub taken: Vec<tokio_postgres::Client>,
    pub readers: Vec<Child>,
}

impl Place {
    /// Starts it all in a folder.
    pub async fn start(folder: &Path) -> Self {
        let openbao = folder.join("openbao");
        let (database, cluster) = tokio::join!(Database::start(folder), Cluster::start(&openbao));
        let place = support::Place {
            bao: Server {
                addr: format!("http://{}", cluster.line.address),
                namespace: None,
                ca_pem: None,
            },
            bao_root: cluster.root.clone(),
            database_url: database.through_line(),
        };
        servers::migrate_template(&database.postgres).await;
        let administrator = place.administrator();
        bootstrap::prepare_openbao(&administrator).await.unwrap();
        let mut settings = settings(&place).await;
        let most = [
            "GATEHOUSE_LEASES",
            "GATEHOUSE_LEASES_VENDOR",
            "GATEHOUSE_LEASES_ADDRESS",
        ];
        settings.extend(most.map(|name| (name.to_owned(), "1000000".to_owned())));
        let http = Client::builder().no_proxy();
        let http = http.pool_idle_timeout(std::time::Duration::from_secs(2));
        let http = http.build().unwrap();
        let service = serve(&settings, &http).await;
        let pool = db::Pool::new(&db_settings(&place.database_url)).unwrap();
        let operator = bootstrap::new_operator(&administrator, &pool, "drill", 3_650).await;
        let operator = operator.unwrap().expose().to_owned();
        let body = json!({ "namespace": "drill-vendor", "name": "Drill" });
        let call = http.post(format!("{}/api/admin/vendors", service.url));
        let made = call.bearer_auth(operator).json(&body).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let view: Value = made.json().await.unwrap();
        let bao = format!("http://{}", cluster.line.address);
        let load = Load::new(http.clone(), &service.url, vendor_of(&view), bao);
        Self {
            cluster,
            database,
            settings,
            services: vec![service],
            load: Arc::new(load),
            http,
            victim: 0,
            taken: Vec::new(),
            readers: Vec::new(),
        }
    }

    /// Starts a service with some more settings, to which the load then goes.
    pub async fn serve(&mut self, more: &[(&str, &str)]) {
        let mut settings = self.settings.clone();
        let more = more.iter();
        settings.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let service = serve(&settings, &self.http).await;
        self.services.push(service);
        self.aim();
    }

    /// The load goes to the services there are.
    pub fn aim(&self) {
        let urls = self.services.iter().map(|one| one.url.clone());
        *self.load.urls.lock().unwrap() = urls.collect();
    }
}

/// To a process that we started.
pub fn signal(pid: u32, what: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, what).unwrap();
}

/// Its children.
pub fn children(of: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    all.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1) == Some(of.to_string().as_str())
    })
    .collect()
}

/// A small file system in memory, which can be filled.
pub fn mount(at: &Path, size: &str) {
    std::fs::create_dir_all(at).unwrap();
    let mut mount = Command::new("mount");
    mount.args([
        "-t",
        "tmpfs",
        "-o",
        &format!("size={size},mode=755"),
        "tmpfs",
    ]);
    let mounted = mount.arg(at).status().unwrap();
    assert!(mounted.success(), "a drill mounts file systems: be root");
}

/// Unmounts what was mounted below a folder, and removes it.
pub fn clear(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let at = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for mount in at.filter(|at| Path::new(at).starts_with(folder)) {
        Command::new("umount").args(["-l", mount]).status().unwrap();
    }
    std::fs::remove_dir_all(folder).unwrap();
}

const FILLER: &str = "filler";

/// Takes what is left of a file system. Others write meanwhile: until it has what there was.
pub fn fill(at: &Path) {
    let file = std::fs::File::create(at.join(FILLER)).unwrap();
    let flags = rustix::fs::FallocateFlags::empty();
    for _ in 0..1000 {
        let of = rustix::fs::statvfs(at).unwrap();
        let free = of.f_bavail * of.f_frsize;
        let size = file.metadata().unwrap().len();
        if free == 0 || rustix::fs::fallocate(&file, flags, size, free).is_ok() {
            return;
        }
    }
    panic!("{} cannot be filled", at.display());
}

/// Gives it back.
pub fn empty(at: &Path) {
    std::fs::remove_file(at.join(FILLER)).unwrap();
}
