//! What is done about credentials without being asked.

use gatehouse::vendors::{Level, Vendor};
use reqwest::Method;
use serde_json::json;

use crate::credentials::{ftp, put, read};
use crate::support::TestApp;
use crate::support::wait::change_vendor;

#[tokio::test]
async fn what_a_crash_left_is_removed_and_its_key_free_again() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let left = "INSERT INTO credentials (vendor_id, key, type, claimed_until, created_at, updated_at) \
                VALUES ((SELECT id FROM vendors), 'left', 'ftp', now() - interval '1 hour', now(), now())";
    test.sql().await.batch_execute(left).await.unwrap();
    let path = "media-vendor-credentials/secret/data/left";
    let written = test.bao_root(Method::POST, path);
    let written = written
        .json(&json!({ "data": { "type": "ftp" } }))
        .send()
        .await;
    assert_eq!(written.status, 200, "{written:?}");
    read(&test, &vendor, "left")
        .await
        .expect_problem(404, "not_found");
    let report = test.pass("tidy_credentials").await;
    assert_eq!(
        (&report["removed"], &report["failed"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(test.bao_root(Method::GET, path).send().await.status, 404);
    // Until then the key is held, and that is said.
    test.sql().await.batch_execute(left).await.unwrap();
    let body = json!({ "key": "left", "value": ftp("mine") });
    let call = test.post("/api/credentials").bearer(&vendor.private_key);
    call.json(&body)
        .send()
        .await
        .expect_problem(409, "conflict");
    test.pass("tidy_credentials").await;
    test.credential(&vendor, "left", ftp("mine")).await;
}

#[tokio::test]
async fn owner_is_reminded_once_of_a_date_that_comes() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let make = async |key: &str, days: i64| {
        let at = test.app.clock.now().as_second() + days * 24 * 3600;
        let body = json!({ "key": key, "value": ftp("h"), "rotateBy": at });
        let call = test.post("/api/credentials").bearer(&vendor.private_key);
        assert_eq!(call.json(&body).send().await.status, 201);
    };
    make("soon", 3).await;
    make("late", 30).await;
    assert_eq!(test.pass("tidy_credentials").await["reminded"], 1);
    assert_eq!(test.pass("tidy_credentials").await["reminded"], 0);
    let sql = "SELECT details->>'key' FROM events WHERE action = 'credential.rotation_due'";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let keys: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(keys, ["soon"]);
    // A new version begins anew, with the date that comes with it.
    put(&test, &vendor, "soon", ftp("h2")).await;
    assert_eq!(test.pass("tidy_credentials").await["reminded"], 0);
}

#[tokio::test]
async fn vendor_of_before_is_brought_up() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    // As it was before there were credentials.
    let mount = "sys/mounts/media-vendor-credentials/secret";
    let gone = test.bao_root(Method::DELETE, mount).send().await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let sql = test.sql().await;
    let hold = "SELECT pg_advisory_lock(hashtextextended('provision_vendors', 0))";
    sql.batch_execute(hold).await.unwrap();
    let old = |vendor: &Vendor| vendor.provisioned == Level::STORE;
    change_vendor(&test, &vendor, "provisioned_level = 1", old).await;
    let body = json!({ "key": "k", "value": ftp("h") });
    let call = test.post("/api/credentials").bearer(&vendor.private_key);
    call.json(&body)
        .send()
        .await
        .expect_problem(503, "not_provisioned");
    let token = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(token.status, 200, "{token:?}");
    drop(sql);
    test.pass("provision_vendors").await;
    test.credential(&vendor, "k", ftp("h")).await;
}
