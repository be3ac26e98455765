//! `POST /api/admin/explain`: what it says is what the token path does.

use serde_json::{Value, json};

use crate::credentials::ftp;
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const ACCESS_KEY: &str = "access-key-0123456789";

async fn explain(test: &TestApp, vendor: &str, caller: Value, token: Value) -> Answer {
    let body = json!({ "vendor": vendor, "caller": caller, "token": token });
    let call = test.post("/api/admin/explain").bearer(&test.operator);
    call.json(&body).send().await
}

/// Asks for the token for real, as `caller` would.
async fn really(test: &TestApp, who: &Callers, caller: &Value, token: &Value) -> Answer {
    let bearer = match caller["kind"].as_str().unwrap() {
        "public-key" => &who.vendor.public_key,
        "vendor" => &who.vendor.private_key,
        "worker" => &who.session,
        "operator" => &test.operator,
        kind => panic!("{kind}"),
    };
    let mut body = token.clone();
    let kind = body.as_object_mut().unwrap().remove("kind").unwrap();
    let path = match kind.as_str().unwrap() {
        "write" => "/api/site",
        "read" => "/sites/token",
        _ => "/api/credentials/token",
    };
    test.post(path).bearer(bearer).json(&body).send().await
}

struct Callers {
    vendor: TestVendor,
    session: String,
    login: String,
}

/// Who asks, for which kind of token, with what beside it, and which rule decides with which code.
type Line = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const TABLE: &[Line] = &[
    ("public-key", "read", "{}", "caller", "caller_not_allowed"),
    ("operator", "write", "{}", "caller", "caller_not_allowed"),
    (
        "public-key",
        "write",
        r#"{"secretId":"SITE"}"#,
        "site",
        "access_key_required",
    ),
    (
        "public-key",
        "write",
        r#"{"secretId":"SITE","accessKey":"access-key-wrong-0000"}"#,
        "site",
        "access_key_required",
    ),
    (
        "public-key",
        "write",
        r#"{"secretId":"SITE","accessKey":"ACCESS_KEY"}"#,
        "site",
        "allowed",
    ),
    (
        "vendor",
        "write",
        r#"{"secretId":"SITE"}"#,
        "site",
        "allowed",
    ),
    (
        "public-key",
        "write",
        r#"{"secretId":"fedcba9876543210"}"#,
        "site",
        "allowed",
    ),
    ("public-key", "write", "{}", "provisioned", "allowed"),
    (
        "vendor",
        "read",
        r#"{"secretId":"1111111111111111"}"#,
        "site",
        "not_found",
    ),
    (
        "vendor",
        "read",
        r#"{"secretId":"SITE"}"#,
        "site",
        "allowed",
    ),
    ("vendor", "read", "{}", "provisioned", "allowed"),
    ("worker", "write", "{}", "caller", "caller_not_allowed"),
    ("worker", "credentials", "{}", "provisioned", "allowed"),
    (
        "worker",
        "credentials",
        r#"{"key":"ftp-1"}"#,
        "provisioned",
        "allowed",
    ),
    (
        "worker",
        "credentials",
        r#"{"key":"s3-1"}"#,
        "key_patterns",
        "key_not_allowed",
    ),
    (
        "worker",
        "credentials",
        r#"{"key":"ftp-2"}"#,
        "credential",
        "not_found",
    ),
    (
        "worker",
        "credentials",
        r#"{"ttl":2000000}"#,
        "ttl",
        "invalid_field",
    ),
    (
        "vendor",
        "credentials",
        r#"{"ttl":300,"keepAlive":true}"#,
        "ttl",
        "invalid_field",
    ),
];

const PAUSED: &[Line] = &[
    (
        "public-key",
        "write",
        "{}",
        "store_wide_writes",
        "store_wide_refused",
    ),
    ("vendor", "read", "{}", "support_pause", "support_paused"),
];

const SUSPENDED: &[Line] = &[
    (
        "public-key",
        "read",
        "{}",
        "vendor_status",
        "vendor_suspended",
    ),
    (
        "public-key",
        "write",
        r#"{"secretId":"SITE"}"#,
        "vendor_status",
        "vendor_suspended",
    ),
    (
        "worker",
        "credentials",
        "{}",
        "vendor_status",
        "vendor_suspended",
    ),
];

/// What is explained is what is done, line by line.
async fn agree(test: &TestApp, who: &Callers, table: &[Line]) {
    for line @ (kind, token, more, rule, code) in table {
        let mut caller = json!({ "kind": kind });
        if *kind == "worker" {
            caller["login"] = json!(who.login);
        }
        let more = more.replace("SITE", SITE).replace("ACCESS_KEY", ACCESS_KEY);
        let mut wanted: Value = serde_json::from_str(&more).unwrap();
        wanted["kind"] = json!(token);
        let told = explain(test, &who.vendor.namespace, caller.clone(), wanted.clone()).await;
        assert_eq!(told.status, 200, "{told:?}");
        let done = really(test, who, &caller, &wanted).await;
        assert_eq!(told.json["decidedBy"]["rule"], *rule, "{line:?}: {told:?}");
        let allowed = *code == "allowed";
        assert_eq!(told.json["allowed"], allowed, "{line:?}: {told:?}");
        if allowed {
            assert_eq!(done.status, 200, "{line:?}: {done:?}");
            let would = &told.json["token"];
            assert_eq!(policies(would), policies(&done.json));
            assert_eq!(would["ttl"], done.json["ttl"], "{line:?}");
        } else {
            let decided = &told.json["decidedBy"];
            assert_eq!(done.code(), *code, "{line:?}: {done:?}");
            assert_eq!(
                (&decided["code"], &decided["status"]),
                (&json!(code), &json!(done.status))
            );
            assert_eq!(told.json["token"], Value::Null);
        }
    }
}

fn policies(token: &Value) -> Vec<String> {
    let mut names: Vec<String> = serde_json::from_value(token["policies"].clone()).unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn explanations_agree_with_the_token_path() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, SITE, ACCESS_KEY).await;
    test.credential(&vendor, "ftp-1", ftp("h")).await;
    let worker = test.worker(&vendor, &["ftp-*"]).await;
    let session = test.session(&worker).await;
    let login = worker.login;
    let who = Callers {
        vendor,
        session,
        login,
    };
    agree(&test, &who, TABLE).await;
    change(
        &test,
        "store_wide_writes = false, support_paused_until = now() + interval '1 hour'",
    )
    .await;
    agree(&test, &who, PAUSED).await;
    change(&test, "status = 'suspended'").await;
    agree(&test, &who, SUSPENDED).await;
}

/// Changes the vendor, and waits until the service knows.
async fn change(test: &TestApp, set: &str) {
    let sql = format!("UPDATE vendors SET {set}");
    test.sql().await.batch_execute(&sql).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
}

async fn issued(test: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM issuances";
    test.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn explaining_issues_nothing_and_asks_for_what_fits() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let (public, write) = (json!({ "kind": "public-key" }), json!({ "kind": "write" }));
    let told = explain(&test, "gravityview", public.clone(), write.clone()).await;
    assert_eq!(told.json["allowed"], true, "{told:?}");
    let passed = [
        "key",
        "worker",
        "vendor_status",
        "caller",
        "signed_clients",
        "store_wide_writes",
        "terms",
        "wrapping",
        "provisioned",
    ];
    assert_eq!(told.json["passed"], json!(passed));
    assert_eq!(told.json["token"]["maxTtl"], 28 * 24 * 3600);
    assert_eq!(issued(&test).await, 0);
    let unknown = explain(&test, "nobody-here", public.clone(), write.clone()).await;
    unknown.expect_problem(404, "not_found");
    let gone = json!({ "kind": "worker", "login": "w00000000000000ff@gravityview" });
    let told = explain(&test, "gravityview", gone, json!({ "kind": "credentials" })).await;
    assert_eq!(
        told.json["decidedBy"]["code"], "credentials_invalid",
        "{told:?}"
    );
    let wrong = [
        (json!({ "kind": "nobody" }), write.clone()),
        (json!({ "kind": "worker" }), write.clone()),
        (json!({ "kind": "vendor", "login": "w" }), write.clone()),
        (public.clone(), json!({ "kind": "delete" })),
        (public.clone(), json!({ "kind": "write", "key": "ftp-1" })),
        (
            public.clone(),
            json!({ "kind": "read", "accessKey": ACCESS_KEY }),
        ),
        (
            public.clone(),
            json!({ "kind": "credentials", "secretId": SITE }),
        ),
        (public.clone(), json!({ "kind": "write", "unknown": 1 })),
    ];
    for (caller, token) in wrong {
        let told = explain(&test, "gravityview", caller.clone(), token.clone()).await;
        assert_eq!(
            (told.status, told.code()),
            (422, "invalid_field"),
            "{caller} {token}: {told:?}"
        );
    }
    let call = test.post("/api/admin/explain").bearer(&vendor.private_key);
    call.json(&json!({}))
        .send()
        .await
        .expect_problem(403, "caller_not_allowed");
}
