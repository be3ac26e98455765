//! JWTs that are not what they say: vendors' own, and those of this service.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::signer::{Signer, b64};

/// A token with another header, the signature as it was.
fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", b64(header.to_string()))
}

/// A token with an HMAC of what it says, under a text that everybody knows.
fn hmac(alg: &str, payload: &str, secret: &[u8]) -> String {
    let message = format!(
        "{}.{}",
        b64(json!({ "alg": alg }).to_string()),
        b64(payload)
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    format!(
        "{message}.{}",
        b64(aws_lc_rs::hmac::sign(&key, message.as_bytes()))
    )
}

/// Spellings of a token that are others' to read.
fn misspelt(token: &str) -> Vec<String> {
    let parts: Vec<&str> = token.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let last = char::from(signature.as_bytes()[signature.len() - 1] + 1);
    vec![
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{token}.x"),
        format!("{token}.x.y"),
        format!("{token}="),
        format!("{header}..{signature}"),
        format!("Bearer {token}"),
        format!(
            "{header}.{payload}.{}{last}",
            &signature[..signature.len() - 1]
        ),
        format!("{header}=.{payload}.{signature}"),
        "..".to_owned(),
        "eyJ.eyJ.".to_owned(),
        format!("eyJ{}", "A.".repeat(2)),
    ]
}

/// Headers that ask for more than is given.
fn headers(alg: &str, signer: &Signer) -> Vec<Value> {
    let kid = |kid: Value| json!({ "alg": alg, "kid": kid });
    vec![
        json!({ "alg": "none" }),
        json!({ "alg": "None" }),
        json!({ "alg": "nOnE" }),
        json!({ "alg": "" }),
        json!({}),
        json!({ "alg": [alg] }),
        json!({ "alg": alg, "crit": ["exp"] }),
        json!({ "alg": alg, "b64": false }),
        json!({ "alg": alg, "zip": "DEF" }),
        json!({ "alg": alg, "enc": "A256GCM", "p2c": 1_000_000_000 }),
        json!({ "alg": alg, "jwk": signer.jwk() }),
        json!({ "alg": alg, "jku": "http://127.0.0.1:9/jwks", "x5u": "http://127.0.0.1:9/" }),
        kid(json!("../../dev/null")),
        kid(json!("/dev/null")),
        kid(json!("' OR 1=1 --")),
        kid(json!("| id")),
        kid(json!("k".repeat(1000))),
        kid(Value::Null),
        kid(json!(7)),
    ]
}

/// Claims that are not in order, by the name of what is wrong.
fn claims(good: &Value, now: i64) -> Vec<(String, Value)> {
    let many = (0..1000).map(|n| n.to_string());
    let many: Vec<String> = many.chain(["https://gatehouse.test".to_owned()]).collect();
    let changes = [
        (
            "aud",
            vec![
                Value::Null,
                json!("https://else.example"),
                json!(["https://else.example"]),
                json!("https://gatehouse.test/"),
                json!("HTTPS://gatehouse.test"),
                json!(many),
            ],
        ),
        (
            "iss",
            vec![
                Value::Null,
                json!("https://vendor"),
                json!("https://vendor.example/"),
                json!("https://Vendor.example"),
                json!(7),
            ],
        ),
        (
            "sub",
            vec![
                Value::Null,
                json!(""),
                json!("vendor-b"),
                json!("vendor-x"),
                json!(7),
                json!("vendor-a\u{0}"),
            ],
        ),
        (
            "exp",
            vec![
                Value::Null,
                json!(now - 61),
                json!(now + 3600),
                json!("9999999999"),
                json!(1e300),
            ],
        ),
        ("nbf", vec![json!(now + 90), json!("soon")]),
        ("iat", vec![json!(now + 90)]),
        (
            "jti",
            vec![
                Value::Null,
                json!(""),
                json!(7),
                json!("j".repeat(300)),
                json!("a\r\nb"),
            ],
        ),
    ];
    let mut all = Vec::new();
    for (name, values) in changes {
        for value in values {
            let mut claims = good.clone();
            claims["jti"] = json!(uuid::Uuid::new_v4().to_string());
            claims[name] = value.clone();
            all.push((format!("{name}: {value:.60}"), claims.clone()));
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
                all.push((format!("no {name}"), claims));
            }
        }
    }
    all
}

async fn refused(test: &TestApp, token: &str, what: &str) {
    let answer = test.site_token(token, None).await;
    assert_eq!(
        (answer.status, answer.code()),
        (401, "credentials_invalid"),
        "{what}: {answer:?}"
    );
}

#[tokio::test]
async fn nothing_but_what_the_vendor_signed_is_taken() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    test.vendor("vendor-b").await;
    let (signer, stranger, rsa) = (Signer::ed25519(), Signer::ed25519(), Signer::rsa());
    test.register_key(&vendor, &signer).await;
    test.register_key(&vendor, &rsa).await;
    let good = test.claims(&vendor);
    let token = signer.sign(&good);
    let payload = good.to_string();
    for text in misspelt(&token) {
        refused(&test, &text, &text).await;
    }
    for header in headers("EdDSA", &stranger) {
        // Under the signature of another header, of a stranger, and, where it asks for more, of the vendor itself.
        refused(&test, &with_header(&token, &header), &header.to_string()).await;
        refused(
            &test,
            &stranger.sign_text(&header.to_string(), &payload),
            &header.to_string(),
        )
        .await;
        let harmless = header["alg"] == "EdDSA"
            && ["jwk", "jku"].iter().any(|name| header.get(name).is_some())
            || header["kid"].as_str().is_some_and(|kid| kid.len() < 100);
        if !harmless {
            refused(
                &test,
                &signer.sign_text(&header.to_string(), &payload),
                &header.to_string(),
            )
            .await;
        }
    }
    // The public key as the secret of an HMAC, weak secrets, and one algorithm's name on another's signature.
    let n = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let n = BASE64_URL_SAFE_NO_PAD.decode(n).unwrap();
    for alg in ["HS256", "RS256", "ES256", "EdDSA", "HS512", "PS256"] {
        for secret in [
            n.as_slice(),
            rsa.jwk().to_string().as_bytes(),
            b"",
            b"secret",
        ] {
            refused(&test, &hmac(alg, &payload, secret), alg).await;
        }
        if alg != "EdDSA" {
            let header = json!({ "alg": alg }).to_string();
            refused(&test, &signer.sign_text(&header, &payload), alg).await;
        }
    }
    for (what, claims) in claims(&good, test.app.clock.now().as_second()) {
        refused(&test, &signer.sign(&claims), &what).await;
    }
    let twice = payload.replacen('{', r#"{"exp":9999999999,"#, 1);
    refused(
        &test,
        &signer.sign_text(r#"{"alg":"EdDSA"}"#, &twice),
        "exp twice",
    )
    .await;
    let header = r#"{"alg":"none","alg":"EdDSA"}"#;
    refused(&test, &signer.sign_text(header, &payload), "alg twice").await;
    // One that names itself an access token of this service.
    let header = r#"{"alg":"EdDSA","typ":"at+jwt"}"#;
    refused(&test, &signer.sign_text(header, &payload), "typ").await;
    // All that used nothing up.
    assert_eq!(test.site_token(&token, None).await.status, 200);
    refused(&test, &token, "replayed").await;
}

#[tokio::test]
async fn nothing_but_what_the_service_signed_is_an_access_token() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let token = test.vendor_token(&vendor).await;
    let part = |place: usize| {
        let part = token.split('.').nth(place).unwrap();
        String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, payload) = (part(0), part(1));
    let stranger = Signer::ed25519();
    for text in misspelt(&token) {
        refused(&test, &text, &text).await;
    }
    let kid = serde_json::from_str::<Value>(&header).unwrap()["kid"].clone();
    for mut other in headers("EdDSA", &stranger) {
        refused(&test, &with_header(&token, &other), &other.to_string()).await;
        other["typ"] = json!("at+jwt");
        refused(&test, &with_header(&token, &other), &other.to_string()).await;
        other["kid"] = kid.clone();
        let forged = stranger.sign_text(&other.to_string(), &payload);
        refused(&test, &forged, &other.to_string()).await;
    }
    refused(
        &test,
        &stranger.sign_text(&header, &payload),
        "a stranger's",
    )
    .await;
    // What is published is no secret.
    let set = test.get("/.well-known/jwks.json").send().await.json;
    let x = BASE64_URL_SAFE_NO_PAD
        .decode(set["keys"][0]["x"].as_str().unwrap())
        .unwrap();
    let forged = hmac("HS256", &payload, &x);
    refused(&test, &forged, "HMAC").await;
    refused(
        &test,
        &with_header(
            &forged,
            &json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid }),
        ),
        "HMAC",
    )
    .await;
    let changed = payload.replace("vendor-a", "vendor-b");
    let (first, last) = (
        token.split('.').next().unwrap(),
        token.rsplit('.').next().unwrap(),
    );
    refused(
        &test,
        &format!("{first}.{}.{last}", b64(changed)),
        "another payload",
    )
    .await;
    assert_eq!(test.site_token(&token, None).await.status, 200);
}

#[tokio::test]
async fn wrong_tokens_reach_neither_database_nor_network_nor_files() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let signer = Signer::ed25519();
    test.register_key(&vendor, &signer).await;
    let token = test.vendor_token(&vendor).await;
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", elsewhere.local_addr().unwrap());
    // Whoever needs the database waits from now on.
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(test.app.db.all().await.unwrap());
    }
    let payload = test.claims(&vendor).to_string();
    let stranger = Signer::ed25519();
    for kid in [
        "../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "| id",
        "unknown",
    ] {
        let header =
            json!({ "alg": "EdDSA", "kid": kid, "jku": url, "x5u": url, "jwk": stranger.jwk() });
        let mut ours = header.clone();
        ours["typ"] = json!("at+jwt");
        for text in [
            stranger.sign_text(&header.to_string(), &payload),
            with_header(&token, &ours),
            stranger.sign_text(&ours.to_string(), &payload),
        ] {
            let asked = std::time::Instant::now();
            refused(&test, &text, kid).await;
            assert!(asked.elapsed() < std::time::Duration::from_secs(1), "{kid}");
        }
    }
    // Nor does a right one of a vendor.
    assert_eq!(test.status_as("/api/credential-types", &token).await, 200);
    drop(held);
    let asked = elsewhere.accept().map(|(_, from)| from);
    assert_eq!(asked.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
