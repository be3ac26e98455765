//! Tokens of workloads that are refused, and what is said of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::issuer::{AUDIENCE, Signer, TestIssuer, github};

/// What changes in a token, and what is said of it: the claim, the problem, and what was found.
type Wrong = (Value, &'static str, &'static str, Value);

#[tokio::test]
async fn what_does_not_match_is_refused_with_the_reason_and_on_record() {
    let signer = Signer::new("EdDSA", "ed-1");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = issuer.service().await;
    let a = test.vendor("vendor-a").await;
    test.issuer(&issuer.url, &["EdDSA"]).await;
    let claims = json!({ "repository": "acme/*", "ref": ["refs/heads/main", "refs/tags/v*"] });
    let more = json!({ "claims": claims });
    test.policy(&a, &issuer.url, more).await;
    let branch = "refs/heads/main/../../evil";
    let cases: Vec<Wrong> = vec![
        (
            json!({ "ref": "refs/heads/evil" }),
            "ref",
            "no_match",
            json!("refs/heads/evil"),
        ),
        (json!({ "ref": branch }), "ref", "no_match", json!(branch)),
        (
            json!({ "ref": "refs/heads/Main" }),
            "ref",
            "no_match",
            json!("refs/heads/Main"),
        ),
        (
            json!({ "ref": "refs/tags/v1/x" }),
            "ref",
            "no_match",
            json!("refs/tags/v1/x"),
        ),
        (json!({ "ref": "" }), "ref", "no_match", json!("")),
        (json!({ "ref": null }), "ref", "not_text", Value::Null),
        (
            json!({ "ref": ["refs/heads/main"] }),
            "ref",
            "not_text",
            Value::Null,
        ),
        (json!({ "ref": 1 }), "ref", "not_text", Value::Null),
        (json!({ "ref": true }), "ref", "not_text", Value::Null),
        (
            json!({ "ref": { "": "refs/heads/main" } }),
            "ref",
            "not_text",
            Value::Null,
        ),
        (
            json!({ "repository": "acme-evil/app" }),
            "repository",
            "no_match",
            json!("acme-evil/app"),
        ),
        (
            json!({ "repository": "acme/app/x" }),
            "repository",
            "no_match",
            json!("acme/app/x"),
        ),
        (
            json!({ "repository": "evil/acme/app" }),
            "repository",
            "no_match",
            json!("evil/acme/app"),
        ),
        (
            json!({ "repository": "acme/\u{202e}ppa" }),
            "repository",
            "ok",
            Value::Null,
        ),
        (
            json!({ "aud": "https://gatehouse.example/other" }),
            "aud",
            "no_match",
            json!("https://gatehouse.example/other"),
        ),
        (
            json!({ "aud": format!("{AUDIENCE}/") }),
            "aud",
            "no_match",
            json!(format!("{AUDIENCE}/")),
        ),
        (
            json!({ "aud": ["x", "y"] }),
            "aud",
            "no_match",
            json!("x y"),
        ),
        (
            json!({ "aud": { "x": AUDIENCE } }),
            "aud",
            "not_text",
            Value::Null,
        ),
    ];
    for (change, claim, problem, found) in cases {
        let mut subject = github(&test, &issuer.url);
        let change = change.as_object().unwrap().clone();
        subject.as_object_mut().unwrap().extend(change);
        let answer = test.exchange("vendor-a", &signer.sign(&subject), &[]).await;
        if problem == "ok" {
            assert_eq!(answer.status, 200, "{answer:?}");
            continue;
        }
        answer.expect_oauth(400, "trust_policy_mismatch");
        assert_eq!(answer.text_of("error"), "invalid_request");
        let reason = &answer.json["reasons"][0];
        assert_eq!(
            (&reason["claim"], &reason["problem"]),
            (&json!(claim), &json!(problem))
        );
        assert_eq!(reason["found"], found, "{answer:?}");
        let told = test.told(&a, "workload.refused").await;
        assert_eq!(told[0]["code"], "trust_policy_mismatch");
        assert_eq!(&told[0]["details"]["policies"][0]["reasons"][0], reason);
    }
    let mut none = github(&test, &issuer.url);
    none.as_object_mut().unwrap().remove("ref");
    let answer = test.exchange("vendor-a", &signer.sign(&none), &[]).await;
    assert_eq!(
        answer.json["reasons"][0]["problem"], "missing",
        "{answer:?}"
    );
}

#[tokio::test]
async fn what_its_issuer_did_not_say_now_is_refused() {
    let signer = Signer::new("EdDSA", "ed-1");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = issuer.service().await;
    let a = test.vendor("vendor-a").await;
    test.issuer(&issuer.url, &["EdDSA"]).await;
    test.policy(&a, &issuer.url, json!({})).await;
    let now = test.app.clock.now().as_second();
    let good = github(&test, &issuer.url);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signer.sign(&claims)
    };
    let stranger = Signer::new("EdDSA", "ed-1");
    let other = Signer::new("ES256", "ed-1");
    let right = signer.sign(&good);
    let (head, rest) = right.split_once('.').unwrap();
    let unsigned = format!("{}.{}.", head, rest.split_once('.').unwrap().0);
    let brought = json!({ "alg": "EdDSA", "kid": "ed-1", "jwk": stranger.jwk(), "jku": "https://localhost:1/" });
    let cases = [
        (
            with("exp", json!(now - 61)),
            "The subject token has expired.",
        ),
        (
            with("nbf", json!(now + 90)),
            "The subject token is not valid yet.",
        ),
        (
            with("iat", json!(now + 90)),
            "The subject token is not valid yet.",
        ),
        (
            with("exp", json!("never")),
            "The times of the subject token are missing or malformed.",
        ),
        (
            with("sub", json!("")),
            "The subject token names no subject.",
        ),
        (
            with("sub", json!("a\r\nb")),
            "The subject token is no signed JWT of at most 8192 bytes.",
        ),
        (
            stranger.sign(&good),
            "The signature of the subject token is not valid.",
        ),
        (
            stranger.sign_with(&brought, &good),
            "The signature of the subject token is not valid.",
        ),
        (
            other.sign(&good),
            "The subject token is not signed with an algorithm its issuer is listed with.",
        ),
        (
            unsigned,
            "The subject token is no signed JWT of at most 8192 bytes.",
        ),
        (
            "x".repeat(9000),
            "The subject token is no signed JWT of at most 8192 bytes.",
        ),
        (
            right.clone() + "=",
            "The subject token is no signed JWT of at most 8192 bytes.",
        ),
    ];
    for (token, said) in cases {
        let answer = test.exchange("vendor-a", &token, &[]).await;
        answer.expect_oauth(400, "subject_token_invalid");
        assert_eq!(answer.text_of("error_description"), said);
    }
    assert_eq!(test.exchange("vendor-a", &right, &[]).await.status, 200);
    // Who proved nothing leaves no row for each try.
    assert!(test.told(&a, "workload.refused").await.is_empty());
    assert!(test.told(&a, "request.refused").await.is_empty());
}

#[tokio::test]
async fn issuers_that_only_look_like_a_listed_one_are_refused_before_anything_is_fetched() {
    let signer = Signer::new("EdDSA", "ed-1");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = issuer.service().await;
    let a = test.vendor("vendor-a").await;
    let id = test.issuer(&issuer.url, &["EdDSA"]).await;
    test.policy(&a, &issuer.url, json!({})).await;
    let url = &issuer.url;
    let port = url.rsplit_once(':').unwrap().1;
    for name in [
        format!("{url}/"),
        format!("{url}.evil.example"),
        format!("{url}?x"),
        format!("{url}#x"),
        format!("https://LOCALHOST:{port}"),
        format!("https://localhost:{port}@evil.example"),
        format!("https://user@localhost:{port}"),
        format!("https://localhost.:{port}"),
        format!("https://l\u{43e}calhost:{port}"),
        format!("https://xn--lcalhost-0bc:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!(" {url}"),
        "https://localhost".to_owned(),
        String::new(),
    ] {
        let token = signer.sign(&github(&test, &name));
        let answer = test.exchange("vendor-a", &token, &[]).await;
        answer.expect_oauth(400, "issuer_not_listed");
    }
    for name in [Value::Null, json!([url]), json!(7)] {
        let mut claims = github(&test, url);
        claims["iss"] = name;
        let answer = test.exchange("vendor-a", &signer.sign(&claims), &[]).await;
        answer.expect_oauth(400, "issuer_not_listed");
    }
    // The right one, once it is disabled.
    let right = signer.sign(&github(&test, url));
    let path = format!("/api/admin/issuers/{id}");
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    call.json(&json!({ "enabled": false })).send().await;
    let answer = test.exchange("vendor-a", &right, &[]).await;
    answer.expect_oauth(400, "issuer_not_listed");
    assert!(issuer.paths().is_empty(), "{:?}", issuer.paths());
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    call.json(&json!({ "enabled": true })).send().await;
    assert_eq!(test.exchange("vendor-a", &right, &[]).await.status, 200);
}
