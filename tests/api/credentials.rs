//! Credentials: made, listed, changed, rolled back, deleted and destroyed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::{Answer, Call};
use crate::support::{TestApp, TestVendor};

pub fn ftp(host: &str) -> Value {
    json!({ "type": "ftp", "hostname": host, "username": "user", "password": "canary-password-0001" })
}

pub fn one<'a>(test: &'a TestApp, vendor: &TestVendor, method: Method, path: &str) -> Call<'a> {
    test.call(method, &format!("/api/credentials/{path}"))
        .bearer(&vendor.private_key)
}

pub async fn read(test: &TestApp, vendor: &TestVendor, path: &str) -> Answer {
    one(test, vendor, Method::GET, path).send().await
}

pub async fn put(test: &TestApp, vendor: &TestVendor, key: &str, value: Value) -> Answer {
    let call = one(test, vendor, Method::PUT, key);
    call.json(&json!({ "value": value })).send().await
}

#[tokio::test]
async fn credential_is_made_read_and_listed() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let body =
        json!({ "key": "ftp-1", "value": ftp("ftp.example"), "rotateBy": "2027-01-01T00:00:00Z" });
    let call = test.post("/api/credentials").bearer(&vendor.private_key);
    let made = call.json(&body).send().await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.headers["etag"], "\"1\"");
    let data = &made.json["data"];
    assert_eq!(data["version"], 1);
    assert_eq!(data["value"], Value::Null, "{made:?}");
    let found = read(&test, &vendor, "ftp-1").await;
    assert_eq!(found.status, 200, "{found:?}");
    assert_eq!(found.headers["cache-control"], "no-store");
    let data = &found.json["data"];
    let right = json!({
        "type": "ftp", "hostname": "ftp.example", "port": 21, "secure": false,
        "username": "user", "password": "canary-password-0001",
    });
    assert_eq!(data["value"], right);
    assert_eq!(data["rotateBy"], "2027-01-01T00:00:00Z");
    assert!(data["id"].as_u64().is_some_and(|id| id > 0));
    assert!(data["inserted_at"].is_string());
    let path = "media-vendor-credentials/secret/data/ftp-1";
    let stored = test.bao_root(Method::GET, path).send().await;
    assert_eq!(stored.json["data"]["data"], right, "{stored:?}");
    let listed = test.get("/api/credentials").bearer(&vendor.private_key);
    let listed = listed.send().await;
    assert_eq!(listed.json["items"][0]["key"], "ftp-1");
    assert!(!listed.text.contains("canary-password"), "{listed:?}");
    assert!(!test.dump().await.contains("canary-password"));
}

#[tokio::test]
async fn pages_follow_each_other_by_key() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let keys = ["B", "a", "a-1", "token", "types"];
    for key in keys {
        test.credential(&vendor, key, ftp("h")).await;
    }
    let mut found = Vec::new();
    let mut path = "/api/credentials?limit=2".to_owned();
    loop {
        let page = test.get(&path).bearer(&vendor.private_key).send().await;
        for item in page.json["items"].as_array().unwrap() {
            found.push(item["key"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page.json["nextCursor"].as_str() else {
            break;
        };
        path = format!("/api/credentials?limit=2&cursor={cursor}");
    }
    assert_eq!(found, keys);
    // A key may be a word of the API.
    for key in ["token", "types"] {
        let answer = read(&test, &vendor, key).await;
        assert_eq!(answer.json["data"]["key"], key, "{answer:?}");
    }
}

#[tokio::test]
async fn key_names_one_credential_of_its_vendor() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    test.credential(&a, "same", ftp("of-a")).await;
    let body = json!({ "key": "same", "value": ftp("again") });
    let call = test.post("/api/credentials").bearer(&a.private_key);
    call.json(&body)
        .send()
        .await
        .expect_problem(409, "credential_exists");
    read(&test, &b, "same")
        .await
        .expect_problem(404, "not_found");
    test.credential(&b, "same", ftp("of-b")).await;
    for (vendor, host) in [(&a, "of-a"), (&b, "of-b")] {
        let found = read(&test, vendor, "same").await;
        assert_eq!(found.json["data"]["value"]["hostname"], host);
    }
    read(&test, &b, "SAME")
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn two_writers_one_wins_and_the_other_is_told_the_version() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    test.credential(&vendor, "shared", ftp("one")).await;
    let write = async |host: &str| {
        one(&test, &vendor, Method::PUT, "shared")
            .header("if-match", "\"1\"")
            .json(&json!({ "value": ftp(host) }))
            .send()
            .await
    };
    let (left, right) = tokio::join!(write("left"), write("right"));
    let mut statuses = [left.status, right.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{left:?} {right:?}");
    let (winner, won, lost) = if left.status == 200 {
        ("left", left, right)
    } else {
        ("right", right, left)
    };
    assert_eq!(won.json["data"]["version"], 2);
    assert_eq!(won.headers["etag"], "\"2\"");
    lost.expect_problem(412, "version_conflict");
    assert_eq!(lost.json["current_version"], 2);
    let found = read(&test, &vendor, "shared").await;
    assert_eq!(found.json["data"]["value"]["hostname"], winner);
    for bad in ["\"x\"", "W/\"2\"", "\"0\"", "-1", "\"2\", \"3\""] {
        let call = one(&test, &vendor, Method::PUT, "shared").header("if-match", bad);
        let answer = call.json(&json!({ "value": ftp("h") })).send().await;
        answer.expect_problem(400, "invalid_parameter");
    }
    let unconditional = put(&test, &vendor, "shared", ftp("last")).await;
    assert_eq!(unconditional.json["data"]["version"], 3);
}

#[tokio::test]
async fn many_writers_without_a_version_all_succeed() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    test.credential(&vendor, "shared", ftp("one")).await;
    let (a, b, c) = tokio::join!(
        put(&test, &vendor, "shared", ftp("a")),
        put(&test, &vendor, "shared", ftp("b")),
        put(&test, &vendor, "shared", ftp("c")),
    );
    let mut versions: Vec<_> = [&a, &b, &c]
        .iter()
        .map(|answer| answer.json["data"]["version"].as_u64())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [Some(2), Some(3), Some(4)], "{a:?} {b:?} {c:?}");
}

#[tokio::test]
async fn one_of_many_who_make_the_same_key_wins() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let make = async |host: String| {
        let body = json!({ "key": "contested", "value": ftp(&host) });
        let call = test.post("/api/credentials").bearer(&vendor.private_key);
        call.json(&body).send().await.status
    };
    let tries = (0..6).map(|n| make(format!("h{n}")));
    let statuses = futures_util::future::join_all(tries).await;
    let winners = statuses.iter().filter(|status| **status == 201).count();
    assert_eq!(winners, 1, "{statuses:?}");
    assert!(
        statuses.iter().all(|s| matches!(s, 201 | 409)),
        "{statuses:?}"
    );
    let found = read(&test, &vendor, "contested").await;
    assert_eq!(found.json["data"]["version"], 1);
}

#[tokio::test]
async fn older_version_is_read_and_made_the_newest() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    test.credential(&vendor, "k", ftp("first")).await;
    let generic = json!({ "type": "generic", "note": "second" });
    assert_eq!(put(&test, &vendor, "k", generic).await.status, 200);
    let old = read(&test, &vendor, "k/versions/1").await;
    assert_eq!(old.json["data"]["value"]["hostname"], "first", "{old:?}");
    assert_eq!(old.json["data"]["type"], "ftp");
    assert_eq!(old.json["data"]["version"], 1);
    let back = one(&test, &vendor, Method::POST, "k/rollback");
    let back = back.json(&json!({ "version": 1 })).send().await;
    assert_eq!(back.json["data"]["version"], 3, "{back:?}");
    let found = read(&test, &vendor, "k").await;
    assert_eq!(found.json["data"]["value"]["hostname"], "first");
    assert_eq!(found.json["data"]["type"], "ftp");
    let versions = read(&test, &vendor, "k/versions").await;
    let numbers: Vec<_> = versions.json["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["version"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [3, 2, 1]);
    for bad in [
        "k/versions/4",
        "k/versions/0",
        "k/versions/x",
        "none/versions",
    ] {
        read(&test, &vendor, bad)
            .await
            .expect_problem(404, "not_found");
    }
    let back = one(&test, &vendor, Method::POST, "k/rollback").header("if-match", "\"2\"");
    let back = back.json(&json!({ "version": 1 })).send().await;
    back.expect_problem(412, "version_conflict");
}

#[tokio::test]
async fn deleted_credential_can_be_undeleted() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    test.credential(&vendor, "k", ftp("one")).await;
    put(&test, &vendor, "k", ftp("two")).await;
    let deleted = one(&test, &vendor, Method::DELETE, "k").send().await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    for path in ["k", "k/versions/1"] {
        read(&test, &vendor, path)
            .await
            .expect_problem(404, "not_found");
    }
    let path = "media-vendor-credentials/secret/data/k";
    assert_eq!(test.bao_root(Method::GET, path).send().await.status, 404);
    let again = one(&test, &vendor, Method::DELETE, "k").send().await;
    again.expect_problem(404, "not_found");
    put(&test, &vendor, "k", ftp("x"))
        .await
        .expect_problem(404, "not_found");
    let listed = test
        .get("/api/credentials")
        .bearer(&vendor.private_key)
        .send()
        .await;
    assert_eq!(listed.json["items"], json!([]));
    let body = json!({ "key": "k", "value": ftp("new") });
    let call = test.post("/api/credentials").bearer(&vendor.private_key);
    let made = call.json(&body).send().await;
    made.expect_problem(409, "credential_exists");
    let undeleted = one(&test, &vendor, Method::POST, "k/undelete").send().await;
    assert_eq!(undeleted.json["undeleted"], json!([1, 2]), "{undeleted:?}");
    let found = read(&test, &vendor, "k").await;
    assert_eq!(found.json["data"]["value"]["hostname"], "two");
    let nothing = one(&test, &vendor, Method::POST, "k/undelete").send().await;
    nothing.expect_problem(404, "not_found");
}

#[tokio::test]
async fn destroyed_is_gone_and_its_key_free() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let first = test.credential(&vendor, "k", ftp("one")).await;
    put(&test, &vendor, "k", ftp("two")).await;
    let destroy = |body: Value| {
        one(&test, &vendor, Method::POST, "k/destroy")
            .json(&body)
            .send()
    };
    let versions = destroy(json!({ "versions": [1] })).await;
    assert_eq!(versions.status, 200, "{versions:?}");
    read(&test, &vendor, "k/versions/1")
        .await
        .expect_problem(404, "not_found");
    assert_eq!(read(&test, &vendor, "k").await.status, 200);
    destroy(json!({ "versions": [9] }))
        .await
        .expect_problem(404, "not_found");
    for nothing in [
        json!({}),
        json!({ "all": false }),
        json!({ "all": true, "versions": [1] }),
    ] {
        destroy(nothing).await.expect_problem(422, "invalid_field");
    }
    destroy(json!({ "versions": [] }))
        .await
        .expect_problem(422, "invalid_field");
    let all = json!({ "all": true });
    assert_eq!(destroy(all.clone()).await.status, 200);
    read(&test, &vendor, "k")
        .await
        .expect_problem(404, "not_found");
    destroy(all).await.expect_problem(404, "not_found");
    let path = "media-vendor-credentials/secret/metadata/k";
    assert_eq!(test.bao_root(Method::GET, path).send().await.status, 404);
    let again = test.credential(&vendor, "k", ftp("anew")).await;
    assert_eq!(again["version"], 1);
    assert_ne!(again["id"], first["id"]);
}

#[tokio::test]
async fn credential_is_tried_against_its_service() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let mut value = ftp("127.0.0.1");
    value["port"] = port.into();
    test.credential(&vendor, "closed", value.clone()).await;
    value["hostname"] = "169.254.169.254".into();
    test.credential(&vendor, "inside", value).await;
    let http = json!({ "type": "http", "endpoint": format!("{}/healthz", test.url) });
    test.credential(&vendor, "web", http).await;
    let generic = json!({ "type": "generic", "a": "b" });
    test.credential(&vendor, "any", generic).await;
    let tried = async |key: &str| {
        let path = format!("{key}/test");
        one(&test, &vendor, Method::POST, &path).send().await
    };
    for (key, failed) in [
        ("closed", json!("port")),
        ("inside", json!("address_refused")),
        ("web", Value::Null),
    ] {
        let answer = tried(key).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json["ok"], failed.is_null(), "{answer:?}");
        assert_eq!(answer.json["failed"], failed, "{answer:?}");
    }
    tried("any").await.expect_problem(422, "not_testable");
    tried("none").await.expect_problem(404, "not_found");
    // It is no use of them, and stands among the events.
    let listed = test.get("/api/credentials").bearer(&vendor.private_key);
    let listed = listed.send().await;
    let items = listed.json["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["lastUsedAt"].is_null()));
    let sql = "SELECT count(*) FROM events WHERE action = 'credential.tested'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 3);
    // So often a second and no more: each is a try to log in somewhere.
    let many = futures_util::future::join_all((0..20).map(|_| tried("closed"))).await;
    assert!(many.iter().any(|answer| answer.status == 429), "{many:?}");
}
