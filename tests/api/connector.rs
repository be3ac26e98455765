//! Where a vendor's Connector answers: as it says itself, and as far as it may.

use std::sync::Arc;

use gatehouse::auth::sha256_hex;
use gatehouse::egress::authorities;
use gatehouse::error::Error;
use gatehouse::trustedlogin::connector::signature_key;
use reqwest::Method;
use serde_json::{Value, json};

use crate::probe::peers::{Certificate, counting};
use crate::support::connector::TestConnector;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope};
use crate::support::wait::{change_vendor, until};
use crate::support::{Place, TestApp, TestVendor, servers};
use crate::trustedlogin_sites::store;

/// The key, or why there is none.
pub async fn key(test: &TestApp, vendor: &TestVendor) -> Result<String, &'static str> {
    let (app, vendor) = (Arc::clone(&test.app), test.known(vendor));
    let runtime = &servers::shared().runtime;
    let asking = runtime.spawn(async move { signature_key(&app, &vendor).await });
    match asking.await.unwrap() {
        Ok(key) => Ok(key.to_string()),
        Err(Error::ConnectorKeyUnavailable(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

/// The vendor's events of one action, the oldest first.
pub async fn told(test: &TestApp, vendor: &TestVendor, action: &str) -> Vec<Value> {
    let sql = "SELECT details || jsonb_build_object('by', actor) FROM events \
               WHERE vendor_id = $1 AND action = $2 ORDER BY id";
    let rows = test.sql().await.query(sql, &[&vendor.id, &action]).await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

/// A service whose operator allows no network.
async fn strict() -> (TestApp, TestVendor) {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.egress.allow.clear();
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("acme-one").await;
    (test, vendor)
}

#[tokio::test]
async fn connector_names_its_address_and_reads_its_account() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    let path = format!("/api/v1/accounts/{}", vendor.id);
    let send = async |url: &str| {
        let call = test.post(&path).trusted_login(&vendor);
        // As it comes: WordPress names no other field, and later ones may.
        let body = json!({ "api_endpoint": url, "version": "1.2" });
        let answer = call.json(&body).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json
    };
    let first = "http://127.0.0.1:9/wp-json/?key=canary";
    let expected = json!({
        "id": vendor.id, "name": "A Vendor", "status": "active",
        "publicKey": vendor.public_key, "namespace": "acme-one",
    });
    assert_eq!(send(first).await, expected);
    assert_eq!(send(first).await, expected);
    assert_eq!(send("http://127.0.0.1:10/wp-json/").await, expected);
    let event =
        |now: &str, former: Value| json!({ "by": "vendor", "endpoint": now, "former": former });
    let (shown, later) = (
        "http://127.0.0.1:9/wp-json/",
        "http://127.0.0.1:10/wp-json/",
    );
    assert_eq!(
        told(&test, &vendor, "connector.endpoint_changed").await,
        [event(shown, Value::Null), event(later, json!(shown))]
    );
    assert!(!test.dump().await.contains("key=canary"));
    let known = test.known(&vendor).connector.clone().unwrap();
    assert_eq!(known.as_str(), later);
}

#[tokio::test]
async fn account_is_refused_as_the_plugin_understands_it() {
    let test = TestApp::start().await;
    let (vendor, other) = (test.vendor("acme-one").await, test.vendor("acme-two").await);
    let path = format!("/api/v1/accounts/{}", vendor.id);
    let body = json!({ "api_endpoint": "http://127.0.0.1:9/wp-json/" });
    let mut crossed = vendor.clone();
    crossed.private_key.clone_from(&other.private_key);
    let hash = |parts: &[&str]| sha256_hex(parts).expose().to_owned();
    let (public, private) = (vendor.public_key.as_str(), vendor.private_key.as_str());
    let (bearer, pair) = (hash(&[private]), hash(&[public, private]));
    let with = |bearer: &str, pair: &str| {
        let call = test.post(&path).bearer(bearer);
        call.header("x-tl-token", pair)
    };
    let invalid = "credentials_invalid";
    for (call, status, code) in [
        (test.post(&path), 403, invalid),
        (test.post(&path).bearer(public), 403, "caller_not_allowed"),
        (test.post(&path).bearer(&bearer), 403, invalid),
        (test.post(&path).trusted_login(&crossed), 403, invalid),
        (with(&hash(&[&other.private_key]), &pair), 403, invalid),
        (with(&bearer, &pair.to_uppercase()), 403, invalid),
        (with(&bearer, &pair[..63]), 403, invalid),
        (with(&bearer, &hash(&[private, public])), 403, invalid),
        (with(&bearer, ""), 403, invalid),
        (test.post(&path).trusted_login(&other), 404, "not_found"),
        (
            test.post("/api/v1/accounts/0").trusted_login(&vendor),
            404,
            "not_found",
        ),
    ] {
        let answer = call.json(&body).send().await;
        answer.expect_refusal(status, code);
    }
    for bad in [
        json!({}),
        json!({ "api_endpoint": null }),
        json!({ "api_endpoint": 7 }),
        json!({ "api_endpoint": [] }),
        json!({ "api_endpoint": "" }),
        json!({ "api_endpoint": "http://1.1.1.1/wp-json/" }),
    ] {
        let answer = test.post(&path).trusted_login(&vendor).json(&bad).send();
        let answer = answer.await;
        answer.expect_refusal(422, "invalid_field");
        let said = answer.json["errors"]["api_endpoint"][0].as_str().unwrap();
        assert!(said.starts_with("The api_endpoint field "), "{said}");
    }
    assert!(test.known(&vendor).connector.is_none());
    change_vendor(&test, &vendor, "subscription = 'unpaid'", |vendor| {
        vendor.profile.subscription == gatehouse::vendors::Subscription::Unpaid
    })
    .await;
    let unpaid = test.post(&path).trusted_login(&vendor).json(&body).send();
    let unpaid = unpaid.await;
    unpaid.expect_refusal(402, "subscription_unpaid");
}

#[tokio::test]
async fn addresses_inside_are_refused_however_they_are_spelled() {
    let (test, vendor) = strict().await;
    let long = format!("https://1.1.1.1/{}", "x".repeat(2049 - 16));
    for bad in [
        "http://1.1.1.1/",
        "http://vendor.example/wp-json/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0x7f.1/",
        "https://0/",
        "https://0.0.0.0/",
        "https://0.1.2.3/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://metadata.google.internal/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://198.18.0.1/",
        "https://192.0.2.1/",
        "https://240.0.0.1/",
        "https://255.255.255.255/",
        "https://224.0.0.1/",
        "https://[fc00::1]/",
        "https://[fe80::1]/",
        "https://[ff02::1]/",
        "https://[2001:db8::1]/",
        "https://[3fff::1]/",
        "https://[100::1]/",
        "https://[5f00::1]/",
        "https://[2002:7f00:1::]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::1]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://openbao/",
        "https://vault.default.svc.cluster.local/",
        "https://user:word@1.1.1.1/",
        "https://good.example@127.0.0.1/",
        "https://127.0.0.1#@good.example/",
        "https://good.example\\@127.0.0.1",
        "https://1.1.1.1:22/",
        "https://1.1.1.1:5432/",
        "https://1.1.1.1:8200/",
        "https://1.1.1.1:0/",
        "https://1.1.1.1:65536/",
        " https://1.1.1.1/",
        "https://1.1.1.1/\r\n",
        "https://1.1.1.1/\u{0}",
        "https://[fe80::1%25eth0]/",
        "https://1.1.1.1/#part",
        "https:///x",
        "//1.1.1.1/",
        "https:1.1.1.1",
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        &long,
    ] {
        assert_eq!(test.connect(&vendor, bad).await, 422, "{bad}");
        let hook = test.post("/api/webhooks").bearer(&vendor.private_key);
        let refused = hook.json(&json!({ "url": bad })).send().await;
        assert_eq!(refused.status, 422, "{bad}: {refused:?}");
    }
    assert!(test.known(&vendor).connector.is_none());
    for good in [
        "https://1.1.1.1/wp-json/",
        "https://1.1.1.1:8443/?rest_route=/",
    ] {
        assert_eq!(test.connect(&vendor, good).await, 200, "{good}");
    }
}

#[tokio::test]
async fn guard_looks_again_when_a_key_is_fetched() {
    let (test, vendor) = strict().await;
    assert_eq!(test.connect(&vendor, "https://1.1.1.1/wp-json/").await, 200);
    let (inside, sentry) = counting().await;
    let port = inside.port();
    // Names that lead elsewhere by now.
    for url in [
        format!("https://localhost:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        "https://169.254.169.254/".to_owned(),
        "http://1.1.1.1/".to_owned(),
        "https://1.1.1.1:8200/".to_owned(),
    ] {
        let sql = "UPDATE connectors SET endpoint = $1";
        test.sql().await.execute(sql, &[&url]).await.unwrap();
        until("the address", async || {
            let known = test.known(&vendor);
            known
                .connector
                .as_ref()
                .is_some_and(|one| one.as_str() == url)
        })
        .await;
        let why = key(&test, &vendor).await.unwrap_err();
        assert!(why.contains("may not connect"), "{url}: {why}");
    }
    assert_eq!(sentry.get(), 0);
    // One that breaks the rules altogether counts as none.
    let sql = "UPDATE connectors SET endpoint = 'nonsense'";
    test.sql().await.batch_execute(sql).await.unwrap();
    until("no address", async || {
        test.known(&vendor).connector.is_none()
    })
    .await;
    assert!(key(&test, &vendor).await.unwrap_err().contains("not named"));
}

#[tokio::test]
async fn certificate_of_the_connector_is_checked() {
    let ours = Certificate::of("localhost");
    let other = Certificate::of("elsewhere.example");
    let place = Place::shared().await;
    let mut config = place.config().await;
    let expired = Certificate::expired("localhost");
    let pem = format!("{}{}{}", ours.pem(), other.pem(), expired.pem());
    config.egress.authorities = authorities(pem.as_bytes()).unwrap();
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("acme-one").await;
    let forged = Certificate::of("localhost");
    for (certificate, right) in [
        (&ours, true),
        (&forged, false),
        (&other, false),
        (&expired, false),
    ] {
        let connector = TestConnector::with_tls(certificate.acceptor()).await;
        assert_eq!(test.connect(&vendor, &connector.endpoint).await, 200);
        let found = key(&test, &vendor).await;
        assert_eq!(found == Ok(connector.key()), right, "{found:?}");
        assert_eq!(connector.asked().len(), usize::from(right));
    }
}

#[tokio::test]
async fn vendors_and_operators_say_where_it_answers() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    let connector = TestConnector::start().await;
    let own = ("/api/connector", &vendor.private_key);
    let operators = ("/api/admin/vendors/acme-one/connector", &test.operator);
    let call = async |method: Method, (path, key): (&str, &String), body: Value| {
        let call = test.call(method, path).bearer(key);
        call.json(&body).send().await
    };
    let nothing = json!({
        "endpoint": null, "signatureKey": null, "keySeenAt": null, "clientWebhookUrl": null,
    });
    assert_eq!(call(Method::GET, own, Value::Null).await.json, nothing);
    for bad in [
        json!({ "endpoint": 7 }),
        json!({ "endpoint": "http://1.1.1.1/" }),
        json!({ "endpoint": "javascript:alert(1)" }),
        json!({ "clientWebhookUrl": "http://vendor.example/" }),
        json!({ "clientWebhookUrl": "https://user@vendor.example/" }),
        json!({ "clientWebhookUrl": "" }),
        json!({ "clientWebhookUrl": "https://169.254.169.254/" }),
        json!({ "clientWebhookUrl": "https://vault.internal/" }),
        json!({ "clientWebhookUrl": "https://vendor.example:22/" }),
        json!({ "endpoint": "http://1.1.1.1/", "clientWebhookUrl": "https://vendor.example/" }),
        json!({ "endpoint": connector.endpoint, "more": 1 }),
    ] {
        let refused = call(Method::PATCH, own, bad).await;
        refused.expect_problem(422, "invalid_field");
    }
    connector.answer("503 Away", "", b"");
    let body = json!({ "endpoint": connector.endpoint });
    let set = call(Method::PATCH, own, body.clone()).await;
    assert_eq!(set.status, 200, "{set:?}");
    assert!(set.text_of("problem").contains("error"), "{set:?}");
    connector.mend();
    let set = call(Method::PATCH, operators, body).await.json;
    assert_eq!(set["signatureKey"], json!(connector.key()));
    assert_eq!(call(Method::GET, own, Value::Null).await.json, set);
    assert_eq!(key(&test, &vendor).await, Ok(connector.key()));
    let changes = told(&test, &vendor, "connector.endpoint_changed").await;
    assert_eq!(changes.len(), 1, "{changes:?}");

    // Clients are told where to send webhooks of their own, as long as the vendor says so.
    for (url, told) in [
        (json!("https://vendor.example/hook?key=1"), true),
        (Value::Null, false),
    ] {
        let set = call(Method::PATCH, own, json!({ "clientWebhookUrl": url })).await;
        assert_eq!((set.status, &set.json["clientWebhookUrl"]), (200, &url));
        assert_eq!(set.json["endpoint"], json!(connector.endpoint));
        let again = call(Method::PATCH, own, json!({ "clientWebhookUrl": url })).await;
        assert_eq!(again.json, set.json);
        let body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
        let stored = store(&test, &vendor, &body).await;
        assert_eq!(stored.json.get("webhookUrl"), Some(&url).filter(|_| told));
    }
    let changes = told(&test, &vendor, "connector.client_webhook_changed").await;
    let urls: Vec<&Value> = changes.iter().map(|change| &change["url"]).collect();
    assert_eq!(urls, [&json!("https://vendor.example/hook"), &Value::Null]);
}
