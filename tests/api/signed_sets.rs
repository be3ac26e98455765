//! Vendors whose keys are in a set of their own: rotation there, and a set that cannot be had.

use gatehouse::egress::authorities;
use reqwest::Method;
use serde_json::{Value, json};

use crate::probe::peers::Certificate;
use crate::support::connector::TestConnector;
use crate::support::signer::{ISSUER, Signer};
use crate::support::{Place, TestApp, TestVendor};

fn named(signer: &Signer, kid: &str) -> Value {
    let mut jwk = signer.jwk();
    jwk["kid"] = json!(kid);
    jwk
}

fn shows(server: &TestConnector, keys: &[Value]) {
    let body = json!({ "keys": keys }).to_string();
    let kind = "content-type: application/json\r\n";
    server.answer("200 OK", kind, body.as_bytes());
}

async fn ask(test: &TestApp, vendor: &TestVendor, signer: &Signer, kid: &str) -> (u16, String) {
    let header = json!({ "alg": signer.algorithm(), "kid": kid }).to_string();
    let token = signer.sign_text(&header, &test.claims(vendor).to_string());
    let answer = test.site_token(&token, None).await;
    (answer.status, answer.code().to_owned())
}

#[tokio::test]
async fn keys_of_a_set_come_and_go_with_it() {
    let certificate = Certificate::of("localhost");
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.egress.authorities = authorities(certificate.pem().as_bytes()).unwrap();
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("vendor-a").await;
    let server = TestConnector::with_tls(certificate.acceptor()).await;
    let body = json!({ "name": "A set", "algorithm": "EdDSA", "jwksUrl": server.endpoint, "issuer": ISSUER });
    let made = test
        .as_vendor(&vendor, Method::POST, "/jwt-keys", body)
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let (old, new, rsa) = (Signer::ed25519(), Signer::ed25519(), Signer::rsa());
    let taken = (200, "none".to_owned());
    let refused = (401, "credentials_invalid".to_owned());

    shows(&server, &[named(&old, "k1"), named(&rsa, "k1")]);
    assert_eq!(ask(&test, &vendor, &old, "k1").await, taken);
    assert_eq!(server.asked().len(), 1);
    // The algorithm is the registered one, whatever else the set holds; and strangers' names make no work.
    assert_eq!(ask(&test, &vendor, &rsa, "k1").await, refused);
    for n in 0..20 {
        let kid = format!("unknown-{n}");
        assert_eq!(ask(&test, &vendor, &old, &kid).await, refused);
    }
    assert_eq!(server.asked().len(), 1);

    // Another key takes its place.
    shows(&server, &[named(&new, "k2")]);
    test.app.clock.advance(11);
    assert_eq!(ask(&test, &vendor, &new, "k2").await, taken);
    test.app.clock.advance(61);
    assert_eq!(ask(&test, &vendor, &old, "k1").await, refused);

    // Away, or something else: what is held goes on for a while.
    server.answer("200 OK", "content-type: text/html\r\n", b"<html>");
    test.app.clock.advance(61);
    assert_eq!(ask(&test, &vendor, &new, "k2").await, taken);
    server.answer("503 Away", "", b"");
    test.app.clock.advance(3601);
    let away = (503, "key_set_unavailable".to_owned());
    assert_eq!(ask(&test, &vendor, &new, "k2").await, away);
    // A key that is here is none the worse for it.
    let here = Signer::ed25519();
    test.register_key(&vendor, &here).await;
    assert_eq!(ask(&test, &vendor, &here, "any").await, taken);
    shows(&server, &[named(&new, "k2")]);
    test.app.clock.advance(11);
    assert_eq!(ask(&test, &vendor, &new, "k2").await, taken);
}
