//! What vendors say of the tokens handed out in their names.

use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger::{ask, live_tokens};
use crate::ledger_events::events;
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";

async fn say(test: &TestApp, vendor: &TestVendor, body: Value) -> Answer {
    let call = test.call(Method::PATCH, "/api/token-settings");
    let call = call.bearer(&vendor.private_key).json(&body);
    call.send().await
}

async fn said(test: &TestApp, vendor: &TestVendor, body: Value) {
    let answer = say(test, vendor, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn tokens_get_what_their_vendor_says() {
    let test = TestApp::start().await;
    let (vendor, other) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let body = json!({ "kinds": {
        "write": { "ttl": 600, "maxTtl": 7200, "uses": 4 },
        "read": { "maxTtl": 300 },
        "credentials": { "ttl": 900 },
    } });
    said(&test, &vendor, body).await;
    let token = ask(&test, &vendor, &json!({})).await;
    let kept = [
        &token.json["ttl"],
        &token.json["maxTtl"],
        &token.json["uses"],
    ];
    assert_eq!(kept, [600, 7200, 4]);
    let of_site = ask(&test, &vendor, &json!({ "secretId": SITE })).await;
    assert_eq!(of_site.json["ttl"], 604_800);
    let theirs = ask(&test, &other, &json!({})).await;
    assert_eq!(
        (&theirs.json["ttl"], &theirs.json["uses"]),
        (&json!(604_800), &Value::Null)
    );
    let read = test.post("/sites/token").bearer(&vendor.private_key);
    let read = read.send().await;
    assert_eq!(
        (&read.json["ttl"], &read.json["maxTtl"]),
        (&json!(300), &json!(300))
    );
    let credentials = test
        .post("/api/credentials/token")
        .bearer(&vendor.private_key);
    assert_eq!(credentials.send().await.json["ttl"], 900);
    // Within that, and no further.
    for (wish, status) in [
        (json!({ "ttl": 7200 }), 200),
        (json!({ "ttl": 7201 }), 422),
        (json!({ "maxTtl": 7201 }), 422),
        (json!({ "uses": 4 }), 200),
        (json!({ "uses": 5 }), 422),
    ] {
        assert_eq!(ask(&test, &vendor, &wish).await.status, status, "{wish}");
    }
    let body = json!({ "kinds": { "write": { "ttl": null, "maxTtl": null, "uses": null } } });
    said(&test, &vendor, body).await;
    let token = ask(&test, &vendor, &json!({})).await;
    assert_eq!(
        (&token.json["ttl"], &token.json["uses"]),
        (&json!(604_800), &Value::Null)
    );
    let told = events(&test, "vendor.token_settings_changed").await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["details"]["settings"]["kinds"]["write"]["uses"], 4);
    assert_eq!(
        told[1]["details"]["settings"]["kinds"]["write"],
        Value::Null
    );
}

#[tokio::test]
async fn vendor_says_nothing_beyond_its_kinds() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let kind = |kind: &str, says: Value| json!({ "kinds": { kind: says } });
    for (body, pointer) in [
        (kind("write", json!({ "ttl": 59 })), "/kinds/write/ttl"),
        (
            kind("write", json!({ "maxTtl": 2_419_201 })),
            "/kinds/write/maxTtl",
        ),
        (kind("read", json!({ "ttl": 604_801 })), "/kinds/read/ttl"),
        (
            kind("read", json!({ "ttl": 301, "maxTtl": 300 })),
            "/kinds/read/ttl",
        ),
        (kind("write", json!({ "uses": 0 })), "/kinds/write/uses"),
        (
            kind("write", json!({ "uses": 10_001 })),
            "/kinds/write/uses",
        ),
        (kind("write", json!({ "ttl": "1h" })), "/kinds/write/ttl"),
        (kind("write", json!({ "ttl": -1 })), "/kinds/write/ttl"),
        (kind("purge", json!({ "ttl": 60 })), "/kinds"),
        (kind("delete", json!({})), "/kinds"),
        (kind("root", json!({})), "/kinds"),
        (json!({ "wrap": { "minTtl": 29 } }), "/wrap"),
        (json!({ "wrap": { "maxTtl": 3601 } }), "/wrap"),
        (json!({ "wrap": { "minTtl": 600, "maxTtl": 60 } }), "/wrap"),
        (json!({ "giveBack": 1 }), "/giveBack"),
        (json!({ "leaseCap": 1 }), "/leaseCap"),
    ] {
        let answer = say(&test, &vendor, body.clone()).await;
        answer.expect_problem(422, "invalid_field");
        assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{body}");
    }
    let shown = test.get("/api/token-settings").bearer(&vendor.private_key);
    let shown = shown.send().await;
    assert_eq!(shown.json["kinds"]["write"]["said"]["ttl"], Value::Null);
    assert_eq!(shown.json["kinds"]["write"]["ttl"], 604_800);
    assert_eq!(
        shown.json["wrap"],
        json!({ "only": false, "minTtl": 30, "maxTtl": 3600 })
    );
    assert_eq!(shown.json["giveBack"], false);
    assert!(
        events(&test, "vendor.token_settings_changed")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn client_plugins_get_wrapped_tokens_only_where_the_vendor_says_so() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    said(
        &test,
        &vendor,
        json!({ "wrap": { "only": true, "minTtl": 60, "maxTtl": 300 } }),
    )
    .await;
    for body in [json!({}), json!({ "secretId": SITE })] {
        ask(&test, &vendor, &body)
            .await
            .expect_problem(403, "wrap_required");
    }
    let with_token = json!({ "secretId": SITE, "withToken": true });
    let call = test
        .post("/sites")
        .bearer(&vendor.public_key)
        .json(&with_token);
    call.send().await.expect_problem(403, "wrap_required");
    // As the plugins of 2019 do, who cannot unwrap.
    let in_body = json!({ "keyStoreID": SITE, "publicKey": vendor.public_key });
    let answer = test.post("/sites").json(&in_body).send().await;
    answer.expect_problem(403, "wrap_required");
    assert!(live_tokens(&test).await.is_empty());
    for (seconds, status) in [(59, 422), (60, 200), (300, 200), (301, 422)] {
        let answer = ask(&test, &vendor, &json!({ "wrapTtl": seconds })).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let body = json!({ "secretId": SITE, "withToken": true, "wrapTtl": 60 });
    let call = test.post("/sites").bearer(&vendor.public_key).json(&body);
    let answer = call.send().await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json["token"], Value::Null);
    let unwrapped = test.bao(
        Method::POST,
        "sys/wrapping/unwrap",
        &answer.text_of("wrapToken"),
    );
    let token = unwrapped.send().await;
    let token = token.json["auth"]["client_token"]
        .as_str()
        .unwrap()
        .to_owned();
    test.keep_secret(&token);
    let write = test.bao(Method::POST, &format!("vendor-a-store/{SITE}"), &token);
    assert_eq!(write.json(&json!({ "a": "b" })).send().await.status, 204);
    // The vendor itself is no client plugin.
    let call = test.post("/api/site").bearer(&vendor.private_key);
    assert_eq!(call.send().await.status, 200);
    let body = json!({
        "vendor": "vendor-a", "caller": { "kind": "public-key" }, "token": { "kind": "write" },
    });
    let call = test.post("/api/admin/explain").bearer(&test.operator);
    let why = call.json(&body).send().await;
    assert_eq!(why.json["decidedBy"]["rule"], "wrapping", "{why:?}");
    assert_eq!(why.json["decidedBy"]["code"], "wrap_required");
}

#[tokio::test]
async fn token_of_a_site_is_given_back_when_it_is_registered() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let register = async |body: Value| {
        let call = test.post("/sites").bearer(&vendor.public_key).json(&body);
        call.send().await
    };
    let of_site = |id: &str| json!({ "secretId": id });
    // Off at first.
    let kept = ask(&test, &vendor, &of_site("kept-site-0123456")).await;
    assert_eq!(register(of_site("kept-site-0123456")).await.status, 201);
    assert!(test.is_alive(&kept.text_of("token")).await);
    said(&test, &vendor, json!({ "giveBack": true })).await;
    let token = ask(&test, &vendor, &of_site(SITE)).await;
    let another = ask(&test, &vendor, &of_site("another-site-0123")).await;
    let store_wide = ask(&test, &vendor, &json!({})).await;
    let path = format!("vendor-a-store/{SITE}");
    let written = test.bao(Method::POST, &path, &token.text_of("token"));
    assert_eq!(written.json(&json!({ "a": "b" })).send().await.status, 204);
    // A registration that is refused takes nothing.
    let unknown = json!({ "secretId": SITE, "issuanceId": "0194fdc2-fa2f-7cc0-81d3-ff12045b73c8" });
    assert_eq!(register(unknown).await.status, 409);
    assert!(test.is_alive(&token.text_of("token")).await);
    let mut body = of_site(SITE);
    body["issuanceId"] = token.json["issuanceId"].clone();
    assert_eq!(register(body).await.status, 201);
    assert!(!test.is_alive(&token.text_of("token")).await);
    for other in [&another, &store_wide, &kept] {
        assert!(test.is_alive(&other.text_of("token")).await);
    }
    let told = events(&test, "token.revoked").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["details"]["reason"], "given back");
    // The token that comes with a registration is for what comes after it.
    let mut body = of_site("another-site-0123");
    body["withToken"] = json!(true);
    let with_token = register(body).await.text_of("token");
    assert!(test.is_alive(&with_token).await);
    assert!(!test.is_alive(&another.text_of("token")).await);
}
