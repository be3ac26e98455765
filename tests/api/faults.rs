//! OpenBao sealed, PostgreSQL stopped: refused at once, and well again by itself.

use std::time::{Duration, Instant};

use gatehouse::dev::openbao::OpenBao;
use gatehouse::dev::postgres::Postgres;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::wire::Wire;
use crate::support::{Place, TestApp, TestVendor, servers};

const SITE: &str = "0123456789abcdef";

/// Servers of the test's own, which it may stop.
pub struct Own {
    folder: std::path::PathBuf,
    pub postgres: Postgres,
    _openbao: OpenBao,
}

pub async fn start() -> (Own, TestApp, TestVendor) {
    let (own, place) = own_servers(Vec::new()).await;
    let config = place.config().await;
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    (own, test, vendor)
}

/// The same, where the service's calls to OpenBao pass a wire.
pub async fn start_wired() -> (Own, TestApp, TestVendor, Wire) {
    let (own, place) = own_servers(Vec::new()).await;
    let wire = Wire::to(&place.bao.addr).await;
    let mut config = place.config().await;
    config.bao.server.addr.clone_from(&wire.addr);
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    (own, test, vendor, wire)
}

pub async fn own_servers(more: Vec<(String, String)>) -> (Own, Place) {
    let folder = servers::folder(&format!("own-{}", servers::number()));
    let at = folder.clone();
    let started = servers::shared()
        .runtime
        .spawn(async move { servers::start(&at, more).await });
    let (postgres, openbao) = started.await.unwrap();
    let place = Place::alone(&postgres, &openbao).await;
    let own = Own {
        folder,
        postgres,
        _openbao: openbao,
    };
    (own, place)
}

impl Own {
    pub async fn unseal(&self, test: &TestApp) {
        let kept = std::fs::read(self.folder.join("openbao/init.json")).unwrap();
        let kept: Value = serde_json::from_slice(&kept).unwrap();
        let key = kept
            .get("unseal_key")
            .or_else(|| kept.get("keys").and_then(|k| k.get(0)))
            .unwrap();
        let unsealed = test
            .bao(Method::PUT, "sys/unseal", "")
            .json(&json!({ "key": key }))
            .send()
            .await;
        assert_eq!(unsealed.json["sealed"], false, "{unsealed:?}");
    }
}

/// Processes of PostgreSQL, stopped until this is dropped.
pub struct Hung(Vec<Pid>);

impl Hung {
    /// All backends that the service's pool holds. PostgreSQL itself goes on.
    pub async fn backends(test: &TestApp) -> Self {
        let found = "SELECT pid FROM pg_stat_activity WHERE application_name = 'gatehouse'";
        Self::found(test, found).await
    }

    /// The same, and the one that takes new connections.
    pub async fn all(test: &TestApp) -> Self {
        let found = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid UNION ALL \
                     SELECT pid FROM pg_stat_activity WHERE application_name = 'gatehouse'";
        Self::found(test, found).await
    }

    async fn found(test: &TestApp, sql: &str) -> Self {
        let rows = test.sql().await.query(sql, &[]).await.unwrap();
        let pids = rows.iter().filter_map(|row| Pid::from_raw(row.get(0)));
        let pids: Vec<Pid> = pids.collect();
        assert!(!pids.is_empty());
        for pid in &pids {
            kill_process(*pid, Signal::STOP).unwrap();
        }
        Self(pids)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        for pid in &self.0 {
            kill_process(*pid, Signal::CONT).ok();
        }
    }
}

async fn timed(call: impl Future<Output = Answer>) -> (Answer, Duration) {
    let started = Instant::now();
    (call.await, started.elapsed())
}

#[tokio::test]
async fn sealed_openbao_is_refused_at_once_and_forgotten_when_unsealed() {
    let (own, test, vendor) = start().await;
    let token = test.site(&vendor, SITE, "accesskey-0123456789").await;
    assert_eq!(
        test.bao_root(Method::PUT, "sys/seal").send().await.status,
        204
    );

    let (refused, took) = timed(test.post("/api/site").bearer(&vendor.public_key).send()).await;
    refused.expect_problem(503, "openbao_sealed");
    assert!(took < Duration::from_secs(1), "{took:?}");
    test.until_not_ready().await;
    let ready = test.get("/readyz").send().await;
    assert!(ready.text.contains("sealed"), "{ready:?}");
    assert_eq!(test.get("/healthz").send().await.status, 200);

    // What needs no OpenBao goes on, and a removal is queued: refused everywhere at once, carried out later.
    let found = test.post("/sites/search").bearer(&vendor.private_key);
    let found = found
        .json(&json!({ "searchKeys": ["accesskey-0123456789"] }))
        .send()
        .await;
    assert_eq!(found.json["sites"].as_array().unwrap().len(), 1);
    let removed = test
        .delete(&format!("/sites/{SITE}"))
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(
        (removed.status, &removed.json),
        (202, &json!({ "deleted": false, "queued": true }))
    );
    let shown = test
        .get(&format!("/sites/{SITE}"))
        .bearer(&vendor.private_key)
        .send()
        .await;
    shown.expect_problem(404, "not_found");
    let body = json!({ "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z", "data": { "namespace": "late-vendor", "name": "Late" } });
    test.webhook("msg_late", &body)
        .await
        .expect_problem(503, "openbao_sealed");

    own.unseal(&test).await;
    test.until_ready().await;
    assert_eq!(
        test.post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await
            .status,
        200
    );
    let signed_up = test.webhook("msg_late", &body).await;
    assert_eq!(signed_up.status, 200, "{signed_up:?}");
    assert!(signed_up.json["claimToken"].is_string());
    for _ in 0..100 {
        if !test.is_alive(&token).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(
        !test.is_alive(&token).await,
        "the queued removal is carried out by itself"
    );
    let mut secret = 0;
    for _ in 0..300 {
        secret = secret_status(&test).await;
        if secret == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(secret, 404);
}

async fn secret_status(test: &TestApp) -> u16 {
    test.bao_root(Method::GET, &format!("gravityview-store/{SITE}"))
        .send()
        .await
        .status
}

#[tokio::test]
async fn stopped_postgres_is_refused_soon_and_forgotten_when_started() {
    let (mut own, test, vendor) = start().await;
    assert_eq!(
        test.post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await
            .status,
        200
    );
    own.postgres.stop().await.unwrap();

    for _ in 0..3 {
        let (refused, took) = timed(test.post("/api/site").bearer(&vendor.public_key).send()).await;
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.headers.contains_key("retry-after"));
        assert!(took < Duration::from_secs(4), "{took:?}");
    }
    let searched = test.post("/sites/search").bearer(&vendor.private_key);
    let searched = searched
        .json(&json!({ "searchKeys": ["accesskey-0123456789"] }))
        .send()
        .await;
    assert_eq!(searched.status, 503, "{searched:?}");
    test.until_not_ready().await;
    assert_eq!(test.get("/healthz").send().await.status, 200);

    let restarted = servers::shared().runtime.spawn(async move {
        own.postgres.restart().await.unwrap();
        own
    });
    let _own = restarted.await.unwrap();
    test.until_ready().await;
    assert_eq!(
        test.post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await
            .status,
        200
    );

    // No token was made that is on no record.
    test.app.clock.advance(61);
    assert_eq!(test.pass("sweep_tokens").await["revoked"], 0);
}

#[tokio::test]
async fn service_starts_before_its_servers_are_there() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.bao.server.addr = "http://127.0.0.1:9".to_owned();
    let running = servers::shared()
        .runtime
        .spawn(gatehouse::server::start(config))
        .await
        .unwrap()
        .unwrap();
    let url = format!("http://{}", running.address);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(
        http.get(format!("{url}/healthz"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let ready = http.get(format!("{url}/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let body: Value = ready.json().await.unwrap();
    assert!(
        body["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c["name"] == "openbao" && c["ok"] == false)
    );
    let asked = http
        .post(format!("{url}/api/site"))
        .bearer_auth("pk_anything")
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 503);
    servers::shared()
        .runtime
        .spawn(running.stop())
        .await
        .unwrap();
}

#[tokio::test]
async fn hung_backends_of_postgres_hold_up_nobody_for_long() {
    let (_own, test, vendor) = start().await;
    let hung = Hung::backends(&test).await;
    let mut well = None;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(25) {
        let asked = test
            .post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await;
        if asked.status == 200 {
            well = Some(started.elapsed());
            break;
        }
        assert_eq!(asked.status, 503, "{asked:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(hung);
    assert!(
        well.is_some(),
        "the service must leave connections that hang"
    );
    test.until_ready().await;
}
