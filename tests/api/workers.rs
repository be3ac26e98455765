//! Workers: made, changed, removed; their keys and sessions.

use gatehouse::vendors::Status;
use reqwest::Method;
use serde_json::{Value, json};

use crate::credentials::ftp;
use crate::support::http::Answer;
use crate::support::wait::suspend;
use crate::support::{TestApp, TestVendor, TestWorker};

async fn call(
    test: &TestApp,
    vendor: &TestVendor,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    let call = test
        .call(method, &format!("/api/workers{path}"))
        .bearer(&vendor.private_key);
    call.json(&body).send().await
}

async fn change(test: &TestApp, vendor: &TestVendor, worker: &TestWorker, body: Value) -> Answer {
    let path = format!("/{}", worker.login);
    call(test, vendor, Method::PATCH, &path, body).await
}

#[tokio::test]
async fn worker_is_made_shown_and_listed() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    let worker = test.worker(&a, &["ftp-*", "exact"]).await;
    assert!(worker.login.ends_with("@media-a"), "{worker:?}");
    assert!(worker.key.starts_with("gwk_"));
    let path = format!("/{}", worker.login);
    let shown = call(&test, &a, Method::GET, &path, json!({})).await;
    assert_eq!(shown.json["keys"], json!(["ftp-*", "exact"]), "{shown:?}");
    assert_eq!(shown.json["tokenTtl"], 86_400);
    assert!(!shown.text.contains(&worker.key));
    let listed = call(&test, &a, Method::GET, "", json!({})).await;
    assert_eq!(listed.json["items"][0]["login"], worker.login.as_str());
    for (vendor, path) in [
        (&b, path.as_str()),
        (&a, "/w0000000000000001@media-a"),
        (&a, "/x"),
    ] {
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            let answer = call(&test, vendor, method, path, json!({})).await;
            answer.expect_problem(404, "not_found");
        }
    }
    let other = call(&test, &b, Method::GET, "", json!({})).await;
    assert_eq!(other.json["items"], json!([]));
    assert!(!test.dump().await.contains(&worker.key[20..60]));
}

#[tokio::test]
async fn bad_workers_are_refused() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    for (body, pointer) in [
        (json!({ "keys": ["*"] }), ""),
        (json!({ "name": "x" }), ""),
        (json!({ "name": "x", "keys": [] }), "/keys"),
        (json!({ "name": "x", "keys": ["a/b"] }), "/keys/0"),
        (json!({ "name": "x", "keys": ["ok", "a*b"] }), "/keys/1"),
        (
            json!({ "name": "x", "keys": ["*\" { capabilities = [\"sudo\"] }"] }),
            "/keys/0",
        ),
        (json!({ "name": "", "keys": ["*"] }), "/name"),
        (
            json!({ "name": "x", "keys": ["*"], "tokenTtl": 59 }),
            "/tokenTtl",
        ),
        (
            json!({ "name": "x", "keys": ["*"], "tokenTtl": 2_419_201 }),
            "/tokenTtl",
        ),
        (json!({ "name": "x", "keys": vec!["k"; 65] }), "/keys"),
    ] {
        let answer = call(&test, &vendor, Method::POST, "", body.clone()).await;
        answer.expect_problem(422, "invalid_field");
        assert_eq!(
            answer.json["errors"][0]["pointer"], pointer,
            "{body} {answer:?}"
        );
    }
    let listed = call(&test, &vendor, Method::GET, "", json!({})).await;
    assert_eq!(listed.json["items"], json!([]));
}

#[tokio::test]
async fn only_name_and_key_together_log_in() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    let (one, other) = (test.worker(&a, &["*"]).await, test.worker(&a, &["*"]).await);
    let foreign = test.worker(&b, &["*"]).await;
    assert_eq!(test.log_in(&one.login, &one.key).await.status, 200);
    let swapped = one.login.replace("media-a", "media-b");
    let last = if one.key.ends_with('0') { "1" } else { "0" };
    let forged = format!("{}{last}", &one.key[..one.key.len() - 1]);
    for (login, key) in [
        (one.login.as_str(), other.key.as_str()),
        (&one.login, &foreign.key),
        (&foreign.login, &one.key),
        (&swapped, &one.key),
        (&one.login, &forged),
        (&one.login, &a.private_key),
        (&one.login, ""),
        ("", &one.key),
        ("nobody", &one.key),
    ] {
        let answer = test.log_in(login, key).await;
        answer.expect_problem(401, "credentials_invalid");
    }
    for body in [
        json!({}),
        json!({ "session": {} }),
        json!({ "session": { "email": 1, "password": "x" } }),
    ] {
        let answer = test.post("/api/sessions").json(&body).send().await;
        answer.expect_problem(422, "invalid_field");
    }
}

#[tokio::test]
async fn session_ends_with_its_time_its_key_and_its_worker() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    assert_eq!(test.backend_read(&session, "k").await.status, 200);
    // With `Bearer` too.
    let with = test.get("/api/credentials/k").bearer(&session).send().await;
    assert_eq!(with.status, 200, "{with:?}");
    let token = test.credentials_token(&session, json!({})).await;
    let token = token.text_of("token");
    assert!(test.is_alive(&token).await);
    let path = format!("/{}/keys", worker.login);
    let second = call(&test, &vendor, Method::POST, &path, json!({ "overlap": 0 })).await;
    assert_eq!(second.status, 201, "{second:?}");
    let refused = test.backend_read(&session, "k").await;
    refused.expect_problem(401, "credentials_invalid");
    assert!(!test.is_alive(&token).await);
    test.log_in(&worker.login, &worker.key)
        .await
        .expect_problem(401, "credentials_invalid");
    let worker = TestWorker {
        key: second.text_of("workerKey"),
        ..worker
    };
    let session = test.session(&worker).await;
    assert_eq!(test.backend_read(&session, "k").await.status, 200);
    test.app.clock.advance(16 * 60);
    let late = test.backend_read(&session, "k").await;
    late.expect_problem(401, "credentials_invalid");
    let session = test.session(&worker).await;
    let gone = format!("/{}", worker.login);
    let gone = call(&test, &vendor, Method::DELETE, &gone, json!({})).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let refused = test.backend_read(&session, "k").await;
    refused.expect_problem(401, "credentials_invalid");
    test.log_in(&worker.login, &worker.key)
        .await
        .expect_problem(401, "credentials_invalid");
}

#[tokio::test]
async fn former_key_lasts_for_the_overlap_and_no_third_lives() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let worker = test.worker(&vendor, &["*"]).await;
    let path = format!("/{}/keys", worker.login);
    let next = async |overlap: u32| {
        let body = json!({ "overlap": overlap });
        let made = call(&test, &vendor, Method::POST, &path, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.text_of("workerKey")
    };
    let status = async |key: &str| test.log_in(&worker.login, key).await.status;
    let second = next(3600).await;
    assert_eq!(
        (status(&worker.key).await, status(&second).await),
        (200, 200)
    );
    let third = next(3600).await;
    let all = (
        status(&worker.key).await,
        status(&second).await,
        status(&third).await,
    );
    assert_eq!(all, (401, 200, 200));
    test.app.clock.advance(3601);
    assert_eq!((status(&second).await, status(&third).await), (401, 200));
    let far = call(
        &test,
        &vendor,
        Method::POST,
        &path,
        json!({ "overlap": 2_592_001 }),
    )
    .await;
    far.expect_problem(422, "invalid_field");
}

#[tokio::test]
async fn narrowed_worker_loses_what_it_may_not_read_any_more() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    for key in ["ftp-1", "s3-1"] {
        test.credential(&vendor, key, ftp("h")).await;
    }
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    let all = test
        .credentials_token(&session, json!({}))
        .await
        .text_of("token");
    let one = test
        .credentials_token(&session, json!({ "key": "s3-1" }))
        .await;
    let one = one.text_of("token");
    let read = async |token: &str, key: &str| {
        let path = format!("media-a-credentials/secret/data/{key}");
        test.bao(Method::GET, &path, token).send().await.status
    };
    assert_eq!(
        (read(&all, "s3-1").await, read(&one, "s3-1").await),
        (200, 200)
    );
    assert_eq!(test.backend_read(&session, "s3-1").await.status, 200);
    let changed = change(&test, &vendor, &worker, json!({ "keys": ["ftp-*"] })).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json["enforced"], true);
    assert_eq!(
        (read(&all, "s3-1").await, read(&all, "ftp-1").await),
        (403, 200)
    );
    assert!(!test.is_alive(&one).await);
    let outside = test.backend_read(&session, "s3-1").await;
    outside.expect_problem(403, "key_not_allowed");
    assert_eq!(test.backend_read(&session, "ftp-1").await.status, 200);
    let outside = test
        .credentials_token(&session, json!({ "key": "s3-1" }))
        .await;
    outside.expect_problem(403, "key_not_allowed");
}

#[tokio::test]
async fn removed_workers_tokens_and_policy_are_gone() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    let token = test
        .credentials_token(&session, json!({}))
        .await
        .text_of("token");
    assert!(test.is_alive(&token).await);
    let id = worker.login.split('@').next().unwrap();
    let policy = format!("sys/policies/acl/media-a.{id}.credentials-read");
    assert_eq!(test.bao_root(Method::GET, &policy).send().await.status, 200);
    let path = format!("/{}", worker.login);
    let gone = call(&test, &vendor, Method::DELETE, &path, json!({})).await;
    assert_eq!(gone.status, 200);
    assert!(!test.is_alive(&token).await);
    assert_eq!(test.bao_root(Method::GET, &policy).send().await.status, 404);
}

#[tokio::test]
async fn policy_that_could_not_be_written_follows_later() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let worker = test.worker(&vendor, &["other"]).await;
    // As it is when OpenBao was out of reach for a change.
    let id = worker.login.split('@').next().unwrap();
    let behind = "UPDATE workers SET patterns = '{k}', policy_wanted = policy_wanted + 1";
    test.sql().await.batch_execute(behind).await.unwrap();
    let session = test.session(&worker).await;
    assert_eq!(test.backend_read(&session, "k").await.status, 200);
    let policy = format!("sys/policies/acl/media-a.{id}.credentials-read");
    let found = test.bao_root(Method::GET, &policy).send().await;
    assert!(found.text.contains("secret/data/k"), "{found:?}");
    let behind = "UPDATE workers SET patterns = '{k,more*}', policy_wanted = policy_wanted + 1";
    test.sql().await.batch_execute(behind).await.unwrap();
    test.pass("follow_workers").await;
    let found = test.bao_root(Method::GET, &policy).send().await;
    assert!(found.text.contains("secret/data/more*"), "{found:?}");
}

#[tokio::test]
async fn suspended_vendors_workers_are_shut_out() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.credential(&vendor, "k", ftp("h")).await;
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    suspend(&test, &vendor).await;
    let refused = test.backend_read(&session, "k").await;
    refused.expect_problem(403, "vendor_suspended");
    let refused = test.log_in(&worker.login, &worker.key).await;
    refused.expect_problem(403, "vendor_suspended");
    // Wrong keys learn nothing of it.
    let refused = test
        .log_in(&worker.login, &format!("gwk_{}", "0".repeat(88)))
        .await;
    refused.expect_problem(401, "credentials_invalid");
    let known = || {
        test.app
            .directory
            .by_id(gatehouse::types::VendorId(vendor.id))
    };
    assert!(known().is_some_and(|vendor| vendor.status == Status::Suspended));
}

#[tokio::test]
async fn operators_manage_workers_of_any_vendor() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let base = "/api/admin/vendors/media-a/workers";
    let body = json!({ "name": "By an operator", "keys": ["*"] });
    let call = test.post(base).bearer(&test.operator).json(&body);
    let made = call.send().await;
    assert_eq!(made.status, 201, "{made:?}");
    let login = made.json["worker"]["login"].as_str().unwrap().to_owned();
    let one = format!("{base}/{login}");
    let shown = test.get(&one).bearer(&test.operator).send().await;
    assert_eq!(shown.json["name"], "By an operator");
    let elsewhere = test.vendor("media-b").await;
    let other = one.replace(
        "vendors/media-a",
        &format!("vendors/{}", elsewhere.namespace),
    );
    let other = test.get(&other).bearer(&test.operator).send().await;
    other.expect_problem(404, "not_found");
    let nowhere = test
        .get("/api/admin/vendors/nobody/workers")
        .bearer(&test.operator);
    nowhere.send().await.expect_problem(404, "not_found");
    let gone = test.delete(&one).bearer(&test.operator).send().await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let sql = "SELECT actor FROM events WHERE action LIKE 'worker.%' ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let actors: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(actors, ["operator:test", "operator:test"]);
    drop(vendor);
}

#[tokio::test]
async fn ended_sessions_are_forgotten() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let worker = test.worker(&vendor, &["*"]).await;
    for _ in 0..3 {
        test.session(&worker).await;
    }
    let left = async || {
        let sql = "SELECT count(*) FROM worker_sessions";
        let row = test.sql().await.query_one(sql, &[]).await.unwrap();
        row.get::<_, i64>(0)
    };
    test.pass("follow_workers").await;
    assert_eq!(left().await, 3);
    test.app.clock.advance(16 * 60);
    test.pass("follow_workers").await;
    assert_eq!(left().await, 0);
}
