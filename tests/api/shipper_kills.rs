//! `gatehouse audit-ship` as a process of its own, killed in the middle of batches: each line is stored, and once.
//!
//! `DRILL_KILLS` says how often it is killed; `make drill` sets it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gatehouse::dev::postgres::{Postgres, PostgresOptions};
use gatehouse::dev::tools;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Place, TestApp, servers};

const LIMIT: Duration = Duration::from_mins(3);

/// A shipper, killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn ship(database_url: &str, file: &Path) -> Process {
    let mut log = File::options();
    let log = log
        .append(true)
        .create(true)
        .open(file.with_file_name("shipper"));
    let child = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .arg("audit-ship")
        .env_clear()
        .env("DATABASE_URL", servers::of_service(database_url))
        .env("GATEHOUSE_AUDIT_FILE", file)
        .env("GATEHOUSE_AUDIT_NODE", "drill")
        .stdout(log.unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Process(child)
}

/// How often, and whether it is the long form.
fn kills() -> (usize, bool) {
    match std::env::var("DRILL_KILLS") {
        Ok(text) => (text.parse().unwrap(), true),
        Err(_) => (6, false),
    }
}

async fn killed_now_and_then(database_url: &str, file: &Path, times: usize) {
    for _ in 0..times {
        let process = ship(database_url, file);
        let moment = Duration::from_millis(rand::random_range(150..700));
        tokio::time::sleep(moment).await;
        drop(process);
    }
}

/// Lines stored, and different ones among them.
async fn stored(database_url: &str) -> (u64, u64) {
    let client = servers::client(database_url).await;
    let sql = "SELECT count(*), count(DISTINCT (openbao_request_id, name)) FROM access_logs";
    let row = client.query_one(sql, &[]).await.unwrap();
    let number = |column| u64::try_from(row.get::<_, i64>(column)).unwrap();
    (number(0), number(1))
}

async fn lost(database_url: &str) -> i64 {
    let client = servers::client(database_url).await;
    let sql = "SELECT count(*) FROM events WHERE action = 'audit.lines_lost'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

async fn until_stored(database_url: &str, right: u64) {
    let started = Instant::now();
    while stored(database_url).await.0 < right {
        let so_far = stored(database_url).await;
        assert!(started.elapsed() < LIMIT, "{so_far:?} of {right}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Any that came twice would come now.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stored(database_url).await, (right, right));
}

/// Writes lines as OpenBao does, and rotates by renaming, going on in the renamed file for a while.
struct Writer {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
}

impl Writer {
    fn run(self) {
        let open = || {
            let mut options = File::options();
            options.append(true).create(true).open(&self.path).unwrap()
        };
        let (mut file, mut number, mut rotations) = (open(), 0, 0);
        while !self.stop.load(Ordering::Relaxed) {
            for _ in 0..20 {
                let now = jiff::Timestamp::now();
                let request = json!({ "id": format!("r-{number}"), "operation": "read",
                                      "path": format!("drill-store/site-{:016}", number % 50), "remote_address": "127.0.0.1",
                                      "client_token_accessor": "A.none" });
                for kind in ["request", "response"] {
                    let line = format!(
                        "{{\"time\":\"{now}\",\"type\":\"{kind}\",\"request\":{request}}}\n"
                    );
                    file.write_all(line.as_bytes()).unwrap();
                }
                number += 1;
            }
            self.written.store(number, Ordering::Relaxed);
            // A rotation in two steps: renamed, and opened anew some lines later.
            match number % 2000 {
                1000 => {
                    rotations += 1;
                    let to = format!("{}.{rotations}", self.path.display());
                    std::fs::rename(&self.path, to).unwrap();
                }
                1200 => file = open(),
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A PostgreSQL of the test's own, with a vendor.
async fn own_postgres() -> Postgres {
    let folder = servers::folder(&format!("drill-{}", servers::number()));
    let options = PostgresOptions {
        dir: folder.join("postgres"),
        port: 0,
        bin_dir: tools::find_postgres(None).unwrap(),
        settings: Vec::new(),
    };
    let runtime = &servers::shared().runtime;
    let started = runtime.spawn(Postgres::start(options));
    let postgres = started.await.unwrap().unwrap();
    servers::migrate_template(&postgres).await;
    let vendor = "INSERT INTO vendors (namespace, name, created_at, updated_at) VALUES ('drill', 'Drill', now(), now())";
    let url = servers::with_database(&postgres.url, servers::TEMPLATE);
    servers::execute(&url, vendor).await;
    postgres
}

#[tokio::test]
async fn killed_shipper_stores_each_line_once_through_rotations_and_without_postgresql() {
    let (kills, is_long) = kills();
    let mut postgres = own_postgres().await;
    let url = servers::with_database(&postgres.url, servers::TEMPLATE);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let (stop, written) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let writer = Writer {
        path: path.clone(),
        stop: Arc::clone(&stop),
        written: Arc::clone(&written),
    };
    let writing = std::thread::spawn(move || writer.run());
    killed_now_and_then(&url, &path, kills / 2).await;
    // PostgreSQL is away while a shipper runs.
    let process = ship(&url, &path);
    let away = Duration::from_secs(if is_long { 10 } else { 3 });
    let restarted = servers::shared().runtime.spawn(async move {
        postgres.stop().await.unwrap();
        tokio::time::sleep(away).await;
        postgres.restart().await.unwrap();
        postgres
    });
    let _postgres = restarted.await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(process);
    assert!(stored(&url).await.0 > 0);
    killed_now_and_then(&url, &path, kills - kills / 2).await;
    stop.store(true, Ordering::Relaxed);
    writing.join().unwrap();
    let written = written.load(Ordering::Relaxed);
    let _process = ship(&url, &path);
    until_stored(&url, written).await;
    assert_eq!(lost(&url).await, 0);
    // Copied and cut: whether or not a line was lost, it is said. There must be something to cut.
    let last = r#"{"time":"2026-11-22T10:00:00Z","type":"response","request":{"id":"last","operation":"read","path":"drill-store/x","client_token_accessor":"A.none"}}"#;
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(&path)
        .unwrap();
    file.write_all(format!("{last}\n").as_bytes()).unwrap();
    until_stored(&url, written + 1).await;
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    let started = Instant::now();
    while lost(&url).await == 0 {
        assert!(started.elapsed() < LIMIT, "a copy-truncate is not noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    writeln!(
        std::io::stderr(),
        "killed {kills} times: {written} lines, each once"
    )
    .unwrap();
}

/// Answers on vendors' engines, in all files.
fn answers(folder: &Path) -> u64 {
    let mut found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with("audit.log") {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let path = line["request"]["path"].as_str().unwrap_or_default();
            let is_engine = path.contains("-store/") && !path.starts_with("sys/");
            found += u64::from(is_engine && line["type"] == "response");
        }
    }
    found
}

#[tokio::test]
async fn killed_shipper_of_a_real_openbao_stores_all_it_wrote() {
    let (kills, _) = kills();
    let folder = servers::folder(&format!("drill-{}", servers::number()));
    let at = folder.clone();
    let runtime = &servers::shared().runtime;
    let started = runtime.spawn(async move { servers::start(&at, Vec::new()).await });
    let (postgres, openbao) = started.await.unwrap();
    let place = Place::alone(&postgres, &openbao).await;
    let url = place.database_url.clone();
    let config = place.config().await;
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("drill").await;
    let (file, done) = (openbao.audit_log.clone(), AtomicBool::new(false));
    let load = async |worker: usize| {
        let mut number = 0;
        while !done.load(Ordering::Relaxed) {
            let site = format!("site-{worker}-{:012}", number % 40);
            number += 1;
            let token = test.write_token(&vendor, &site).await;
            let path = format!("drill-store/{site}");
            let written = test.bao(Method::POST, &path, &token);
            let written = written.json(&json!({ "identifier": "x" })).send().await;
            assert_eq!(written.status, 204, "{written:?}");
            let read = test.bao(Method::GET, &path, &token).send().await;
            assert_eq!(read.status, 403, "{read:?}");
        }
    };
    let rotate = async {
        for number in 1..=kills.div_ceil(2) {
            let shipper = ship(&url, &file);
            let moment = Duration::from_millis(rand::random_range(300..900));
            tokio::time::sleep(moment).await;
            std::fs::rename(&file, format!("{}.{number}", file.display())).unwrap();
            tokio::time::sleep(Duration::from_millis(rand::random_range(0..200))).await;
            let pid = Pid::from_raw(i32::try_from(openbao.pid()).unwrap()).unwrap();
            kill_process(pid, Signal::HUP).unwrap();
            tokio::time::sleep(moment / 2).await;
            drop(shipper);
            killed_now_and_then(&url, &file, 1).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(rotate, load(0), load(1), load(2), load(3));
    let right = answers(file.parent().unwrap());
    let _process = ship(&url, &file);
    until_stored(&url, right).await;
    assert_eq!(lost(&url).await, 0);
    let sql = "SELECT count(*) FROM access_logs WHERE issuance_id IS NULL";
    let strangers: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(strangers, 0);
    writeln!(
        std::io::stderr(),
        "killed {kills} times: {right} answers of OpenBao, each once"
    )
    .unwrap();
}
