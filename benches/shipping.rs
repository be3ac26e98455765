//! What the shipper of the audit log costs the token path: `make bench`.
//!
//! The real service on an OpenBao and a PostgreSQL of its own, durable as in production. Rounds with the shipper and
//! without it take turns within one run, so that what else the machine does falls on both. With it, each round begins
//! when the shipper has read all there is.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on fails, and prints what it found"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatehouse::access_logs;
use gatehouse::bootstrap::{self, Role};
use gatehouse::config::{
    BaoConfig, Config, HttpConfig, LeaseCaps, LimitConfig, LockboxConfig, LogConfig, Rate,
    UserConfig,
};
use gatehouse::dev::openbao::{OpenBao, OpenBaoOptions};
use gatehouse::dev::postgres::{Postgres, PostgresOptions};
use gatehouse::dev::tools;
use gatehouse::types::Secret;
use gatehouse::vault::{Handle, Server, TokenSource, TokenSources};
use gatehouse::webhooks::SigningSecret;
use gatehouse::{db, egress, server};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(6);
const CALLERS: usize = 32;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap();
    let name = format!("bench-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    runtime.block_on(run(&folder));
    std::fs::remove_dir_all(&folder).unwrap();
}

async fn run(folder: &Path) {
    let (postgres, openbao) = servers(folder).await;
    let pool = db::Pool::new(&database(&postgres.url)).unwrap();
    db::migrate(&pool).await.unwrap();
    let config = config(&postgres.url, &openbao).await;
    let running = server::start(config).await.unwrap();
    let url = format!("http://{}", running.address);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = operator(&openbao, &pool).await;
    let key = vendor(&http, &url, &token).await;
    let settings = access_logs::Settings {
        file: openbao.audit_log.clone(),
        node: "bench".to_owned(),
        namespace: None,
        proxies: Vec::new(),
    };
    round(&http, &url, &key).await;
    let mut ratios = Vec::new();
    println!(
        "tokens a second at {CALLERS} connections, {} s each",
        ROUND.as_secs()
    );
    println!(
        "{:>12} {:>12} {:>8}",
        "shipping off", "shipping on", "ratio"
    );
    for _ in 0..ROUNDS {
        let off = round(&http, &url, &key).await;
        let stop = CancellationToken::new();
        let shipping = access_logs::ship(pool.clone(), settings.clone(), stop.clone());
        let shipping = tokio::spawn(shipping);
        caught_up(&pool, &openbao.audit_log).await;
        let on = round(&http, &url, &key).await;
        stop.cancel();
        shipping.await.unwrap();
        ratios.push(on / off);
        println!("{off:>12.0} {on:>12.0} {:>8.3}", on / off);
    }
    ratios.sort_by(f64::total_cmp);
    let (least, median, most) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
    println!(
        "ratio: median {median:.3}, least {least:.3}, most {most:.3}; the design asks for 0.95"
    );
    running.stop().await;
}

/// Tokens a second.
async fn round(http: &reqwest::Client, url: &str, key: &str) -> f64 {
    let done = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (http, done) = (http.clone(), Arc::clone(&done));
            let call = format!("{url}/api/site");
            let key = key.to_owned();
            tokio::spawn(async move {
                while began.elapsed() < ROUND {
                    let answer = http.post(&call).bearer_auth(&key).send().await.unwrap();
                    assert_eq!(answer.status().as_u16(), 200);
                    answer.bytes().await.unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let tokens = u32::try_from(done.load(Ordering::Relaxed)).unwrap();
    f64::from(tokens) / began.elapsed().as_secs_f64()
}

/// Waits until the shipper has come to the end of the file.
async fn caught_up(pool: &db::Pool, file: &Path) {
    loop {
        let sql = "SELECT place FROM audit_positions WHERE node = 'bench'";
        let row = pool.get().await.unwrap().query_opt(sql, &[]).await.unwrap();
        let read: i64 = row.map_or(0, |row| row.get("place"));
        if u64::try_from(read).unwrap() >= std::fs::metadata(file).unwrap().len() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn servers(folder: &Path) -> (Postgres, OpenBao) {
    let postgres = PostgresOptions {
        dir: folder.join("postgres"),
        port: 0,
        bin_dir: tools::find_postgres(None).unwrap(),
        settings: Vec::new(),
    };
    let openbao = OpenBaoOptions {
        dir: folder.join("openbao"),
        port: 0,
        cluster_port: 0,
        bin: tools::find_bao(None, &PathBuf::from(env!("CARGO_MANIFEST_DIR"))).unwrap(),
    };
    let (postgres, openbao) = tokio::join!(Postgres::start(postgres), OpenBao::start(openbao));
    (postgres.unwrap(), openbao.unwrap())
}

fn administrator(openbao: &OpenBao) -> (Server, Handle) {
    let server = Server {
        addr: openbao.addr.clone(),
        namespace: None,
        ca_pem: None,
    };
    let root = Secret::new(openbao.root_token.clone());
    let handle = bootstrap::administrator(&server, &root).unwrap();
    (server, handle)
}

fn database(url: &str) -> db::Settings {
    db::Settings {
        url: Secret::new(url.to_owned()),
        ca_pem: None,
        pool_size: 16,
    }
}

async fn config(database_url: &str, openbao: &OpenBao) -> Config {
    let (bao, handle) = administrator(openbao);
    bootstrap::prepare_openbao(&handle).await.unwrap();
    let role = bootstrap::credentials(&handle, Role::Saas).await.unwrap();
    let rate = Rate {
        per_second: 1_000_000,
        burst: 1_000_000,
    };
    Config {
        http: HttpConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            stop_delay: Duration::ZERO,
            trusted_proxies: Vec::new(),
        },
        bao: BaoConfig {
            public_url: openbao.addr.clone(),
            server: bao,
            tokens: TokenSources::One(TokenSource::AppRole {
                role_id: role.role_id,
                secret_id: role.secret_id,
            }),
        },
        db: database(database_url),
        signup_secrets: vec![SigningSecret::new(vec![42; 32]).unwrap()],
        audit: None,
        logs: LogConfig {
            retention_days: 365,
        },
        limits: LimitConfig {
            address: rate,
            vendor: rate,
            refused: rate,
            leases: LeaseCaps::WIDE,
        },
        egress: egress::Settings::new(Vec::new(), rustls::RootCertStore::empty()),
        lockbox: LockboxConfig {
            kdf: gatehouse::lockbox::crypto::Kdf::FLOOR,
        },
        users: UserConfig {
            base_domain: None,
            default_vendor: None,
            strength_waived: false,
        },
        access_tokens: gatehouse::config::AccessTokenConfig {
            issuer: "https://gatehouse.bench".to_owned(),
            life: 600,
            key_days: 90,
        },
        trial: false,
    }
}

async fn operator(openbao: &OpenBao, pool: &db::Pool) -> String {
    let (_, handle) = administrator(openbao);
    let token = bootstrap::new_operator(&handle, pool, "bench", 3_650)
        .await
        .unwrap();
    token.expose().to_owned()
}

/// A vendor's public key, once it can be used.
async fn vendor(http: &reqwest::Client, url: &str, operator: &str) -> String {
    let body = json!({ "namespace": "bench-vendor", "name": "Bench" });
    loop {
        let made = http.post(format!("{url}/api/admin/vendors"));
        let made = made.bearer_auth(operator).json(&body).send().await.unwrap();
        if made.status().as_u16() == 201 {
            let view: Value = made.json().await.unwrap();
            return view["publicKey"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
