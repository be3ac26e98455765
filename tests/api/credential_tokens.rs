//! Tokens that read credentials straight from OpenBao.

use reqwest::Method;
use serde_json::json;

use crate::credentials::ftp;
use crate::support::TestApp;

#[tokio::test]
async fn token_lives_as_long_as_asked_and_the_worker_may() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let body = json!({ "name": "Short", "keys": ["*"], "tokenTtl": 600 });
    let call = test.post("/api/workers").bearer(&vendor.private_key);
    let made = call.json(&body).send().await;
    let login = made.json["worker"]["login"].as_str().unwrap().to_owned();
    let session = test.log_in(&login, &made.text_of("workerKey")).await;
    let session = session.text_of("access_token");
    let ttl = async |bearer: &str, body: serde_json::Value| {
        let answer = test.credentials_token(bearer, body).await;
        answer.json["ttl"]
            .as_u64()
            .unwrap_or_else(|| panic!("{answer:?}"))
    };
    assert_eq!(ttl(&session, json!({})).await, 600);
    assert_eq!(ttl(&session, json!({ "ttl": 60 })).await, 60);
    assert_eq!(ttl(&vendor.private_key, json!({})).await, 86_400);
    assert_eq!(
        ttl(&vendor.private_key, json!({ "worker": login })).await,
        600
    );
    let above = test
        .credentials_token(&session, json!({ "ttl": 601 }))
        .await;
    above.expect_problem(422, "invalid_field");
    for body in [
        json!({ "ttl": 59 }),
        json!({ "ttl": 2_419_201 }),
        json!({ "wrapTtl": 5 }),
        json!({ "ttl": 599, "keepAlive": true }),
    ] {
        let bad = test.credentials_token(&vendor.private_key, body).await;
        bad.expect_problem(422, "invalid_field");
    }
    for body in [
        json!({ "key": "none" }),
        json!({ "key": "none", "worker": login }),
    ] {
        let none = test.credentials_token(&vendor.private_key, body).await;
        none.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn vendor_asks_in_the_name_of_its_own_workers_only() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    test.credential(&a, "ftp-1", ftp("h")).await;
    test.credential(&a, "s3-1", ftp("h")).await;
    let (one, other) = (
        test.worker(&a, &["ftp-*"]).await,
        test.worker(&a, &["*"]).await,
    );
    let handed = test
        .credentials_token(&a.private_key, json!({ "worker": one.login }))
        .await;
    let token = handed.text_of("token");
    for (key, status) in [("ftp-1", 200), ("s3-1", 403)] {
        let path = format!("media-a-credentials/secret/data/{key}");
        assert_eq!(
            test.bao(Method::GET, &path, &token).send().await.status,
            status
        );
    }
    let session = test.session(&one).await;
    for (bearer, login) in [
        (b.private_key.as_str(), one.login.as_str()),
        (&session, &other.login),
        (&a.private_key, "nobody"),
        (&a.private_key, "w0000000000000001@media-a"),
    ] {
        let refused = test
            .credentials_token(bearer, json!({ "worker": login }))
            .await;
        refused.expect_problem(422, "invalid_field");
        assert_eq!(refused.json["errors"][0]["pointer"], "/worker");
    }
    let public = test.credentials_token(&a.public_key, json!({})).await;
    public.expect_problem(403, "caller_not_allowed");
    let sql = "SELECT caller, worker_id IS NOT NULL FROM issuances WHERE kind = 'credentials'";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].get::<_, &str>(0), rows[0].get::<_, bool>(1)),
        ("vendor", true)
    );
}

#[tokio::test]
async fn token_for_one_key_opens_no_other() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    for key in ["One", "one", "One-more"] {
        test.credential(&vendor, key, ftp(key)).await;
    }
    let handed = test
        .credentials_token(&vendor.private_key, json!({ "key": "One" }))
        .await;
    assert_eq!(handed.status, 200, "{handed:?}");
    let token = handed.text_of("token");
    let read = async |key: &str| {
        let path = format!("media-a-credentials/secret/data/{key}");
        test.bao(Method::GET, &path, &token).send().await.status
    };
    assert_eq!(
        (read("One").await, read("one").await, read("One-more").await),
        (200, 403, 403)
    );
    // A policy deleted by hand is made again.
    let policy = &handed.json["policies"];
    let name = policy
        .as_array()
        .unwrap()
        .iter()
        .find_map(|p| p.as_str().filter(|name| name.contains(".credentials-read")));
    let path = format!("sys/policies/acl/{}", name.unwrap());
    assert_eq!(
        test.bao_root(Method::DELETE, &path).send().await.status,
        204
    );
    let again = test
        .credentials_token(&vendor.private_key, json!({ "key": "One" }))
        .await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(read("One").await, 200);
    let destroyed = test
        .post("/api/credentials/One/destroy")
        .bearer(&vendor.private_key);
    let all = json!({ "all": true });
    assert_eq!(destroyed.json(&all).send().await.status, 200);
    assert!(!test.is_alive(&token).await);
    assert_eq!(test.bao_root(Method::GET, &path).send().await.status, 404);
}

#[tokio::test]
async fn wrapped_token_is_exchanged_once() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let worker = test.worker(&vendor, &["k"]).await;
    let body = json!({ "worker": worker.login, "wrapTtl": 60, "key": "k" });
    let handed = test.credentials_token(&vendor.private_key, body).await;
    assert!(handed.json["token"].is_null(), "{handed:?}");
    let wrap = handed.text_of("wrapToken");
    let unwrap = || test.bao(Method::POST, "sys/wrapping/unwrap", &wrap).send();
    let token = unwrap().await.json["auth"]["client_token"].clone();
    let path = "media-a-credentials/secret/data/k";
    let read = test
        .bao(Method::GET, path, token.as_str().unwrap())
        .send()
        .await;
    assert_eq!(read.status, 200, "{read:?}");
    assert_eq!(unwrap().await.status, 400);
}

#[tokio::test]
async fn token_kept_alive_outlives_its_first_life() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let hand = async |keep: bool| {
        let body = json!({ "ttl": 600, "keepAlive": keep });
        let answer = test.credentials_token(&vendor.private_key, body).await;
        answer.text_of("token")
    };
    let (kept, other) = (hand(true).await, hand(false).await);
    let left = async |token: &str| {
        let path = "auth/token/lookup-self";
        let looked = test.bao(Method::GET, path, token).send().await;
        looked.json["data"]["ttl"].as_u64().unwrap()
    };
    assert_eq!(test.pass("renew_tokens").await["renewed"], 0);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(left(&kept).await < 600);
    test.app.clock.advance(301);
    assert_eq!(test.pass("renew_tokens").await["renewed"], 1);
    assert!(left(&kept).await >= 599 && left(&other).await < 600);
    // Revoked at OpenBao: the ledger follows.
    let revoked = test
        .bao(Method::POST, "auth/token/revoke-self", &kept)
        .send()
        .await;
    assert_eq!(revoked.status, 204);
    test.app.clock.advance(301);
    assert_eq!(test.pass("renew_tokens").await["lost"], 1);
    assert_eq!(test.pass("renew_tokens").await["lost"], 0);
    let sql = "SELECT count(*) FROM events WHERE action = 'token.lost'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn end_that_nothing_puts_off_is_said_before() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let worker = test.worker(&vendor, &["*"]).await;
    let body = json!({ "keepAlive": true, "worker": worker.login });
    let handed = test.credentials_token(&vendor.private_key, body).await;
    assert_eq!(handed.status, 200, "{handed:?}");
    assert_eq!(test.pass("renew_tokens").await["endingSoon"], 0);
    test.app.clock.advance(26 * 24 * 3600);
    assert_eq!(test.pass("renew_tokens").await["endingSoon"], 1);
    assert_eq!(test.pass("renew_tokens").await["endingSoon"], 0);
    let sql =
        "SELECT details->>'worker', issuance_id::text FROM events WHERE action = 'token.ends_soon'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert!(worker.login.starts_with(row.get::<_, &str>(0)));
    assert_eq!(row.get::<_, &str>(1), handed.text_of("issuanceId"));
}

#[tokio::test]
async fn policy_of_a_worker_that_was_deleted_by_hand_is_made_again() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let worker = test.worker(&vendor, &["k"]).await;
    let session = test.session(&worker).await;
    let id = worker.login.split('@').next().unwrap();
    let policy = format!("sys/policies/acl/media-a.{id}.credentials-read");
    let gone = async || {
        let deleted = test.bao_root(Method::DELETE, &policy).send().await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
    };
    gone().await;
    let handed = test.credentials_token(&session, json!({})).await;
    assert_eq!(handed.status, 200, "{handed:?}");
    gone().await;
    assert_eq!(test.backend_read(&session, "k").await.status, 200);
    gone().await;
    let repaired = test
        .post("/api/admin/vendors/media-a/repair")
        .bearer(&test.operator);
    assert_eq!(repaired.send().await.status, 200);
    assert_eq!(test.bao_root(Method::GET, &policy).send().await.status, 200);
}
