//! Lockboxes over restarts, and on two servers with one database.

use serde_json::{Value, json};

use crate::support::lockbox::PASSWORD;
use crate::support::{Place, TestApp};

/// Another service on what a test runs on.
async fn beside(test: &TestApp) -> TestApp {
    let place = Place {
        bao: gatehouse::vault::Server {
            addr: test.bao_addr.clone(),
            namespace: test.namespace.clone(),
            ca_pem: None,
        },
        bao_root: test.bao_root.clone(),
        database_url: test.database_url.clone(),
    };
    let config = place.config().await;
    TestApp::start_at(place, config).await
}

#[tokio::test]
async fn restart_locks() {
    let mut test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-vendor").await;
    let id = test.entry(&admin, "one", json!({})).await;
    test.stop().await;
    let test = beside(&test).await;
    let status = async || test.ask(&admin, "GET /api/v1/vault-admin").await.json["data"].clone();
    assert_eq!(
        status().await,
        json!({ "init": "setup-completed", "status": "locked" })
    );
    test.ask(&admin, "GET /api/v1/vault")
        .await
        .expect_faults(409);
    let password = json!({ "password": PASSWORD });
    let init = test.send(&admin, "POST /api/v1/vault-admin/init", &password);
    init.await.expect_faults(409);
    let opened = test.send(&admin, "POST /api/v1/vault-admin/sesame", &password);
    assert_eq!(opened.await.status, 201);
    let read = test.ask(&admin, &format!("GET /api/v1/vault/{id}")).await;
    assert_eq!(read.json["data"]["value"], "canary of one");
}

#[tokio::test]
async fn lock_on_one_server_holds_at_the_next_call_of_the_other() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-vendor").await;
    let id = test.entry(&admin, "one", json!({})).await;
    let other = beside(&test).await;
    let password = json!({ "password": PASSWORD });
    // Where it was not handed the key by the first.
    let opened = other.send(&admin, "POST /api/v1/vault-admin/sesame", &password);
    assert!(matches!(opened.await.status, 201 | 409));
    let read = format!("GET /api/v1/vault/{id}");
    for server in [&test, &other] {
        assert_eq!(server.ask(&admin, &read).await.status, 200);
    }
    let entry = json!({ "key": "two", "value": "v", "type": "text" });
    let calls = [
        (read.as_str(), Value::Null),
        ("GET /api/v1/vault", Value::Null),
        ("POST /api/v1/vault", entry),
    ];
    for (call, body) in &calls {
        let locked = test.ask(&admin, "DELETE /api/v1/vault-admin/sesame").await;
        assert_eq!(locked.status, 204, "{locked:?}");
        other.send(&admin, call, body).await.expect_faults(409);
        for server in [&test, &other] {
            server
                .send(&admin, "POST /api/v1/vault-admin/sesame", &password)
                .await;
            assert_eq!(server.ask(&admin, &read).await.status, 200);
        }
    }
}
