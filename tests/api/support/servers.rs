//! Real OpenBao and PostgreSQL, one of each for the whole run, and own ones for tests that stop them.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gatehouse::dev::openbao::{OpenBao, OpenBaoOptions};
use gatehouse::dev::postgres::{Postgres, PostgresOptions, SERVICE_ROLE};
use gatehouse::dev::tools;
use tokio::runtime::Handle;

/// The servers of the run.
pub struct Shared {
    /// A runtime that lives as long as the run: the kernel ties a child to the thread that spawned it, and servers
    /// under test must outlive the test that is ending.
    pub runtime: Handle,
    pub bao_addr: String,
    pub bao_root: String,
    /// Of a superuser, with the migrated template beside it.
    pub database_url: String,
}

/// The migrated database that each test's own is copied from.
pub const TEMPLATE: &str = "gatehouse_template";

static SHARED: OnceLock<Shared> = OnceLock::new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A number no other test of this run has.
pub fn number() -> u32 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// The servers of the run, started by whoever asks first. A missing one fails the run.
pub fn shared() -> &'static Shared {
    SHARED.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (postgres, openbao) = start(&folder("shared"), Vec::new()).await;
                migrate_template(&postgres).await;
                tell.send(Shared {
                    runtime: Handle::current(),
                    bao_addr: openbao.addr.clone(),
                    bao_root: openbao.root_token.clone(),
                    database_url: postgres.url.clone(),
                })
                .unwrap();
                // Held until the process ends; the children die with it.
                std::future::pending::<()>().await;
            });
        });
        told.recv()
            .expect("OpenBao and PostgreSQL must start: run `make tools`, and see the panic above")
    })
}

/// An OpenBao whose audit log tests ship from its beginning: only those use it, so that it stays short.
pub struct Audited {
    pub addr: String,
    pub root: String,
    pub log: PathBuf,
}

static AUDITED: OnceLock<Audited> = OnceLock::new();

/// That OpenBao, started by whoever asks first.
pub fn audited() -> &'static Audited {
    AUDITED.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let runtime = shared().runtime.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                let openbao = openbao(&folder("audited")).await;
                tell.send(Audited {
                    addr: openbao.addr.clone(),
                    root: openbao.root_token.clone(),
                    log: openbao.audit_log.clone(),
                })
                .unwrap();
                std::future::pending::<()>().await;
            });
        });
        told.recv()
            .expect("OpenBao must start: see the panic above")
    })
}

async fn openbao(folder: &std::path::Path) -> OpenBao {
    let options = OpenBaoOptions {
        dir: folder.join("openbao"),
        port: 0,
        cluster_port: 0,
        bin: tools::find_bao(None, &PathBuf::from(env!("CARGO_MANIFEST_DIR"))).unwrap(),
    };
    OpenBao::start(options).await.unwrap()
}

/// A folder of this run, for data that need not be durable.
pub fn folder(name: &str) -> PathBuf {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    let base = BASE.get_or_init(|| {
        let base = base();
        std::fs::remove_dir_all(&base).ok();
        base
    });
    base.join(format!("{}-{name}", std::process::id()))
}

/// In memory where there is enough of it, as the servers write much and nothing need last; drills need more than that.
fn base() -> PathBuf {
    const MEMORY: &str = "/dev/shm";
    const ENOUGH: u64 = 4 << 30;
    let free = rustix::fs::statvfs(MEMORY).map_or(0, |of| of.f_bavail * of.f_frsize);
    let drill = std::env::vars_os().any(|(name, _)| name.to_string_lossy().starts_with("DRILL_"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if drill || free < ENOUGH {
        return target.join("servers");
    }
    // Of this checkout alone.
    let name = target.to_string_lossy().replace('/', "-");
    PathBuf::from(format!("{MEMORY}/gatehouse{name}"))
}

/// Starts both servers in a folder.
pub async fn start(folder: &std::path::Path, more: Vec<(String, String)>) -> (Postgres, OpenBao) {
    let mut settings = vec![
        ("max_connections".to_owned(), "500".to_owned()),
        ("fsync".to_owned(), "off".to_owned()),
        ("full_page_writes".to_owned(), "off".to_owned()),
    ];
    settings.extend(more);
    let postgres = PostgresOptions {
        dir: folder.join("postgres"),
        port: 0,
        bin_dir: tools::find_postgres(None).unwrap(),
        settings,
    };
    let (postgres, openbao) = tokio::join!(Postgres::start(postgres), openbao(folder));
    (postgres.unwrap(), openbao)
}

/// Makes the database that tests copy.
pub async fn migrate_template(postgres: &Postgres) {
    execute(&postgres.url, &format!("CREATE DATABASE {TEMPLATE}")).await;
    let settings = gatehouse::db::Settings {
        url: gatehouse::types::Secret::new(with_database(&postgres.url, TEMPLATE)),
        ca_pem: None,
        pool_size: 2,
    };
    let (pool, applied) = gatehouse::bootstrap::migrate(&settings).await.unwrap();
    assert!(!applied.is_empty());
    postgres.let_serve(&pool).await.unwrap();
}

/// The same database, as the role of the service.
pub fn of_service(superuser_url: &str) -> String {
    let mut url = url::Url::parse(superuser_url).unwrap();
    url.set_username(SERVICE_ROLE).unwrap();
    url.into()
}

/// Makes a copy of the template for the test of this thread, and drops it when the test is over.
pub async fn database(name: &str) {
    let sql = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
    execute(&shared().database_url, &sql).await;
    OF_TEST.with_borrow_mut(|databases| databases.0.push(name.to_owned()));
}

thread_local! {
    static OF_TEST: RefCell<Databases> = const { RefCell::new(Databases(Vec::new())) };
}

/// The databases of one test: each test has a thread of its own, which ends with it.
struct Databases(Vec<String>);

impl Drop for Databases {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.0);
        shared().runtime.spawn(async move {
            // The service is being stopped: it has time to end in peace.
            tokio::time::sleep(Duration::from_secs(5)).await;
            for name in names {
                let sql = format!("DROP DATABASE {name} WITH (FORCE)");
                execute(&shared().database_url, &sql).await;
            }
        });
    }
}

/// The same server, another database.
pub fn with_database(url: &str, name: &str) -> String {
    let (base, _) = url.rsplit_once('/').unwrap();
    format!("{base}/{name}")
}

/// Runs a statement that stands alone.
pub async fn execute(url: &str, sql: &str) {
    client(url).await.batch_execute(sql).await.unwrap();
}

/// A connection of the test's own.
pub async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}
