//! Client plugins with tokens that their vendor signed: what they may do, and vendors that demand them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::signer::Signer;
use crate::support::{TestApp, users};

const SITE: &str = "site-of-a-0123456789";
const OTHER: &str = "site-of-b-0123456789";

#[tokio::test]
async fn signed_token_is_a_client_plugin_that_the_vendor_vouches_for() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    test.site(&vendor, SITE, "access-key-of-a-0123456789").await;
    for signer in [Signer::ed25519(), Signer::p256(), Signer::rsa()] {
        let id = test.register_key(&vendor, &signer).await;
        let token = || signer.sign(&test.claims(&vendor));
        // A registered site: the public key alone must show its access key.
        let refused = test.site_token(&vendor.public_key, Some(SITE)).await;
        refused.expect_problem(403, "access_key_required");
        let given = test.site_token(&token(), Some(SITE)).await;
        assert_eq!(given.status, 200, "{given:?}");
        let given = test.site_token(&token(), None).await;
        assert_eq!(given.status, 200, "{given:?}");
        // Nowhere else than where the public key is.
        for path in [
            "/sites",
            "/api/workers",
            "/api/jwt-keys",
            "/api/user",
            "/api/admin/vendors",
        ] {
            let refused = test.get(path).bearer(&token()).send().await;
            refused.expect_problem(403, "caller_not_allowed");
        }
        test.grant("vendor-a", &token())
            .await
            .expect_oauth(401, "credentials_invalid");
        let path = format!("/jwt-keys/{id}");
        let shown = test
            .as_vendor(&vendor, Method::GET, &path, Value::Null)
            .await;
        assert!(shown.json["lastUsedAt"].is_string(), "{shown:?}");
    }
    let sql = "SELECT DISTINCT caller FROM issuances WHERE kind = 'write'";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let actors: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(actors, ["signed-client"]);
}

#[tokio::test]
async fn token_for_one_site_is_for_no_other() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let signer = Signer::ed25519();
    test.register_key(&vendor, &signer).await;
    let bound = || {
        let mut claims = test.claims(&vendor);
        claims["secretId"] = json!(SITE);
        signer.sign(&claims)
    };
    assert_eq!(test.site_token(&bound(), Some(SITE)).await.status, 200);
    for site in [Some(OTHER), None] {
        let refused = test.site_token(&bound(), site).await;
        refused.expect_problem(403, "token_for_other_site");
    }
    let register = async |id: &str| {
        let call = test.post("/sites").bearer(&bound());
        call.json(&json!({ "secretId": id })).send().await
    };
    assert_eq!(register(SITE).await.status, 201);
    register(OTHER)
        .await
        .expect_problem(403, "token_for_other_site");
    for (id, status) in [(OTHER, 403), (SITE, 200)] {
        let path = format!("/sites/{id}");
        let removed = test.delete(&path).bearer(&bound()).send().await;
        assert_eq!(removed.status, status, "{removed:?}");
    }
    // A path in another dialect, and one that names no site.
    let body = json!({ "secretId": OTHER });
    for (method, path) in [
        (Method::POST, "/api/v1/report-brute-force".to_owned()),
        (
            Method::POST,
            format!("/api/v1/sites/{OTHER}/verify-identifier"),
        ),
        (Method::DELETE, format!("/api/v1/sites/{OTHER}")),
    ] {
        let call = test.call(method, &path).bearer(&bound()).json(&body);
        call.send()
            .await
            .expect_refusal(403, "token_for_other_site");
    }
    for bad in [json!(7), json!(""), json!("../x"), Value::Null] {
        let mut claims = test.claims(&vendor);
        claims["secretId"] = bad;
        let refused = test.site_token(&signer.sign(&claims), Some(SITE)).await;
        refused.expect_problem(401, "credentials_invalid");
    }
}

#[tokio::test]
async fn vendor_may_demand_signed_clients() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let signer = Signer::ed25519();
    test.register_key(&vendor, &signer).await;
    let rules = json!({ "signedClientsOnly": true });
    let set = test
        .as_vendor(&vendor, Method::PATCH, "/client-rules", rules.clone())
        .await;
    assert_eq!((set.status, &set.json), (200, &rules));
    for site in [Some(SITE), None] {
        let refused = test.site_token(&vendor.public_key, site).await;
        refused.expect_problem(403, "signed_client_required");
    }
    let body = json!({ "secretId": SITE });
    let refused = test
        .post("/sites")
        .bearer(&vendor.public_key)
        .json(&body)
        .send()
        .await;
    refused.expect_problem(403, "signed_client_required");
    // The plugins of 2019 show the key in the body.
    let body = json!({ "secretId": SITE, "publicKey": vendor.public_key });
    let refused = test.post("/sites").json(&body).send().await;
    refused.expect_problem(403, "signed_client_required");
    let explained = test
        .post("/api/admin/explain")
        .bearer(&test.operator)
        .json(&json!({ "vendor": "vendor-a", "caller": { "kind": "public-key" }, "token": { "kind": "write" } }))
        .send()
        .await;
    assert_eq!(
        explained.json["decidedBy"]["rule"], "signed_clients",
        "{explained:?}"
    );
    // Its own tokens, the vendor itself, and removal go on.
    let token = signer.sign(&test.claims(&vendor));
    assert_eq!(test.site_token(&token, Some(SITE)).await.status, 200);
    assert_eq!(test.site_token(&vendor.private_key, None).await.status, 200);
    let path = format!("/sites/{SITE}");
    let removed = test.delete(&path).bearer(&vendor.public_key).send().await;
    assert_eq!(removed.status, 200, "{removed:?}");
    let shown = test.operate(Method::GET, "vendor-a", "/client-rules").await;
    assert_eq!(shown.json, rules);
}

#[tokio::test]
async fn keys_are_their_vendors_and_end() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let signer = Signer::ed25519();
    let id = test.register_key(&a, &signer).await;
    let path = format!("/jwt-keys/{id}");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let refused = test.as_vendor(&b, method, &path, Value::Null).await;
        refused.expect_problem(404, "not_found");
    }
    // A key of one vendor signs for nobody else, and another's registration of it takes nothing away.
    let crossed = |vendor| signer.sign(&test.claims(vendor));
    test.site_token(&crossed(&b), None)
        .await
        .expect_problem(401, "credentials_invalid");
    test.register_key(&b, &signer).await;
    assert_eq!(test.site_token(&crossed(&b), None).await.status, 200);
    assert_eq!(test.site_token(&crossed(&a), None).await.status, 200);

    let end = test.app.clock.now().as_second() + 100;
    let changed = test
        .as_vendor(
            &a,
            Method::PATCH,
            &path,
            json!({ "endsAt": end, "name": "Old" }),
        )
        .await;
    assert_eq!(
        (changed.status, &changed.json["name"]),
        (200, &json!("Old"))
    );
    test.app.clock.advance(101);
    test.site_token(&crossed(&a), None)
        .await
        .expect_problem(401, "credentials_invalid");
    let changed = test
        .as_vendor(&a, Method::PATCH, &path, json!({ "endsAt": null }))
        .await;
    assert_eq!(changed.json["endsAt"], Value::Null);
    assert_eq!(test.site_token(&crossed(&a), None).await.status, 200);
    let removed = test.as_vendor(&a, Method::DELETE, &path, Value::Null).await;
    assert_eq!(removed.status, 200);
    test.site_token(&crossed(&a), None)
        .await
        .expect_problem(401, "credentials_invalid");

    for _ in 0..10 {
        test.register_key(&a, &signer).await;
    }
    let key =
        json!({ "name": "x", "algorithm": "EdDSA", "publicKey": signer.jwk(), "issuer": "i" });
    let many = test
        .as_vendor(&a, Method::POST, "/jwt-keys", key.clone())
        .await;
    many.expect_problem(409, "jwt_key_limit");
    let with = |name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let mut private = signer.jwk();
    private["d"] = json!("x");
    for bad in [
        with("algorithm", json!("HS256")),
        with("algorithm", json!("none")),
        with("algorithm", json!("RS256")),
        with("publicKey", private),
        with("publicKey", json!({ "kty": "oct", "k": "c2VjcmV0" })),
        with(
            "publicKey",
            json!("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"),
        ),
        with("publicKey", Value::Null),
        with("issuer", json!("")),
        with("issuer", json!("a\nb")),
        with("endsAt", json!(1000)),
        with("jwksUrl", json!("https://vendor.example/jwks")),
        with("secret", json!("x")),
    ] {
        let refused = test.as_vendor(&b, Method::POST, "/jwt-keys", bad).await;
        refused.expect_problem(422, "invalid_field");
    }
    let mut set = key.clone();
    set.as_object_mut().unwrap().remove("publicKey");
    for url in [
        "http://vendor.example/jwks",
        "https://10.0.0.1/jwks",
        "file:///etc/passwd",
    ] {
        set["jwksUrl"] = json!(url);
        let refused = test
            .as_vendor(&b, Method::POST, "/jwt-keys", set.clone())
            .await;
        refused.expect_problem(422, "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_good_for_one_request_on_all_replicas_at_the_same_moment() {
    let (one, other) = users::two_replicas().await;
    let vendor = one.vendor("vendor-a").await;
    let signer = Signer::ed25519();
    let id = one.register_key(&vendor, &signer).await;
    crate::support::wait::until("the other replica has the key", async || {
        let token = signer.sign(&one.claims(&vendor));
        other.site_token(&token, None).await.status == 200
    })
    .await;
    for _ in 0..5 {
        let token = signer.sign(&one.claims(&vendor));
        let tries = (0..6).map(|n| if n % 2 == 0 { &one } else { &other });
        let tries = tries.map(|test| test.site_token(&token, None));
        let answers = futures_util::future::join_all(tries).await;
        let served = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(served, 1, "{answers:?}");
        let refused = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(refused, 5, "{answers:?}");
    }
    // The same key registered again, and the first removed: what was used stays used.
    let token = signer.sign(&one.claims(&vendor));
    assert_eq!(one.site_token(&token, None).await.status, 200);
    one.register_key(&vendor, &signer).await;
    let path = format!("/jwt-keys/{id}");
    one.as_vendor(&vendor, Method::DELETE, &path, Value::Null)
        .await;
    one.site_token(&token, None)
        .await
        .expect_problem(401, "credentials_invalid");
    one.app.clock.advance(2 * 3600);
    let swept = one.pass("rotate_token_key").await;
    assert!(swept["forgotten"].as_i64().unwrap() >= 6, "{swept}");
}
