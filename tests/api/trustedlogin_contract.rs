//! TrustedLogin's v1 from one end to the other: every call, and every status and body that its clients know.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::connector::TestConnector;
use crate::support::http::Answer;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope, login_attempt, message, seen};
use crate::support::wait::{change_vendor, until};
use crate::support::{TestApp, TestVendor};

const SITE: &str = "https://customer.example/wp";

struct Walk {
    test: TestApp,
    vendor: TestVendor,
    connector: TestConnector,
}

impl Walk {
    async fn client(&self, method: Method, path: &str, body: Value) -> Answer {
        let call = self.test.call(method, &format!("/api/v1/{path}"));
        call.bearer(&self.vendor.public_key)
            .json(&body)
            .send()
            .await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.client(Method::POST, path, body).await
    }

    async fn connector_of(&self, who: &TestVendor, path: &str, body: Value) -> Answer {
        let call = self.test.post(&format!("/api/v1/{path}"));
        call.trusted_login(who).json(&body).send().await
    }

    /// Of the vendor's Connector, below its account.
    async fn ask(&self, path: &str, body: Value) -> Answer {
        let path = format!("accounts/{}{path}", self.vendor.id);
        self.connector_of(&self.vendor, &path, body).await
    }

    async fn search(&self, keys: Value) -> Answer {
        self.ask("/sites/", json!({ "searchKeys": keys })).await
    }

    async fn open(&self, id: &str) -> Answer {
        let (nonce, signed) = self.connector.nonce();
        self.open_with(id, &nonce, &signed).await
    }

    async fn open_with(&self, id: &str, nonce: &str, signed: &str) -> Answer {
        let path = format!("sites/{}/{id}/get-envelope", self.vendor.id);
        let body =
            json!({ "user": { "id": 3, "name": "Ada" }, "nonce": nonce, "signedNonce": signed });
        self.connector_of(&self.vendor, &path, body).await
    }

    fn envelope(&self, expires_at: Value) -> Value {
        let mut body = envelope(&self.vendor, SECRET_ID, ACCESS_KEY);
        body["expiresAt"] = expires_at;
        body
    }

    async fn pause(&self, method: Method) {
        let call = self.test.call(method, "/api/support-pause");
        let call = call.bearer(&self.vendor.private_key);
        let answer = call.json(&json!({ "minutes": 5 })).send().await;
        assert_eq!(answer.status, 200);
    }
}

fn expect(answer: &Answer, status: u16, body: &Value) {
    assert_eq!((answer.status, &answer.json), (status, body), "{answer:?}");
}

async fn start() -> Walk {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let connector = TestConnector::start().await;
    Walk {
        test,
        vendor,
        connector,
    }
}

#[tokio::test]
async fn account_is_verified() {
    let walk = start().await;
    let other = walk.test.vendor("vendor-b").await;
    let body = json!({ "api_endpoint": walk.connector.endpoint });
    let account = json!({
        "id": walk.vendor.id, "name": "A Vendor", "status": "active",
        "publicKey": walk.vendor.public_key, "namespace": "gravityview",
    });
    expect(&walk.ask("", body.clone()).await, 200, &account);
    for path in [
        format!("accounts/{}", walk.vendor.id),
        "accounts/0".to_owned(),
    ] {
        let forged = TestVendor {
            private_key: other.private_key.clone(),
            ..walk.vendor.clone()
        };
        let refused = walk.connector_of(&forged, &path, body.clone()).await;
        refused.expect_refusal(403, "credentials_invalid");
    }
    let theirs = format!("accounts/{}", walk.vendor.id);
    let refused = walk.connector_of(&other, &theirs, body.clone()).await;
    refused.expect_refusal(404, "not_found");
    let bad = walk
        .ask("", json!({ "api_endpoint": "vendor.example" }))
        .await;
    bad.expect_refusal(422, "invalid_field");
    let unpaid = |vendor: &gatehouse::vendors::Vendor| {
        vendor.profile.subscription == gatehouse::vendors::Subscription::Unpaid
    };
    change_vendor(&walk.test, &walk.vendor, "subscription = 'unpaid'", unpaid).await;
    let calls = [
        walk.ask("", body).await,
        walk.post("sites", walk.envelope(json!(0))).await,
        walk.search(json!([ACCESS_KEY])).await,
        walk.open(SECRET_ID).await,
    ];
    for refused in calls {
        refused.expect_refusal(402, "subscription_unpaid");
    }
}

#[tokio::test]
async fn site_is_stored_found_opened_and_removed() {
    let walk = start().await;
    let stored = json!({ "success": true, "siteId": SECRET_ID });
    for (path, end) in [
        ("sites", json!(false)),
        ("sites/", json!(0)),
        ("sites", Value::Null),
    ] {
        expect(&walk.post(path, walk.envelope(end)).await, 201, &stored);
    }
    let other_key = envelope(&walk.vendor, SECRET_ID, &"c".repeat(64));
    let refused = walk.post("sites", other_key).await;
    refused.expect_refusal(422, "invalid_field");
    let refused = walk.post("sites", json!({})).await;
    refused.expect_refusal(422, "invalid_field");
    let said = &refused.json["errors"]["identifier"];
    assert_eq!(said, &json!(["The identifier field is required."]));
    let nobody = walk.test.post("/api/v1/sites").json(&json!({})).send();
    nobody.await.expect_refusal(401, "credentials_missing");

    let found = json!({ ACCESS_KEY: [SECRET_ID] });
    expect(
        &walk.search(json!([ACCESS_KEY, "d".repeat(64)])).await,
        200,
        &found,
    );
    let nothing = walk.search(json!(["d".repeat(64)])).await;
    assert_eq!((nothing.status, nothing.text.as_str()), (204, ""));
    let refused = walk.search(json!("x")).await;
    refused.expect_refusal(422, "invalid_field");

    // The Connector has not said where it answers; then it has.
    let silent = walk.open(SECRET_ID).await;
    silent.expect_refusal(424, "connector_key_unavailable");
    assert!(silent.text_of("message").contains("not named"));
    let endpoint = json!({ "api_endpoint": walk.connector.endpoint });
    assert_eq!(walk.ask("", endpoint).await.status, 200);
    let (nonce, signed) = walk.connector.nonce();
    let opened = walk.open_with(SECRET_ID, &nonce, &signed).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let sent = walk.envelope(Value::Null);
    let expected = json!({
        "identifier": sent["identifier"], "siteUrl": sent["siteUrl"], "publicKey": sent["clientPublicKey"],
        "nonce": sent["nonce"], "metaData": [], "signature": opened.json["signature"],
    });
    assert_eq!(opened.json, expected);
    let replayed = walk.open_with(SECRET_ID, &nonce, &signed).await;
    replayed.expect_refusal(403, "nonce_refused");
    let unknown = walk.open(&"e".repeat(32)).await;
    unknown.expect_refusal(404, "not_found");

    walk.pause(Method::PUT).await;
    walk.search(json!([ACCESS_KEY]))
        .await
        .expect_refusal(423, "support_paused");
    walk.open(SECRET_ID)
        .await
        .expect_refusal(423, "support_paused");
    expect(
        &walk.post("sites", walk.envelope(json!(0))).await,
        201,
        &stored,
    );
    walk.pause(Method::DELETE).await;

    let path = format!("sites/{SECRET_ID}");
    let removed = walk.client(Method::DELETE, &path, Value::Null).await;
    expect(&removed, 201, &json!({ "deleted": true }));
    let unknown = json!({ "deleted": false, "reason": "unknown_secret_id" });
    let again = walk.client(Method::DELETE, &path, Value::Null).await;
    expect(&again, 200, &unknown);
    walk.open(SECRET_ID).await.expect_refusal(404, "not_found");
}

#[tokio::test]
async fn log_in_is_verified_and_reported() {
    let walk = start().await;
    let endpoint = json!({ "api_endpoint": walk.connector.endpoint });
    assert_eq!(walk.ask("", endpoint).await.status, 200);
    let end = walk.test.app.clock.now().as_second() + 3600;
    assert_eq!(
        walk.post("sites", walk.envelope(json!(end))).await.status,
        201
    );
    let verify = format!("sites/{SECRET_ID}/verify-identifier");
    let verified = walk.post(&verify, seen(SITE)).await;
    expect(&verified, 200, &json!({ "verified": true }));
    let unknown = format!("sites/{}/verify-identifier", "e".repeat(32));
    walk.post(&unknown, seen(SITE))
        .await
        .expect_refusal(404, "not_found");

    let report = walk.post("report-brute-force", seen(SITE)).await;
    expect(&report, 200, &json!({ "success": true }));
    let attempts = format!("sites/{SECRET_ID}/login-attempts");
    let kept = walk.post(&attempts, login_attempt()).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    assert!(kept.text_of("id").starts_with("lpat_"));
    let refused = walk.post(&attempts, json!({ "code": "other" })).await;
    refused.expect_refusal(422, "invalid_field");
    let fields: Vec<&String> = refused.json["errors"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["attempted_at", "client_site_url", "code"]);

    // Its time is over: known to its vendor still, and to nobody of use.
    walk.test.app.clock.advance(3601);
    walk.post(&verify, seen(SITE))
        .await
        .expect_refusal(410, "site_expired");
    walk.open(SECRET_ID)
        .await
        .expect_refusal(410, "site_expired");
    assert_eq!(walk.search(json!([ACCESS_KEY])).await.status, 204);

    let mut last = kept;
    for _ in 0..200 {
        last = walk.post(&attempts, login_attempt()).await;
        if last.status == 429 {
            break;
        }
    }
    last.expect_refusal(429, "rate_limited");
    assert!(last.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn messages_reach_the_connector() {
    let walk = start().await;
    let path = format!("accounts/{}/messages", walk.vendor.id);
    let posted = walk.post(&path, message("sealed")).await;
    let at = posted.json["created_at"].clone();
    expect(&posted, 201, &json!({ "id": 1, "created_at": at }));
    let refused = walk
        .post(&path, json!({ "envelope": "x".repeat(64 * 1024 + 1) }))
        .await;
    assert!([413, 422].contains(&refused.status), "{refused:?}");
    let list = walk.test.get(&format!("/api/v1/{path}?since={at}"));
    let list = list.trusted_login(&walk.vendor).send().await;
    let sent = message("sealed");
    let expected = json!([{
        "id": 1, "account_id": walk.vendor.id, "envelope": "sealed", "nonce": sent["nonce"],
        "sender_public_key": sent["client_public_key"], "key_fingerprint": sent["key_fingerprint"],
        "action": sent["action"], "ref": null, "access_key_fingerprint": sent["access_key_fingerprint"],
        "created_at": at,
    }]);
    expect(&list, 200, &expected);
    let one = format!("/api/v1/{path}/1");
    let delete = || walk.test.delete(&one).trusted_login(&walk.vendor).send();
    expect(&delete().await, 200, &json!({ "deleted": true }));
    let gone = json!({ "deleted": false, "reason": "unknown_message_id" });
    expect(&delete().await, 200, &gone);
}

#[tokio::test]
async fn keys_are_published_and_removal_is_queued() {
    let walk = start().await;
    let key = walk
        .test
        .get("/api/v1/envelope-signing-pubkey")
        .send()
        .await;
    assert_eq!(key.status, 200);
    assert_eq!(hex::decode(key.text_of("publicKey")).unwrap().len(), 32);

    // Something of the site is still being stored: OpenBao is to follow.
    assert_eq!(
        walk.post("sites", walk.envelope(json!(0))).await.status,
        201
    );
    let storing =
        "UPDATE sites SET storing_by = gen_random_uuid(), storing_until = now() + interval '40 s'";
    walk.test.sql().await.batch_execute(storing).await.unwrap();
    let path = format!("sites/{SECRET_ID}");
    let queued = walk.client(Method::DELETE, &path, Value::Null).await;
    expect(&queued, 202, &json!({ "deleted": false, "queued": true }));
    assert_eq!(walk.search(json!([ACCESS_KEY])).await.status, 204);
    walk.test.app.clock.advance(120);
    until("the removal", async || {
        walk.test.pass("remove_sites").await;
        let again = walk.client(Method::DELETE, &path, Value::Null).await;
        again.json["reason"] == "unknown_secret_id"
    })
    .await;
}
