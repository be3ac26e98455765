//! What tokens did inside OpenBao, from its audit log.

use std::path::PathBuf;

use gatehouse::access_logs::Settings;
use reqwest::Method;
use serde_json::{Value, json};

use crate::credentials::ftp;
use crate::support::wait::until;
use crate::support::{Place, TestApp, servers};

/// A service that ships the audit log of its OpenBao, of which it sees its own part.
pub async fn shipping() -> TestApp {
    let place = Place::audited().await;
    let mut config = place.config().await;
    config.audit = Some(settings(
        place.bao.namespace.clone(),
        servers::audited().log.clone(),
    ));
    TestApp::start_at(place, config).await
}

fn settings(namespace: Option<String>, file: PathBuf) -> Settings {
    Settings {
        file,
        node: "test".to_owned(),
        namespace,
        proxies: Vec::new(),
    }
}

async fn rows(test: &TestApp) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', area, name, operation, outcome, issuance_id IS NOT NULL) FROM access_logs ORDER BY at, id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn last_used(test: &TestApp, bearer: &str) -> Value {
    let listed = test.get("/api/credentials").bearer(bearer).send().await;
    listed.json["items"][0]["lastUsedAt"].clone()
}

#[tokio::test]
async fn read_straight_from_openbao_is_known_as_the_last_use() {
    let test = shipping().await;
    let vendor = test.vendor("media-vendor").await;
    test.credential(&vendor, "ftp-1", ftp("h")).await;
    assert_eq!(last_used(&test, &vendor.private_key).await, Value::Null);
    // The service's own reading for a test is no use.
    let tried = test.post("/api/credentials/ftp-1/test");
    let tried = tried.bearer(&vendor.private_key).send().await;
    assert_eq!(tried.status, 200, "{tried:?}");
    until("its line", async || rows(&test).await.len() == 2).await;
    assert_eq!(last_used(&test, &vendor.private_key).await, Value::Null);
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    let token = test
        .credentials_token(&session, json!({}))
        .await
        .text_of("token");
    let path = "media-vendor-credentials/secret/data/ftp-1";
    assert_eq!(test.bao(Method::GET, path, &token).send().await.status, 200);
    assert_eq!(
        test.bao(Method::POST, path, &token)
            .json(&json!({ "data": {} }))
            .send()
            .await
            .status,
        403
    );
    until("the last use", async || {
        !last_used(&test, &vendor.private_key).await.is_null()
    })
    .await;
    until("all lines", async || rows(&test).await.len() >= 4).await;
    let right = [
        "credentials ftp-1 create done t",
        "credentials ftp-1 read done t",
        "credentials ftp-1 update refused t",
    ];
    let found = rows(&test).await;
    assert_eq!(found.len(), 4, "{found:?}");
    for line in right {
        let line = line.replace(
            "update",
            if found.iter().any(|l| l.contains("create refused")) {
                "create"
            } else {
                "update"
            },
        );
        assert!(found.contains(&line), "{line}: {found:?}");
    }
    assert!(!test.dump().await.contains("canary-password"));
}

#[tokio::test]
async fn unknown_token_is_an_alarm_and_values_are_not_kept() {
    let test = shipping().await;
    let vendor = test.vendor("gravityview").await;
    let site = "0123456789abcdef";
    test.site(&vendor, site, "access-key-0123456789").await;
    let path = format!("gravityview-store/{site}");
    assert_eq!(test.bao_root(Method::GET, &path).send().await.status, 200);
    until("the alarm", async || {
        let sql = "SELECT count(*) FROM events WHERE action = 'access.unknown_token' AND secret_id = '0123456789abcdef'";
        test.sql().await.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    let found = rows(&test).await;
    assert_eq!(
        found,
        [
            format!("store {site} create done t"),
            format!("store {site} read done f"),
        ]
    );
}

#[tokio::test]
async fn every_line_is_stored_once_through_rotation_restart_and_a_lost_database() {
    let place = Place::shared().await;
    let config = place.config().await;
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let line = |n: usize| {
        json!({
            "type": "response", "time": "2026-11-22T03:50:45Z",
            "request": { "id": format!("r-{n}"), "operation": "read", "path": format!("{}-store/site-{n:016}", vendor.namespace),
                         "client_token_accessor": "A.none" },
        })
    };
    let write = |from: usize, to: usize| {
        use std::io::Write;
        let mut out = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&file)
            .unwrap();
        for n in from..to {
            writeln!(out, "{}", line(n)).unwrap();
        }
    };
    let pool =
        gatehouse::db::Pool::new(&crate::support::app::db_settings(&test.database_url)).unwrap();
    let start = || {
        let stop = tokio_util::sync::CancellationToken::new();
        let shipping =
            gatehouse::access_logs::ship(pool.clone(), settings(None, file.clone()), stop.clone());
        (tokio::spawn(shipping), stop)
    };
    let stored = async || {
        let sql = "SELECT count(*), count(DISTINCT openbao_request_id) FROM access_logs";
        let row = test.sql().await.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    write(0, 500);
    let (first, _) = start();
    until("a part", async || stored().await.0 > 0).await;
    // Ended in the middle, wherever it is.
    first.abort();
    std::fs::rename(&file, folder.path().join("audit.log.1")).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    write(500, 1000);
    let (second, stop) = start();
    let (third, third_stop) = start();
    // PostgreSQL throws everybody out meanwhile.
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    test.sql().await.batch_execute(sql).await.unwrap();
    write(1000, 1500);
    until("all lines", async || stored().await.0 >= 1500).await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(stored().await, (1500, 1500));
    stop.cancel();
    third_stop.cancel();
    second.await.unwrap();
    third.await.unwrap();
}

#[tokio::test]
async fn node_that_is_no_more_is_forgotten_and_one_at_work_is_kept() {
    let test = shipping().await;
    let listed = async || {
        let nodes = test.get("/api/admin/audit-nodes").bearer(&test.operator);
        nodes.send().await.json["nodes"].clone()
    };
    until("the shipper", async || {
        !listed().await[0]["checkedAt"].is_null()
    })
    .await;
    let nodes = listed().await;
    assert_eq!(
        (&nodes[0]["node"], &nodes[0]["problem"]),
        (&json!("test"), &Value::Null)
    );
    let remove = async |node: &str| {
        let call = test
            .post("/api/admin/audit-nodes/remove")
            .bearer(&test.operator);
        call.json(&json!({ "node": node })).send().await
    };
    remove("test").await.expect_problem(409, "audit_node_alive");
    remove("nobody").await.expect_problem(404, "not_found");
    remove("a\0b").await.expect_problem(404, "not_found");
    let gone = "INSERT INTO audit_positions (node, file, place, updated_at, checked_at) \
                VALUES ('gone', '', 0, now() - interval '2 hours', now() - interval '2 hours')";
    test.sql().await.batch_execute(gone).await.unwrap();
    let complete = async || {
        let log = test.get("/api/admin/access-logs").bearer(&test.operator);
        log.send().await.json["openbao"]["complete"].clone()
    };
    assert_eq!(complete().await, false);
    let removed = remove("gone").await;
    assert_eq!(
        (removed.status, &removed.json["removed"]),
        (200, &json!(true))
    );
    assert_eq!(listed().await.as_array().unwrap().len(), 1);
    assert_eq!(complete().await, true);
}
