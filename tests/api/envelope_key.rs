//! The key that envelopes are signed with: published, kept in memory, exchanged, lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use gatehouse::bootstrap;
use gatehouse::error::{Error, Result};
use gatehouse::trustedlogin::canonical::{Answer, Value};
use gatehouse::trustedlogin::signing::{self, KEY_NAME};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::support::valve::Valve;
use crate::support::{Place, TestApp, php, servers};

const PATHS: [&str; 2] = [
    "/api/v1/envelope-signing-public-key",
    "/api/v1/envelope-signing-pubkey",
];
const DAY: i64 = 24 * 3600;

/// The public key of a seed.
fn public(seed: &str) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(&hex::decode(seed).unwrap()).unwrap();
    hex::encode(pair.public_key())
}

fn path(below: &str) -> String {
    format!("gatehouse-keys/{below}/{KEY_NAME}")
}

async fn write(test: &TestApp, key: &str) {
    let body = json!({ "data": { "key": key } });
    let call = test.bao_root(Method::POST, &path("data")).json(&body);
    assert_eq!(call.send().await.status, 200);
    test.keep_secret(key);
}

async fn seed(test: &TestApp) -> String {
    let read = test.bao_root(Method::GET, &path("data")).send().await;
    let key = read.json["data"]["data"]["key"].as_str().unwrap();
    test.keep_secret(key);
    key.to_owned()
}

/// What is published, the same at both places.
async fn published(test: &TestApp) -> Json {
    let [first, second] = PATHS.map(|path| test.get(path).send());
    let (first, second) = (first.await, second.await);
    assert_eq!((first.status, second.status), (200, 200), "{first:?}");
    assert_eq!(first.json, second.json);
    assert_eq!(first.headers["content-type"], "application/json");
    assert_eq!(first.headers["cache-control"], "no-store");
    first.json
}

async fn in_force(test: &TestApp) -> String {
    published(test).await["publicKey"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn formers(test: &TestApp) -> Vec<String> {
    let published = published(test).await;
    let former = published["formerPublicKeys"].as_array().unwrap();
    former
        .iter()
        .map(|former| former["key"].as_str().unwrap().to_owned())
        .collect()
}

/// A signature, as a handler makes it.
async fn sign(test: &TestApp, message: &'static str) -> Result<String> {
    let app = Arc::clone(&test.app);
    let runtime = &servers::shared().runtime;
    let signed = runtime.spawn(async move { signing::sign(&app, message.as_bytes()).await });
    signed.await.unwrap()
}

/// The service signs with the key it publishes.
async fn signs_as_it_says(test: &TestApp) {
    let key = hex::decode(in_force(test).await).unwrap();
    let signature = hex::decode(sign(test, "a message").await.unwrap()).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, key);
    assert!(key.verify(b"a message", &signature).is_ok());
}

#[tokio::test]
async fn key_of_openbao_is_published_and_signs_what_php_verifies() {
    let test = TestApp::start().await;
    let key = public(&seed(&test).await);
    let expected = json!({ "publicKey": key, "formerPublicKeys": [] });
    assert_eq!(published(&test).await, expected);
    let data =
        Value::read(r#"{"ref":"/ä\u2028","price":1.0,"none":{},"list":{"0":1e25}}"#).unwrap();
    let fields = [
        ("identifier", Value::from("c2VhbGVk")),
        ("siteUrl", Value::from("https://kunde.example/straße")),
        ("metaData", data),
    ];
    let app = Arc::clone(&test.app);
    let runtime = &servers::shared().runtime;
    let signed = runtime.spawn(async move { signing::signed(&app, Answer::new(fields)).await });
    let body = signed.await.unwrap().unwrap();
    let line = |body: &str| format!("{} {key}", BASE64_STANDARD.encode(body));
    let changed = body.replace("kunde", "feind");
    let said = php::run("canonical.php", &[line(&body), line(&changed)]).await;
    assert!(said[0].ends_with("\tholds"), "{said:?}");
    assert!(said[1].ends_with("\tbroken"), "{said:?}");
}

#[tokio::test]
async fn bootstrap_makes_the_key_once() {
    let test = TestApp::start().await;
    let first = seed(&test).await;
    assert_eq!(first.len(), 64);
    bootstrap::prepare_openbao(&test.place().administrator())
        .await
        .unwrap();
    assert_eq!(seed(&test).await, first);
}

#[tokio::test]
async fn replicas_change_to_a_new_version_at_the_same_moment() {
    let test = TestApp::start().await;
    let old = in_force(&test).await;
    let (began, next) = (Instant::now(), "42".repeat(32));
    write(&test, &next).await;
    // One that has just read it goes on with the old one, as the other does.
    let second = test.replica().await;
    assert_eq!(in_force(&second).await, old);
    signs_as_it_says(&second).await;
    for one in [&test, &second] {
        one.app.clock.advance(45);
        signs_as_it_says(one).await;
    }
    assert_eq!(in_force(&second).await, public(&next));
    while in_force(&test).await == old {
        assert!(
            began.elapsed() < Duration::from_secs(45),
            "it must know by now"
        );
        signs_as_it_says(&test).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for one in [&test, &second] {
        assert_eq!(in_force(one).await, public(&next));
        signs_as_it_says(one).await;
        let known = published(one).await;
        assert_eq!(known["formerPublicKeys"].as_array().unwrap().len(), 1);
        let former = &known["formerPublicKeys"][0];
        assert_eq!(former["key"], *old);
        let ends: Timestamp = former["endsAt"].as_str().unwrap().parse().unwrap();
        let left = ends.duration_since(one.app.clock.now()).as_secs();
        assert!((30 * DAY - 60..=30 * DAY).contains(&left), "{left}");
    }
    second.app.clock.advance(30 * DAY - 60);
    assert_eq!(formers(&second).await, [old]);
    second.app.clock.advance(61);
    assert_eq!(formers(&second).await, [""; 0]);
    assert_eq!(in_force(&second).await, public(&next));
}

#[tokio::test]
async fn versions_that_were_deleted_or_are_none_are_not_published() {
    let test = TestApp::start().await;
    let first = seed(&test).await;
    let keys = ["11", "22", "33"].map(|digits| digits.repeat(32));
    write(&test, &keys[0]).await;
    write(&test, "no key").await;
    // Whoever begins now has none.
    let second = test.replica().await;
    let refused = second.get(PATHS[0]).send().await;
    refused.expect_error(PATHS[0], 503, "openbao_unexpected");
    write(&test, &keys[1]).await;
    write(&test, &keys[2]).await;
    let gone = test.bao_root(Method::POST, &path("delete"));
    let gone = gone.json(&json!({ "versions": [4] })).send().await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let third = test.replica().await;
    third.app.clock.advance(60);
    assert_eq!(in_force(&third).await, public(&keys[2]));
    assert_eq!(formers(&third).await, [public(&keys[0]), public(&first)]);
}

#[tokio::test]
async fn nothing_is_signed_without_a_key() {
    let test = TestApp::start().await;
    let removed = test
        .bao_root(Method::DELETE, &path("metadata"))
        .send()
        .await;
    assert_eq!(removed.status, 204, "{removed:?}");
    for path in PATHS {
        let refused = test.get(path).send().await;
        refused.expect_error(path, 503, "envelope_key_missing");
    }
    let refused = sign(&test, "a message").await;
    assert!(matches!(refused, Err(Error::EnvelopeKeyMissing)));
    bootstrap::prepare_openbao(&test.place().administrator())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(in_force(&test).await, public(&seed(&test).await));
    signs_as_it_says(&test).await;
}

#[tokio::test]
async fn key_that_was_read_outlives_openbao() {
    let mut place = Place::shared().await;
    let valve = Valve::to(&place.bao.addr).await;
    let mut config = place.config().await;
    config.bao.server.addr.clone_from(&valve.url);
    place.bao.addr.clone_from(&valve.url);
    let test = TestApp::start_at(place, config).await;
    valve.shut();
    let refused = test.get(PATHS[0]).send().await;
    refused.expect_error(PATHS[0], 503, "openbao_unavailable");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(matches!(
        sign(&test, "a message").await,
        Err(Error::Vault(_))
    ));
    valve.open();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let key = in_force(&test).await;
    valve.shut();
    for _ in 0..35 {
        let began = Instant::now();
        assert_eq!(in_force(&test).await, key);
        signs_as_it_says(&test).await;
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn many_at_once_read_the_key_once() {
    let (test, wire) = crate::support::Wire::start().await;
    let calls = (0..32).map(|_| async { test.get(PATHS[0]).send().await.status });
    let statuses = futures_util::future::join_all(calls).await;
    assert!(statuses.iter().all(|status| *status == 200));
    assert_eq!(wire.calls_to(&path("data")).len(), 1);
}
