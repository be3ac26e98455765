//! TrustedLogin's v1: envelopes are stored, found and removed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::receiver::Receiver;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope};
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};

pub async fn store(test: &TestApp, vendor: &TestVendor, body: &Value) -> Answer {
    let call = test.post("/api/v1/sites").bearer(&vendor.public_key);
    call.json(body).send().await
}

pub async fn find(test: &TestApp, vendor: &TestVendor, keys: Value) -> Answer {
    let path = format!("/api/v1/accounts/{}/sites/", vendor.id);
    let call = test.post(&path).trusted_login(vendor);
    call.json(&json!({ "searchKeys": keys })).send().await
}

pub async fn remove(test: &TestApp, vendor: &TestVendor, secret_id: &str) -> Answer {
    let path = format!("/api/v1/sites/{secret_id}");
    test.delete(&path).bearer(&vendor.public_key).send().await
}

pub async fn in_openbao(test: &TestApp, secret_id: &str) -> Answer {
    let path = format!("gravityview-store/{secret_id}");
    test.bao_root(Method::GET, &path).send().await
}

#[tokio::test]
async fn envelope_is_stored_found_and_removed() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    let stored = store(&test, &vendor, &body).await;
    assert_eq!(stored.status, 201, "{stored:?}");
    assert_eq!(stored.json, json!({ "success": true, "siteId": SECRET_ID }));
    let kept = in_openbao(&test, SECRET_ID).await.json["data"].clone();
    let fields = kept.as_object().unwrap();
    assert!(fields.values().all(Value::is_string), "{kept}");
    assert_eq!(kept["identifier"], body["identifier"]);
    assert_eq!(kept["metaData"], "[]");
    let dump = test.dump().await;
    for secret in ["identifier", "nonce", "clientPublicKey", "accessKey"] {
        let secret = body[secret].as_str().unwrap();
        assert!(!dump.contains(secret), "{secret}");
    }
    let found = find(&test, &vendor, json!([ACCESS_KEY, "f".repeat(64)])).await;
    assert_eq!(found.status, 200);
    assert_eq!(found.json, json!({ ACCESS_KEY: [SECRET_ID] }));
    assert_eq!(remove(&test, &vendor, SECRET_ID).await.status, 201);
    assert_eq!(in_openbao(&test, SECRET_ID).await.status, 404);
    assert_eq!(find(&test, &vendor, json!([ACCESS_KEY])).await.status, 204);
    for id in [SECRET_ID, "never-was-there-01", "NO"] {
        let again = remove(&test, &vendor, id).await;
        let unknown = json!({ "deleted": false, "reason": "unknown_secret_id" });
        assert_eq!((again.status, again.json), (200, unknown), "{id}");
    }
}

#[tokio::test]
async fn same_access_key_extends_and_another_is_refused() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let mut body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    body["expiresAt"] = json!(test.app.clock.now().as_second() + 3600);
    body["metaData"] = json!({ "reference_id": "7", "nested": { "a": [1.5, {}] } });
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    let end = test.app.clock.now().as_second() + 7200;
    body["expiresAt"] = json!(end);
    body["identifier"] = json!("YW5vdGhlcg==");
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    let kept = in_openbao(&test, SECRET_ID).await.json["data"].clone();
    assert_eq!(kept["identifier"], "YW5vdGhlcg==");
    let labels: Value = serde_json::from_str(kept["metaData"].as_str().unwrap()).unwrap();
    // As PHP has them, which knows no empty object.
    let labels_of_php = json!({ "reference_id": "7", "nested": { "a": [1.5, []] } });
    assert_eq!(labels, labels_of_php);
    let shown = test.get(&format!("/sites/{SECRET_ID}"));
    let shown = shown.bearer(&vendor.private_key).send().await;
    let at: jiff::Timestamp = shown.text_of("expiresAt").parse().unwrap();
    assert_eq!(at.as_second(), end);
    let forged = envelope(&vendor, SECRET_ID, &"a".repeat(64));
    for key in [&vendor.public_key, &vendor.private_key] {
        let call = test.post("/api/v1/sites/").bearer(key);
        let refused = call.json(&forged).send().await;
        refused.expect_refusal(422, "invalid_field");
        assert!(refused.json["errors"]["accessKey"].is_array());
    }
    let kept = in_openbao(&test, SECRET_ID).await.json["data"].clone();
    assert_eq!(kept["identifier"], "YW5vdGhlcg==");
    let actions =
        "SELECT string_agg(action, ' ' ORDER BY id) FROM events WHERE action LIKE 'site.%'";
    let actions: String = test
        .sql()
        .await
        .query_one(actions, &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(actions, "site.registered site.extended");
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let empty = store(&test, &vendor, &json!({})).await;
    empty.expect_refusal(422, "invalid_field");
    let required = [
        "secretId",
        "identifier",
        "siteUrl",
        "publicKey",
        "accessKey",
        "nonce",
        "clientPublicKey",
    ];
    for field in required {
        let said = &empty.json["errors"][field][0];
        assert_eq!(said, &format!("The {field} field is required."));
    }
    assert_eq!(
        empty.json["errors"].as_object().unwrap().len(),
        required.len()
    );
    let other = test.vendor("gravityforms").await;
    let cases = [
        ("secretId", json!("SHORT")),
        ("secretId", json!("../../sys/policy/x")),
        ("identifier", json!("not base64!")),
        ("identifier", json!(7)),
        ("identifier", json!("QQ==".repeat(2000))),
        ("siteUrl", json!("javascript:alert(1)")),
        ("siteUrl", json!("https://u:p@customer.example")),
        ("publicKey", json!(other.public_key)),
        ("publicKey", json!("pk_1")),
        ("accessKey", json!("short")),
        ("accessKey", json!("é".repeat(64))),
        ("nonce", json!("0a".repeat(23))),
        ("nonce", json!("0a".repeat(25))),
        ("nonce", json!("zz".repeat(24))),
        ("clientPublicKey", json!("0b".repeat(31))),
        ("clientPublicKey", json!("00".repeat(32))),
        ("wpUserId", json!("1")),
        ("wpUserId", json!(-1)),
        ("wpUserId", json!(1.5)),
        ("expiresAt", json!(1)),
        ("expiresAt", json!(-1)),
        ("expiresAt", json!(1_764_000_000_000_i64)),
        ("expiresAt", json!("tomorrow")),
        ("expiresAt", json!(true)),
        ("version", json!(["1"])),
        ("metaData", json!("x")),
        ("metaData", json!(7)),
        ("metaData", json!({ "a": "x".repeat(17_000) })),
        ("metaData", json!({ "a": "\0" })),
    ];
    for (field, value) in cases {
        let mut body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
        body[field] = value.clone();
        let refused = store(&test, &vendor, &body).await;
        refused.expect_refusal(422, "invalid_field");
        assert!(refused.json["errors"][field].is_array(), "{field} {value}");
        assert!(!refused.text.contains("0b0b0b"), "{refused:?}");
    }
    let number = "SELECT count(*) FROM sites";
    let number: i64 = test
        .sql()
        .await
        .query_one(number, &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(number, 0);
    assert_eq!(in_openbao(&test, SECRET_ID).await.status, 404);
    // What newer plugins may send besides is not looked at.
    let mut body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    body["somethingNew"] = json!({ "a": 1 });
    body["expiresAt"] = Value::Null;
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
}

#[tokio::test]
async fn vendors_see_and_store_their_own_only() {
    let test = TestApp::start().await;
    let (a, b) = (
        test.vendor("gravityview").await,
        test.vendor("vendor-b").await,
    );
    store(&test, &a, &envelope(&a, SECRET_ID, ACCESS_KEY)).await;
    assert_eq!(find(&test, &b, json!([ACCESS_KEY])).await.status, 204);
    let path = format!("/api/v1/accounts/{}/sites", a.id);
    let keys = json!({ "searchKeys": [ACCESS_KEY] });
    let other = test.post(&path).trusted_login(&b).json(&keys).send().await;
    other.expect_refusal(404, "not_found");
    let public = test.post(&path).bearer(&a.public_key).json(&keys);
    public
        .send()
        .await
        .expect_refusal(403, "caller_not_allowed");
    let unknown = remove(&test, &b, SECRET_ID).await;
    assert_eq!(
        (unknown.status, &unknown.json["deleted"]),
        (200, &json!(false))
    );
    assert_eq!(in_openbao(&test, SECRET_ID).await.status, 200);
    // The same id is another site with another vendor.
    store(&test, &b, &envelope(&b, SECRET_ID, &"b".repeat(64))).await;
    assert_eq!(find(&test, &a, json!([ACCESS_KEY])).await.status, 200);
    test.post("/api/v1/sites")
        .json(&keys)
        .send()
        .await
        .expect_refusal(401, "credentials_missing");
}

#[tokio::test]
async fn look_ups_match_exactly_and_oldest_first() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let ids = [
        "site-number-000001",
        "site-number-000002",
        "site-number-000003",
    ];
    for id in ids {
        assert_eq!(
            store(&test, &vendor, &envelope(&vendor, id, ACCESS_KEY))
                .await
                .status,
            201
        );
        test.app.clock.advance(1);
    }
    let found = find(&test, &vendor, json!([ACCESS_KEY, "no key", ""])).await;
    assert_eq!(found.json, json!({ ACCESS_KEY: ids }));
    for keys in [json!([]), json!(["no key"]), json!(["a".repeat(64)])] {
        assert_eq!(find(&test, &vendor, keys).await.status, 204);
    }
    for bad in [json!("x"), json!([1]), json!(null), json!({})] {
        find(&test, &vendor, bad)
            .await
            .expect_refusal(422, "invalid_field");
    }
    let many: Vec<String> = (0..101).map(|n| format!("{n:064}")).collect();
    find(&test, &vendor, json!(many))
        .await
        .expect_refusal(422, "invalid_field");
}

#[tokio::test]
async fn unpaid_and_paused_vendors_are_told_so() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    let set = async |change: &str| {
        let sql = format!("UPDATE vendors SET {change} WHERE id = {}", vendor.id);
        test.sql().await.batch_execute(&sql).await.unwrap();
    };
    set("support_paused_until = now() + interval '1 hour'").await;
    until("the pause", async || {
        find(&test, &vendor, json!([ACCESS_KEY])).await.status == 423
    })
    .await;
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    set("support_paused_until = NULL, subscription = 'unpaid'").await;
    until("the debt", async || {
        find(&test, &vendor, json!([ACCESS_KEY])).await.status == 402
    })
    .await;
    store(&test, &vendor, &body)
        .await
        .expect_refusal(402, "subscription_unpaid");
    assert_eq!(remove(&test, &vendor, SECRET_ID).await.status, 201);
}

#[tokio::test]
async fn webhooks_hear_of_sites() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let receiver = Receiver::start().await;
    test.hook(&vendor, &receiver.url).await;
    let mut body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    store(&test, &vendor, &body).await;
    store(&test, &vendor, &body).await;
    remove(&test, &vendor, SECRET_ID).await;
    body["expiresAt"] = json!(test.app.clock.now().as_second() + 60);
    store(&test, &vendor, &body).await;
    test.app.clock.advance(120);
    test.pass("remove_sites").await;
    until("four messages", async || {
        test.pass("deliver_webhooks").await;
        receiver.got().len() >= 4
    })
    .await;
    let mut said: Vec<String> = receiver.got().iter().map(|message| {
        let said = message.json();
        let data = json!({ "id": SECRET_ID, "account": vendor.id, "url": "https://customer.example/wp" });
        assert_eq!(said["data"], data);
        said["type"].as_str().unwrap().to_owned()
    }).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "site.created",
            "site.created",
            "site.deleted",
            "site.expired"
        ]
    );
}
