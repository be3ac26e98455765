//! Every route that takes an `Idempotency-Key`, from the table of routes: what it makes, it makes once.

use gatehouse::idempotency::Replay;
use gatehouse::routes::ROUTES;
use reqwest::Method;
use serde_json::json;

use crate::idempotency::{KEY, assert_replay};
use crate::support::operators::STRONG;
use crate::support::{TestApp, TestVendor};

/// What the table below needs.
struct Fixture {
    vendor: TestVendor,
    hooks: [String; 2],
    messages: [String; 2],
    worker: String,
    issuer: String,
}

impl Fixture {
    async fn new(test: &TestApp) -> Self {
        let vendor = test.vendor("vendor-a").await;
        let hooks = [
            test.hook(&vendor, "https://127.0.0.1:9/hook").await.id,
            test.platform_hook("https://127.0.0.1:9/hook").await.id,
        ];
        let mut messages = Vec::new();
        for (path, bearer, hook) in [
            ("/api/webhooks", &vendor.private_key, &hooks[0]),
            ("/api/admin/webhooks", &test.operator, &hooks[1]),
        ] {
            let path = format!("{path}/{hook}");
            let call = test.post(&format!("{path}/test")).bearer(bearer);
            assert!(call.send().await.status < 300);
            let list = test.get(&format!("{path}/deliveries")).bearer(bearer);
            let list = list.send().await;
            let id = list.json["items"][0]["id"].as_str();
            messages.push(id.unwrap_or_else(|| panic!("{list:?}")).to_owned());
        }
        test.credential(&vendor, "k", crate::credentials::ftp("one"))
            .await;
        let worker = test.worker(&vendor, &["*"]).await.login;
        let issuer = "https://issuer.example";
        test.issuer(issuer, &["RS256"]).await;
        Self {
            hooks,
            messages: messages.try_into().unwrap(),
            worker,
            issuer: issuer.to_owned(),
            vendor,
        }
    }
}

#[tokio::test]
async fn every_route_that_takes_a_key_does_the_same_request_once() {
    let test = TestApp::start().await;
    let fixture = Fixture::new(&test).await;
    let admin = test.administrator(&fixture.vendor).await;
    let _held = test.hold_deliveries().await;
    test.vendor("vendor-b").await;
    test.new_operator("ann", Some(STRONG)).await;
    let begun = json!({ "name": "ann", "password": STRONG });
    let ann = test.operator_log_in(begun).await.text_of("token");
    let signer = crate::support::signer::Signer::ed25519();
    let (mut tried, mut number) = (0, 0);
    let mut routes: Vec<_> = ROUTES.iter().filter(|r| r.replay.is_some()).collect();
    // An entry needs a lockbox.
    routes.sort_by_key(|route| !route.path.ends_with("/lockbox/init"));
    for route in routes {
        number += 1;
        let platform = usize::from(route.path.starts_with("/api/admin/webhooks"));
        // A vendor has two pairs at most.
        let of_pairs = route.path.contains("/key-pairs");
        let namespace = if of_pairs { "vendor-b" } else { "vendor-a" };
        let path = route
            .path
            .replace("{namespace}", namespace)
            .replace("{webhook}", &fixture.hooks[platform])
            .replace("{delivery}", &fixture.messages[platform])
            .replace("{login}", &fixture.worker)
            .replace("{key}", "k")
            .replace("{pair}", "current");
        let end = path.rsplit('/').next().unwrap();
        let name = format!("name-{number}");
        let password = crate::support::lockbox::STRONG;
        let body = match (route.method, end) {
            ("PUT", _) => json!({ "value": crate::credentials::ftp(&name) }),
            (_, "sites") => json!({
                "secretId": "0123456789abcdef", "accessKey": "e".repeat(64), "siteUrl": "https://customer.example",
            }),
            (_, "jwt-keys") => json!({
                "name": name, "algorithm": signer.algorithm(), "publicKey": signer.jwk(), "issuer": format!("https://{name}.example"),
            }),
            (_, "credentials") => json!({ "key": name, "value": crate::credentials::ftp("a") }),
            (_, "rollback") => json!({ "version": 1 }),
            (_, "workers") => json!({ "name": name, "keys": ["*"] }),
            (_, "sessions") => json!({ "name": name, "expiresIn": 3600 }),
            (_, "users") => json!({ "name": name, "groups": [] }),
            (_, "trust-policies") => json!({
                "name": name, "issuer": fixture.issuer, "audience": "https://gatehouse.test",
                "claims": { "repository": "acme/app", "ref": "refs/heads/main" },
                "grant": { "kind": "write" }, "ttl": 600,
            }),
            (_, "webhooks") => json!({ "url": format!("https://127.0.0.1:9/{name}") }),
            (_, "issuers") => {
                json!({ "issuer": format!("https://{name}.example"), "algorithms": ["RS256"] })
            }
            (_, "vendors") => json!({ "namespace": name, "name": "Another" }),
            (_, "init" | "rotate") => json!({ "password": password }),
            (_, "entries") => json!({ "key": name, "value": "v", "type": "text" }),
            _ => json!({}),
        };
        let send = || {
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            let call = test.call(method, &path).header("idempotency-key", KEY);
            let call = match path.as_str() {
                p if p.starts_with("/api/admin/account") => call.bearer(&ann),
                p if p.starts_with("/api/admin/") => call.bearer(&test.operator),
                p if p.starts_with("/api/lockbox") || p.starts_with("/api/user/") => {
                    call.user(&admin)
                }
                _ => call.bearer(&fixture.vendor.private_key),
            };
            if end == "credential-file" {
                let line = json!({ "key": name, "value": crate::credentials::ftp("a") });
                let call = call.header("content-type", "application/x-ndjson");
                call.body(format!("{line}\n")).send()
            } else {
                call.json(&body).send()
            }
        };
        forget(&test).await;
        let before = made(&test).await;
        let first = send().await;
        assert!((200..300).contains(&first.status), "{path}: {first:?}");
        let between = made(&test).await;
        assert_ne!(before, between, "{path} makes something");
        let again = send().await;
        assert_replay(&first, &again);
        assert_eq!(made(&test).await, between, "{path} makes it once");
        if route.replay == Some(Replay::Plain) {
            for secret in [
                "token",
                "privateKey",
                "workerKey",
                "password",
                "signingSecret",
            ] {
                assert!(!first.text.contains(&format!("\"{secret}\":")), "{path}");
            }
        }
        tried += 1;
    }
    assert!(tried > 35, "{tried}");
}

/// Each line has a key of its own: the same one, anew.
async fn forget(test: &TestApp) {
    let sql = test.sql().await;
    sql.batch_execute("DELETE FROM idempotency_keys")
        .await
        .unwrap();
}

/// What requests have made so far, as the tables tell.
async fn made(test: &TestApp) -> String {
    let sql = "SELECT concat_ws(' ', \
                   (SELECT count(*) FROM events WHERE outcome = 'done' AND request_id IS NOT NULL), \
                   (SELECT count(*) FROM issuances), \
                   (SELECT md5(string_agg(users::text, '' ORDER BY id)) FROM users), \
                   (SELECT md5(string_agg(operators::text, '' ORDER BY id)) FROM operators), \
                   (SELECT md5(string_agg(api_keys::text, '' ORDER BY id)) FROM api_keys), \
                   (SELECT md5(string_agg(d::text, '' ORDER BY d::text)) FROM webhook_deliveries d \
                    WHERE type = 'test'))";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    row.get(0)
}
