//! Tokens that vendors and operators end, one or many, as OpenBao sees them.

use std::time::Instant;

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::issuances::figure;
use crate::ledger::{ask, live_tokens};
use crate::ledger_events::events;
use crate::support::http::Answer;
use crate::support::valve::Valve;
use crate::support::wait::until;
use crate::support::{Place, TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const OTHER_SITE: &str = "fedcba9876543210";

async fn revoke(test: &TestApp, bearer: &str, place: &str, body: Value) -> Answer {
    let call = test.post(&format!("{place}/revoke")).bearer(bearer);
    call.json(&body).send().await
}

/// Ends what a vendor's filter means, and gives how many were matched; all of them are dead then.
async fn ended(test: &TestApp, vendor: &TestVendor, body: Value) -> u64 {
    let answer = revoke(test, &vendor.private_key, "/api/issuances", body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json["queued"], 0, "{answer:?}");
    assert_eq!(answer.json["matched"], answer.json["revoked"]);
    answer.json["matched"].as_u64().unwrap()
}

/// A token of each kind that is handed out, with its kind.
async fn each(test: &TestApp, vendor: &TestVendor) -> Vec<(&'static str, Answer)> {
    let by = async |path: &str, key: &str, body: Value| {
        let answer = test.post(path).bearer(key).json(&body).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    };
    let (public, private) = (&vendor.public_key, &vendor.private_key);
    let site = json!({ "secretId": SITE });
    vec![
        ("write_site", by("/api/site", private, site.clone()).await),
        ("write", by("/api/site", public, json!({})).await),
        ("read_site", by("/sites/token", private, site).await),
        ("read", by("/sites/token", private, json!({})).await),
        (
            "credentials",
            by("/api/credentials/token", private, json!({})).await,
        ),
    ]
}

async fn start() -> (TestApp, TestVendor) {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let body = json!({ "secretId": SITE });
    let call = test.post("/sites").bearer(&vendor.public_key);
    assert_eq!(call.json(&body).send().await.status, 201);
    (test, vendor)
}

async fn alive(test: &TestApp, tokens: &[(&'static str, Answer)]) -> Vec<&'static str> {
    let mut alive = Vec::new();
    for (kind, token) in tokens {
        if test.is_alive(&token.text_of("token")).await {
            alive.push(*kind);
        }
    }
    alive
}

#[tokio::test]
async fn one_token_is_ended_once() {
    let (test, vendor) = start().await;
    let tokens = each(&test, &vendor).await;
    let (_, doomed) = &tokens[0];
    let path = format!("/api/issuances/{}", doomed.text_of("issuanceId"));
    for _ in 0..2 {
        let answer = test.delete(&path).bearer(&vendor.private_key).send().await;
        let wanted = (200, &json!({ "revoked": true }));
        assert_eq!((answer.status, &answer.json), wanted);
    }
    let left = alive(&test, &tokens).await;
    assert_eq!(left, ["write", "read_site", "read", "credentials"]);
    // OpenBao refuses it.
    let stored = format!("vendor-a-store/{SITE}");
    let call = test.bao(Method::POST, &stored, &doomed.text_of("token"));
    assert_eq!(call.json(&json!({ "a": "b" })).send().await.status, 403);
    let told = events(&test, "token.revoked").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["actor"], "vendor");
    assert_eq!(told[0]["details"]["reason"], "asked for");
    let asked = events(&test, "token.revocation_asked").await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["issuance_id"], told[0]["issuance_id"]);
    assert_eq!(asked[0]["client_address"], "127.0.0.1");
    let unknown = "/api/issuances/0194fdc2-fa2f-7cc0-81d3-ff12045b73c8";
    for path in [unknown, "/api/issuances/x", "/api/issuances/revoke"] {
        let call = test.delete(path).bearer(&vendor.private_key);
        let status = call.send().await.status;
        assert!(matches!(status, 404 | 405), "{path}: {status}");
    }
}

#[tokio::test]
async fn filters_end_what_they_mean_and_nothing_else() {
    let (test, vendor) = start().await;
    let other = test.vendor("vendor-b").await;
    let theirs = ask(&test, &other, &json!({ "secretId": SITE })).await;
    let theirs = theirs.text_of("token");
    let tokens = each(&test, &vendor).await;
    assert_eq!(ended(&test, &vendor, json!({ "site": SITE })).await, 2);
    assert_eq!(
        alive(&test, &tokens).await,
        ["write", "read", "credentials"]
    );
    assert_eq!(ended(&test, &vendor, json!({ "kind": "read" })).await, 1);
    assert_eq!(
        ended(&test, &vendor, json!({ "caller": "public-key" })).await,
        1
    );
    assert_eq!(alive(&test, &tokens).await, ["credentials"]);
    // Before a time: what comes after it lives on.
    let time = test.app.clock.now();
    test.app.clock.advance(10);
    let later = ask(&test, &vendor, &json!({})).await.text_of("token");
    assert_eq!(
        ended(&test, &vendor, json!({ "issuedBefore": time })).await,
        1
    );
    assert!(alive(&test, &tokens).await.is_empty());
    assert!(test.is_alive(&later).await);
    assert_eq!(ended(&test, &vendor, json!({ "all": true })).await, 1);
    assert_eq!(ended(&test, &vendor, json!({ "all": true })).await, 0);
    assert!(!test.is_alive(&later).await);
    assert!(test.is_alive(&theirs).await);

    let asked = events(&test, "tokens.revocation_asked").await;
    let counts: Vec<&Value> = asked.iter().map(|e| &e["details"]["count"]).collect();
    assert_eq!(counts, [2, 1, 1, 1, 1, 0]);
    assert_eq!(asked[0]["details"]["filter"]["site"], SITE);
    assert_eq!(asked[0]["secret_id"], SITE);
    assert_eq!(events(&test, "token.revoked").await.len(), 6);
}

#[tokio::test]
async fn tokens_are_told_by_key_address_and_time() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let test = TestApp::start_at(place, config).await;
    let (vendor, other) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let from = async |vendor: &TestVendor, address: &str| {
        let call = test.post("/api/site").bearer(&vendor.public_key);
        let answer = call.header("x-forwarded-for", address).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text_of("token")
    };
    for address in [
        "198.51.100.7",
        "::ffff:198.51.100.8",
        "2001:db8::1",
        "203.0.113.9",
    ] {
        from(&vendor, address).await;
    }
    let theirs = from(&other, "198.51.100.7").await;
    let dry = async |mut body: Value| {
        body["dryRun"] = json!(true);
        let answer = revoke(&test, &vendor.private_key, "/api/issuances", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json["ending"], 0);
        answer.json["matched"].as_u64().unwrap()
    };
    let by = |address: &str| json!({ "clientAddress": address });
    for (address, matched) in [
        ("198.51.100.7", 1),
        ("198.51.100.0/24", 2),
        ("::ffff:198.51.100.8", 1),
        ("0.0.0.0/0", 3),
        ("2001:db8::/32", 1),
        ("192.0.2.1", 0),
    ] {
        assert_eq!(dry(by(address)).await, matched, "{address}");
    }
    let listed = "/api/issuances?clientAddress=198.51.100.0/24";
    let listed = test.get(listed).bearer(&vendor.private_key).send().await;
    assert_eq!(
        listed.json["items"].as_array().unwrap().len(),
        2,
        "{listed:?}"
    );
    for wrong in ["198.51.100.7/24", "localhost", "", "198.51.100.0/33"] {
        let refused = revoke(&test, &vendor.private_key, "/api/issuances", by(wrong)).await;
        refused.expect_problem(422, "invalid_field");
        assert_eq!(refused.json["errors"][0]["pointer"], "/clientAddress");
    }
    let key = json!({ "publicKey": vendor.public_key });
    assert_eq!(dry(key.clone()).await, 4);
    // Another vendor's key means none of one's own, and none of theirs.
    assert_eq!(dry(json!({ "publicKey": other.public_key })).await, 0);
    let forged = json!({ "publicKey": "pk_0000000000000000" });
    let refused = revoke(&test, &vendor.private_key, "/api/issuances", forged).await;
    refused.expect_problem(422, "invalid_field");
    let time = test.app.clock.now();
    test.app.clock.advance(10);
    from(&vendor, "203.0.113.9").await;
    assert_eq!(dry(json!({ "issuedAfter": time })).await, 1);
    assert_eq!(live_tokens(&test).await.len(), 6);
    assert_eq!(
        ended(&test, &vendor, json!({ "issuedAfter": time })).await,
        1
    );
    assert_eq!(ended(&test, &vendor, by("198.51.100.0/24")).await, 2);
    assert_eq!(ended(&test, &vendor, key).await, 2);
    assert!(test.is_alive(&theirs).await);
}

#[tokio::test]
async fn too_wide_a_filter_must_be_meant() {
    let (test, vendor) = start().await;
    let token = ask(&test, &vendor, &json!({})).await.text_of("token");
    for body in [json!({}), json!({ "all": false }), json!({ "site": null })] {
        let refused = revoke(&test, &vendor.private_key, "/api/issuances", body).await;
        refused.expect_problem(422, "invalid_field");
    }
    for body in [
        json!({ "state": "live" }),
        json!({ "kind": "root" }),
        json!({ "caller": "" }),
        json!({ "issuedBefore": 1 }),
        json!({ "issuedBefore": "9999-01-01T00:00:00Z" }),
        json!({ "site": "x" }),
    ] {
        let refused = revoke(&test, &vendor.private_key, "/api/issuances", body).await;
        refused.expect_problem(422, "invalid_field");
    }
    let everywhere = "/api/admin/issuances";
    for body in [
        json!({}),
        json!({ "kind": "write" }),
        json!({ "site": SITE }),
    ] {
        let refused = revoke(&test, &test.operator, everywhere, body).await;
        refused.expect_problem(422, "invalid_field");
    }
    assert!(test.is_alive(&token).await);
    let other = test.vendor("vendor-b").await;
    let theirs = ask(&test, &other, &json!({ "secretId": SITE })).await;
    let body = json!({ "all": true, "kind": "write" });
    let answer = revoke(&test, &test.operator, everywhere, body).await;
    assert_eq!(answer.json["revoked"], 1, "{answer:?}");
    assert!(!test.is_alive(&token).await);
    assert!(test.is_alive(&theirs.text_of("token")).await);
    let body = json!({ "issuedBefore": test.app.clock.now() });
    revoke(&test, &test.operator, everywhere, body).await;
    assert!(!test.is_alive(&theirs.text_of("token")).await);
    let told = events(&test, "token.revoked").await;
    assert!(told.iter().all(|event| event["actor"] == "operator:test"));
}

#[tokio::test]
async fn what_the_service_uses_itself_is_brokered_again() {
    let (test, vendor) = start().await;
    let generic = json!({ "type": "generic", "a": "b" });
    test.credential(&vendor, "one", generic.clone()).await;
    let read = async || {
        let call = test.get("/api/credentials/one").bearer(&vendor.private_key);
        assert_eq!(call.send().await.status, 200);
    };
    read().await;
    assert!(ended(&test, &vendor, json!({ "all": true })).await >= 2);
    assert!(live_tokens(&test).await.is_empty());
    read().await;
    test.credential(&vendor, "two", generic).await;
}

#[tokio::test]
async fn without_openbao_the_end_is_queued_and_comes_once() {
    let place = Place::shared().await;
    let valve = Valve::to(&place.bao.addr).await;
    let mut config = place.config().await;
    config.bao.server.addr.clone_from(&valve.url);
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("vendor-a").await;
    let mut tokens = Vec::new();
    for site in [SITE, OTHER_SITE] {
        tokens.push(ask(&test, &vendor, &json!({ "secretId": site })).await);
    }
    valve.shut();
    let path = format!("/api/issuances/{}", tokens[0].text_of("issuanceId"));
    for _ in 0..2 {
        let answer = test.delete(&path).bearer(&vendor.private_key).send().await;
        let wanted = json!({ "revoked": false, "queued": true });
        assert_eq!((answer.status, &answer.json), (202, &wanted));
    }
    let shown = test.get(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(shown.json["state"], "ending");
    for _ in 0..2 {
        let body = json!({ "all": true });
        let answer = revoke(&test, &vendor.private_key, "/api/issuances", body).await;
        let wanted = json!({ "matched": 2, "revoked": 0, "queued": 2 });
        assert_eq!((answer.status, &answer.json), (202, &wanted));
    }
    let ending = "/api/issuances?state=ending";
    let listed = test.get(ending).bearer(&vendor.private_key).send().await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), 2);
    assert!(events(&test, "token.revoked").await.is_empty());
    valve.open();
    until("the tokens are dead", || async {
        test.app.clock.advance(16);
        test.pass("revoke_tokens").await;
        live_tokens(&test).await.is_empty()
    })
    .await;
    assert_eq!(events(&test, "token.revocation_asked").await.len(), 1);
    assert_eq!(events(&test, "token.revoked").await.len(), 2);
    let shown = test.get(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(shown.json["state"], "revoked");
}

/// `REVOKED_TOKENS` says how many.
#[tokio::test(flavor = "multi_thread")]
async fn many_tokens_are_ended_by_the_call_and_the_task_together() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let many = std::env::var("REVOKED_TOKENS").map_or(60, |many| many.parse().unwrap());
    let empty = json!({});
    let asked = stream::iter(0..many).map(|_| ask(&test, &vendor, &empty));
    let began = Instant::now();
    let asked: Vec<Answer> = asked.buffer_unordered(8).collect().await;
    figure(&format!(
        "{many} tokens handed out in {:?}",
        began.elapsed()
    ));
    assert!(asked.iter().all(|answer| answer.status == 200));
    let began = Instant::now();
    let body = json!({ "caller": "public-key" });
    let answer = revoke(&test, &vendor.private_key, "/api/issuances", body).await;
    figure(&format!(
        "answered in {:?}: {}",
        began.elapsed(),
        answer.json
    ));
    assert_eq!(answer.json["matched"], many);
    let young = ask(&test, &vendor, &json!({})).await;
    until("the tokens are dead", || async {
        test.app.clock.advance(5);
        test.pass("revoke_tokens").await;
        live_tokens_left(&test).await == 1
    })
    .await;
    figure(&format!("all dead after {:?}", began.elapsed()));
    assert!(test.is_alive(&young.text_of("token")).await);
    assert_eq!(events(&test, "token.revoked").await.len(), asked.len());
}

async fn live_tokens_left(test: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM issuances WHERE revoked_at IS NULL";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    row.get(0)
}
