//! The two readers of the workers' contract, by HTTP as their SDK speaks it, and by the stock client library.

use reqwest::Method;
use serde_json::{Value, json};

use crate::credentials::ftp;
use crate::hvac::run_script;
use crate::support::{TestApp, TestVendor};

fn s3() -> Value {
    json!({ "type": "s3", "access_key_id": "AKID", "secret_access_key": "canary-secret-0002" })
}

/// `VAULT`: `GET {VAULT_HOSTNAME}/secret/data/{key}`, where the host name is a base URL.
async fn vault_read(test: &TestApp, vendor: &TestVendor, token: &str, key: &str) -> (u16, Value) {
    let path = format!("{}-credentials/secret/data/{key}", vendor.namespace);
    let answer = test.bao(Method::GET, &path, token).send().await;
    (answer.status, answer.json["data"]["data"].clone())
}

#[tokio::test]
async fn both_stores_give_the_same_value() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    test.credential(&vendor, "ftp-1", ftp("ftp.example")).await;
    test.credential(&vendor, "s3-1", s3()).await;
    let worker = test.worker(&vendor, &["ftp-*", "s3-*"]).await;
    let session = test.session(&worker).await;
    let handed = test.credentials_token(&session, json!({})).await;
    assert_eq!(handed.status, 200, "{handed:?}");
    let namespace = test.namespace.clone().unwrap();
    let mount = format!("{namespace}/media-vendor-credentials");
    assert_eq!(
        handed.json["vaultHostname"],
        format!("https://vault.example/v1/{mount}")
    );
    assert_eq!(handed.json["store"], format!("{mount}/secret"));
    let token = handed.text_of("token");
    for key in ["ftp-1", "s3-1"] {
        let (status, straight) = vault_read(&test, &vendor, &token, key).await;
        let through = test.backend_read(&session, key).await;
        assert_eq!((status, through.status), (200, 200), "{through:?}");
        let data = &through.json["data"];
        assert_eq!(data["value"], straight);
        assert_eq!(data["key"], key);
        assert!(
            data["id"]
                .as_u64()
                .is_some_and(|id| u32::try_from(id).is_ok())
        );
        assert!(data["inserted_at"].is_string());
    }
    let (_, value) = vault_read(&test, &vendor, &token, "ftp-1").await;
    assert_eq!(
        (&value["port"], &value["secure"]),
        (&json!(21), &json!(false))
    );
}

#[tokio::test]
async fn openbao_itself_refuses_what_a_worker_may_not() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    for vendor in [&a, &b] {
        for key in ["ftp-1", "s3-1"] {
            test.credential(vendor, key, ftp("h")).await;
        }
    }
    let worker = test.worker(&a, &["ftp-*"]).await;
    let session = test.session(&worker).await;
    let token = test
        .credentials_token(&session, json!({}))
        .await
        .text_of("token");
    assert_eq!(vault_read(&test, &a, &token, "ftp-1").await.0, 200);
    assert_eq!(vault_read(&test, &a, &token, "s3-1").await.0, 403);
    assert_eq!(vault_read(&test, &b, &token, "ftp-1").await.0, 403);
    let data = "media-a-credentials/secret/data/ftp-1";
    let metadata = "media-a-credentials/secret/metadata/ftp-1";
    for (method, path) in [
        (Method::POST, data),
        (Method::PUT, data),
        (Method::DELETE, data),
        (Method::DELETE, metadata),
        (Method::POST, "media-a-credentials/secret/delete/ftp-1"),
        (Method::POST, "media-a-credentials/secret/undelete/ftp-1"),
        (Method::POST, "media-a-credentials/secret/destroy/ftp-1"),
        (Method::POST, "media-a-credentials/secret/config"),
        (
            Method::from_bytes(b"LIST").unwrap(),
            "media-a-credentials/secret/metadata",
        ),
        (Method::GET, "media-a-store/0123456789abcdef"),
        (Method::POST, "auth/token/create"),
        (Method::POST, "sys/wrapping/wrap"),
    ] {
        let body = json!({ "data": { "a": "b" }, "versions": [1] });
        let answer = test
            .bao(method.clone(), path, &token)
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    assert_eq!(
        test.bao(Method::GET, metadata, &token).send().await.status,
        200
    );
}

#[tokio::test]
async fn stock_client_reads_and_may_not_write() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    test.credential(&a, "ftp-1", ftp("ftp.example")).await;
    test.credential(&a, "s3-1", s3()).await;
    test.credential(&b, "ftp-1", ftp("other")).await;
    let worker = test.worker(&a, &["ftp-*"]).await;
    let session = test.session(&worker).await;
    let token = test
        .credentials_token(&session, json!({}))
        .await
        .text_of("token");
    let given = json!({
        "url": test.bao_addr,
        "namespace": test.namespace,
        "token": token,
        "mount": "media-a-credentials/secret",
        "key": "ftp-1",
        "value": { "type": "ftp", "hostname": "ftp.example", "port": 21, "secure": false,
                   "username": "user", "password": "canary-password-0001" },
        "outside": "s3-1",
        "other_mount": "media-b-credentials/secret",
    });
    run_script("credentials.py", &given).await;
}

#[tokio::test]
async fn worker_reads_through_the_service_only_what_it_may() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    for key in ["ftp-1", "s3-1"] {
        test.credential(&a, key, ftp("h")).await;
    }
    test.credential(&b, "ftp-2", ftp("of-b")).await;
    let session = test.session(&test.worker(&a, &["ftp-*"]).await).await;
    assert_eq!(test.backend_read(&session, "ftp-1").await.status, 200);
    let outside = test.backend_read(&session, "s3-1").await;
    outside.expect_problem(403, "key_not_allowed");
    // The same whether it exists or not.
    let unknown = test.backend_read(&session, "nothing").await;
    unknown.expect_problem(403, "key_not_allowed");
    let other = test.backend_read(&session, "ftp-2").await;
    other.expect_problem(404, "not_found");
    let sql =
        "SELECT actor, details->>'openbaoRequestId' FROM events WHERE action = 'credential.read'";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].get::<_, &str>(0).starts_with("worker:w"));
    assert!(
        rows[0]
            .get::<_, Option<&str>>(1)
            .is_some_and(|id| id.len() == 36)
    );
    let used = test
        .get("/api/credentials")
        .bearer(&a.private_key)
        .send()
        .await;
    assert!(used.json["items"][0]["lastUsedAt"].is_string(), "{used:?}");
    assert!(used.json["items"][1]["lastUsedAt"].is_null(), "{used:?}");
}

#[tokio::test]
async fn brokered_token_that_was_lost_is_replaced() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let session = test.session(&test.worker(&vendor, &["*"]).await).await;
    let revoke = "SELECT accessor FROM issuances WHERE kind = 'credentials_read'";
    assert_eq!(test.backend_read(&session, "k").await.status, 200);
    for row in test.sql().await.query(revoke, &[]).await.unwrap() {
        let body = json!({ "accessor": row.get::<_, &str>(0) });
        let call = test.bao_root(Method::POST, "auth/token/revoke-accessor");
        assert_eq!(call.json(&body).send().await.status, 204);
    }
    assert_eq!(test.backend_read(&session, "k").await.status, 200);
}
