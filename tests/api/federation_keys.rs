//! Keys of issuers: fetched rarely, held for a while, from nowhere but where they are said to be.

use std::time::Duration;

use serde_json::json;

use crate::support::http::Answer;
use crate::support::issuer::{KEYS, Signer, TestIssuer, github};
use crate::support::{TestApp, TestVendor};

struct Set {
    test: TestApp,
    issuer: TestIssuer,
    signer: Signer,
    vendor: TestVendor,
}

impl Set {
    async fn up() -> Self {
        let signer = Signer::new("EdDSA", "first");
        let issuer = TestIssuer::start(&[&signer]).await;
        let test = issuer.service().await;
        let vendor = test.vendor("vendor-a").await;
        test.issuer(&issuer.url, &["EdDSA"]).await;
        test.policy(&vendor, &issuer.url, json!({})).await;
        Self {
            test,
            issuer,
            signer,
            vendor,
        }
    }

    async fn exchange_by(&self, signer: &Signer) -> Answer {
        let subject = signer.sign(&github(&self.test, &self.issuer.url));
        let namespace = &self.vendor.namespace;
        self.test.exchange(namespace, &subject, &[]).await
    }

    async fn exchange(&self) -> Answer {
        self.exchange_by(&self.signer).await
    }
}

#[tokio::test]
async fn key_that_its_issuer_took_out_is_worth_nothing_a_minute_later() {
    let set = Set::up().await;
    assert_eq!(set.exchange().await.status, 200);
    let second = Signer::new("EdDSA", "second");
    set.issuer.publish(&[&second]);
    // A new key is found at once, but for a set that was asked for within ten seconds.
    set.test.app.clock.advance(11);
    assert_eq!(set.exchange_by(&second).await.status, 200);
    let gone = set.exchange().await;
    gone.expect_oauth(400, "subject_token_invalid");
    // The same where nobody shows a new one.
    set.issuer.publish(&[]);
    set.test.app.clock.advance(59);
    assert_eq!(set.exchange_by(&second).await.status, 200);
    set.test.app.clock.advance(1);
    let gone = set.exchange_by(&second).await;
    gone.expect_oauth(400, "subject_token_invalid");
}

#[tokio::test]
async fn keys_that_nobody_has_make_no_load() {
    let set = Set::up().await;
    let kids = ["../../dev/null", "' OR 1=1", "| id", "", "FIRST", "first "];
    let signers = kids.map(|kid| Signer::new("EdDSA", kid));
    let many = signers.iter().cycle().take(24);
    let tries = many.map(|signer| set.exchange_by(signer));
    for answer in futures_util::future::join_all(tries).await {
        answer.expect_oauth(400, "subject_token_invalid");
    }
    assert_eq!(set.issuer.asked(), 1);
    let right = (0..8).map(|_| set.exchange());
    for answer in futures_util::future::join_all(right).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(set.issuer.asked(), 1);
    set.test.app.clock.advance(11);
    set.exchange_by(&signers[0]).await;
    assert_eq!(set.issuer.asked(), 2);
}

#[tokio::test]
async fn keys_outlive_their_server_for_an_hour() {
    let set = Set::up().await;
    assert_eq!(set.exchange().await.status, 200);
    let html = b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n<html>hi</html";
    let huge = format!(
        "HTTP/1.1 200 OK\r\n\r\n{{\"keys\":[],\"x\":\"{}\"}}",
        "x".repeat(300_000)
    );
    let moved = "HTTP/1.1 302 Found\r\nlocation: /keys2\r\ncontent-length: 0\r\n\r\n";
    let broken = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";
    // Unpacked it would be a gigabyte; it is not unpacked.
    let packed =
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x08\x08\x00";
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n{\"keys\":[],\"keys\":[{}]}";
    let cases: [(&[u8], &str); 6] = [
        (html, "What the host of the key set answered is no key set."),
        (huge.as_bytes(), "The key set is too large."),
        (
            moved.as_bytes(),
            "The host of the key set answered with a redirect or an error.",
        ),
        (
            broken.as_bytes(),
            "The host of the key set answered with a redirect or an error.",
        ),
        (
            packed.as_bytes(),
            "What the host of the key set answered is no key set.",
        ),
        (
            two.as_bytes(),
            "What the host of the key set answered is no key set.",
        ),
    ];
    for (answer, said) in cases {
        set.issuer.publish(&[&set.signer]);
        set.test.app.clock.advance(3700);
        assert_eq!(set.exchange().await.status, 200);
        let asked = set.issuer.asked();
        set.issuer.say(answer);
        set.test.app.clock.advance(61);
        assert_eq!(set.exchange().await.status, 200, "{said}");
        assert_eq!(set.issuer.asked(), asked + 1);
        set.test.app.clock.advance(3500);
        assert_eq!(set.exchange().await.status, 200, "{said}");
        set.test.app.clock.advance(60);
        let answer = set.exchange().await;
        answer.expect_oauth(503, "key_set_unavailable");
        assert_eq!(answer.text_of("error_description"), said);
        assert_eq!(answer.text_of("error"), "temporarily_unavailable");
        set.test.app.clock.advance(11);
    }
    assert!(!set.issuer.paths().contains(&"/keys2".to_owned()));
}

#[tokio::test]
async fn slow_issuers_are_not_waited_for() {
    let set = Set::up().await;
    set.issuer.pause(Duration::from_secs(20));
    let began = std::time::Instant::now();
    let tries = (0..4).map(|_| set.exchange());
    for answer in futures_util::future::join_all(tries).await {
        answer.expect_oauth(503, "key_set_unavailable");
        let said = answer.text_of("error_description");
        assert_eq!(said, "The key set did not come in time.");
    }
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn issuers_speak_for_themselves_only_and_send_nobody_inside() {
    let set = Set::up().await;
    let (url, other) = (
        &set.issuer.url,
        "What the issuer answered describes another issuer.",
    );
    let keys = format!("{url}{KEYS}");
    let address = "The address of the key set is one that this service may not connect to. Public https addresses are.";
    let plain = keys.replace("https:", "http:");
    let none = "What the issuer answered is no description of an issuer.";
    for (issuer, place, said) in [
        (format!("{url}/"), keys.as_str(), other),
        ("https://evil.example".to_owned(), keys.as_str(), other),
        (url.to_uppercase(), keys.as_str(), other),
        (url.clone(), plain.as_str(), address),
        (
            url.clone(),
            "https://169.254.169.254/latest/meta-data",
            address,
        ),
        (url.clone(), "https://10.0.0.1/keys", address),
        (url.clone(), "https://[fd00::1]/keys", address),
        (url.clone(), "file:///etc/passwd", address),
        (url.clone(), "https://user:word@localhost/keys", address),
        (url.clone(), "", address),
    ] {
        set.issuer
            .describe(&json!({ "issuer": issuer, "jwks_uri": place }));
        set.test.app.clock.advance(11);
        let answer = set.exchange().await;
        answer.expect_oauth(503, "key_set_unavailable");
        assert_eq!(
            answer.text_of("error_description"),
            said,
            "{issuer} {place}"
        );
    }
    for document in [
        json!([]),
        json!({ "jwks_uri": keys }),
        json!({ "issuer": url }),
    ] {
        set.issuer.describe(&document);
        set.test.app.clock.advance(11);
        let answer = set.exchange().await;
        assert_eq!(answer.text_of("error_description"), none, "{document}");
    }
    assert_eq!(set.issuer.asked(), 0);
    set.issuer
        .describe(&json!({ "issuer": url, "jwks_uri": keys }));
    set.test.app.clock.advance(11);
    assert_eq!(set.exchange().await.status, 200);
}

#[tokio::test]
async fn host_without_a_trusted_certificate_has_no_keys() {
    let signer = Signer::new("EdDSA", "first");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    test.issuer(&issuer.url, &["EdDSA"]).await;
    test.policy(&vendor, &issuer.url, json!({})).await;
    let subject = signer.sign(&github(&test, &issuer.url));
    let answer = test.exchange("vendor-a", &subject, &[]).await;
    answer.expect_oauth(503, "key_set_unavailable");
    let said = "The key set cannot be reached, or its host has no valid certificate.";
    assert_eq!(answer.text_of("error_description"), said);
}
