//! TrustedLogin's v1: envelopes are opened by Connectors that sign a nonce, and by nobody else.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::faults;
use crate::support::connector::TestConnector;
use crate::support::http::Answer;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope};
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};
use crate::trustedlogin_expiry::times;
use crate::trustedlogin_sites::store;

/// A vendor with a Connector and one site.
async fn granted(test: &TestApp) -> (TestVendor, TestConnector) {
    let vendor = test.vendor("gravityview").await;
    let connector = test.connector(&vendor).await;
    let mut body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    body["metaData"] =
        json!({ "name": "Ünï/7\u{2028}", "price": 1.0, "empty": {}, "list": [1, 2.5] });
    assert_eq!(store(test, &vendor, &body).await.status, 201);
    (vendor, connector)
}

pub async fn open(test: &TestApp, by: &TestVendor, path: &str, nonce: (String, String)) -> Answer {
    let call = test.post(&format!("/api/v1/sites/{path}/get-envelope"));
    let body =
        json!({ "user": { "id": 3, "name": "Ada" }, "nonce": nonce.0, "signedNonce": nonce.1 });
    call.trusted_login(by).json(&body).send().await
}

pub fn own(vendor: &TestVendor) -> String {
    format!("{}/{SECRET_ID}", vendor.id)
}

async fn count(test: &TestApp, sql: &str) -> i64 {
    test.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

const OPENED: &str = "SELECT count(*) FROM events WHERE action = 'envelope.opened'";

#[tokio::test]
async fn envelope_is_opened_signed_and_on_record() {
    let test = TestApp::start().await;
    let (vendor, connector) = granted(&test).await;
    let answer = open(&test, &vendor, &own(&vendor), connector.nonce()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let sent = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    assert_eq!(answer.json["identifier"], sent["identifier"]);
    assert_eq!(answer.json["siteUrl"], sent["siteUrl"]);
    assert_eq!(answer.json["publicKey"], sent["clientPublicKey"]);
    assert_eq!(answer.json["nonce"], sent["nonce"]);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["content-type"], "application/json");
    let names: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "identifier",
            "metaData",
            "nonce",
            "publicKey",
            "signature",
            "siteUrl"
        ]
    );
    let key = test.get("/api/v1/envelope-signing-pubkey").send().await;
    let key = hex::decode(key.text_of("publicKey")).unwrap();
    let signature = answer.text_of("signature");
    let signed = answer
        .text
        .replace(&format!(r#""signature":"{signature}","#), "");
    let holds = UnparsedPublicKey::new(&ED25519, key);
    holds
        .verify(signed.as_bytes(), &hex::decode(signature).unwrap())
        .unwrap();
    let sql = "SELECT details FROM events WHERE action = 'envelope.opened'";
    let told: Value = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(told["user"], json!({ "id": 3, "name": "Ada" }));
    assert!(told["openbaoRequestId"].is_string());
    let kinds = "SELECT string_agg(kind, ' ' ORDER BY kind) FROM issuances WHERE max_expires_at < now() + interval '11 minutes'";
    let kinds: String = test.sql().await.query_one(kinds, &[]).await.unwrap().get(0);
    assert_eq!(kinds, "store_read store_write");
}

#[tokio::test]
async fn nonce_is_good_once_whatever_came_of_it() {
    let test = TestApp::start().await;
    let (vendor, connector) = granted(&test).await;
    let nonce = connector.nonce();
    assert_eq!(
        open(&test, &vendor, &own(&vendor), nonce.clone())
            .await
            .status,
        200
    );
    open(&test, &vendor, &own(&vendor), nonce)
        .await
        .expect_refusal(403, "nonce_refused");
    let unknown = format!("{}/unknown-secret-id-1", vendor.id);
    let nonce = connector.nonce();
    open(&test, &vendor, &unknown, nonce.clone())
        .await
        .expect_refusal(404, "not_found");
    open(&test, &vendor, &own(&vendor), nonce)
        .await
        .expect_refusal(403, "nonce_refused");
    let forged = (connector.nonce().0, connector.nonce().1);
    open(&test, &vendor, &own(&vendor), forged)
        .await
        .expect_refusal(403, "nonce_refused");
    let empty = (String::new(), String::new());
    open(&test, &vendor, &own(&vendor), empty)
        .await
        .expect_refusal(403, "nonce_refused");
    let nonce = connector.nonce();
    let path = own(&vendor);
    let opening = (0..8).map(|_| open(&test, &vendor, &path, nonce.clone()));
    let answers = futures_util::future::join_all(opening).await;
    let opened = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((opened, count(&test, OPENED).await), (1, 2));
}

#[tokio::test]
async fn nobody_else_opens_it() {
    let test = TestApp::start().await;
    let (vendor, connector) = granted(&test).await;
    let other = test.vendor("vendor-b").await;
    let others = test.connector(&other).await;
    open(&test, &other, &own(&vendor), others.nonce())
        .await
        .expect_refusal(404, "not_found");
    let theirs = format!("{}/{SECRET_ID}", other.id);
    open(&test, &other, &theirs, others.nonce())
        .await
        .expect_refusal(404, "not_found");
    open(&test, &other, &theirs, connector.nonce())
        .await
        .expect_refusal(403, "nonce_refused");
    open(&test, &vendor, &own(&vendor), others.nonce())
        .await
        .expect_refusal(403, "nonce_refused");
    let call = test.post(&format!("/api/v1/sites/{}/get-envelope", own(&vendor)));
    let public = call
        .bearer(&vendor.public_key)
        .json(&json!({}))
        .send()
        .await;
    public.expect_refusal(403, "caller_not_allowed");
    assert_eq!(count(&test, OPENED).await, 0);
}

#[tokio::test]
async fn what_is_over_or_gone_is_removed_at_the_next_look() {
    let test = TestApp::start().await;
    let (vendor, connector) = granted(&test).await;
    let mut body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    body["expiresAt"] = json!(test.app.clock.now().as_second() + 60);
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    test.app.clock.advance(61);
    open(&test, &vendor, &own(&vendor), connector.nonce())
        .await
        .expect_refusal(410, "site_expired");
    let path = format!("gravityview-store/{SECRET_ID}");
    until("the removal", async || {
        let site = test.get(&format!("/sites/{SECRET_ID}"));
        let shown = site.bearer(&vendor.private_key).send().await;
        shown.status == 404 && test.bao_root(Method::GET, &path).send().await.status == 404
    })
    .await;
    open(&test, &vendor, &own(&vendor), connector.nonce())
        .await
        .expect_refusal(410, "site_expired");
    // Gone behind the service's back.
    body["expiresAt"] = Value::Null;
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    assert_eq!(
        test.bao_root(Method::DELETE, &path).send().await.status,
        204
    );
    test.app.clock.advance(120);
    open(&test, &vendor, &own(&vendor), connector.nonce())
        .await
        .expect_refusal(410, "site_expired");
    open(&test, &vendor, &own(&vendor), connector.nonce())
        .await
        .expect_refusal(404, "not_found");
}

#[tokio::test]
async fn repeated_envelope_that_cannot_be_put_on_record_is_not_answered() {
    let test = TestApp::start().await;
    let (vendor, connector) = granted(&test).await;
    let broken = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                      IF NEW.action = 'envelope.opened' THEN RAISE EXCEPTION USING ERRCODE = '53100'; END IF; RETURN NEW; END $$; \
                  CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse()";
    test.sql().await.batch_execute(broken).await.unwrap();
    for _ in 0..times(20) {
        let answer = open(&test, &vendor, &own(&vendor), connector.nonce()).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(!answer.text.contains("c2VhbGVk"));
    }
    let mended = "DROP TRIGGER refuse ON events";
    test.sql().await.batch_execute(mended).await.unwrap();
    assert_eq!(
        open(&test, &vendor, &own(&vendor), connector.nonce())
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn pause_debt_and_a_silent_connector_are_told_apart() {
    let test = TestApp::start().await;
    let (vendor, connector) = granted(&test).await;
    let set = async |change: &str, status: u16| {
        let sql = format!("UPDATE vendors SET {change} WHERE id = {}", vendor.id);
        test.sql().await.batch_execute(&sql).await.unwrap();
        until("the change", async || {
            open(&test, &vendor, &own(&vendor), connector.nonce())
                .await
                .status
                == status
        })
        .await;
    };
    set("support_paused_until = now() + interval '1 hour'", 423).await;
    set("support_paused_until = NULL, subscription = 'unpaid'", 402).await;
    set("subscription = 'trial'", 200).await;
    let fresh = test.vendor("vendor-b").await;
    let theirs = format!("{}/{SECRET_ID}", fresh.id);
    let silent = open(&test, &fresh, &theirs, connector.nonce()).await;
    silent.expect_refusal(424, "connector_key_unavailable");
}

#[tokio::test]
async fn sealed_openbao_opens_nothing_and_uses_up_nothing() {
    let (own_servers, test, vendor) = faults::start().await;
    let connector = test.connector(&vendor).await;
    store(&test, &vendor, &envelope(&vendor, SECRET_ID, ACCESS_KEY)).await;
    let nonce = connector.nonce();
    assert_eq!(
        test.bao_root(Method::PUT, "sys/seal").send().await.status,
        204
    );
    let sealed = open(&test, &vendor, &own(&vendor), nonce.clone()).await;
    sealed.expect_refusal(503, "openbao_sealed");
    own_servers.unseal(&test).await;
    test.until_ready().await;
    until("the envelope", async || {
        open(&test, &vendor, &own(&vendor), nonce.clone())
            .await
            .status
            == 200
    })
    .await;
    assert_eq!(count(&test, OPENED).await, 1);
}

#[tokio::test]
async fn odd_names_of_people_keep_no_envelope_back() {
    let test = TestApp::start().await;
    let (vendor, connector) = granted(&test).await;
    let path = format!("/api/v1/sites/{}/get-envelope", own(&vendor));
    for user in [
        json!({ "id": 3, "name": "a\u{7}b" }),
        json!({ "id": 3, "name": "x".repeat(1000) }),
        json!({ "id": 3, "name": "" }),
        json!({ "id": "3", "name": 7 }),
        json!({}),
        json!([]),
        json!("Ada"),
        Value::Null,
    ] {
        let (nonce, signed) = connector.nonce();
        let body = json!({ "user": user, "nonce": nonce, "signedNonce": signed });
        let opened = test.post(&path).trusted_login(&vendor).json(&body).send();
        assert_eq!(opened.await.status, 200, "{user}");
    }
    let sql = "SELECT count(*) FROM events WHERE action = 'envelope.opened' AND details #>> '{user,name}' IS NOT NULL";
    assert_eq!(count(&test, sql).await, 0);
    assert_eq!(count(&test, OPENED).await, 8);
}

#[tokio::test]
async fn what_a_plugin_of_2019_wrote_is_no_envelope_and_stays() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let connector = test.connector(&vendor).await;
    let token = test.site(&vendor, SECRET_ID, ACCESS_KEY).await;
    let path = format!("gravityview-store/{SECRET_ID}");
    let written = json!({ "siteurl": "https://customer.example", "identifier": "i", "user_id": 7 });
    let write = test.bao(Method::POST, &path, &token).json(&written);
    assert_eq!(write.send().await.status, 204);
    test.app.clock.advance(3600);
    for _ in 0..2 {
        open(&test, &vendor, &own(&vendor), connector.nonce())
            .await
            .expect_refusal(404, "not_found");
    }
    test.pass("remove_sites").await;
    let left = test.bao_root(Method::GET, &path).send().await;
    assert_eq!(left.json["data"], written);
}
