//! Access tokens by client credentials: who gets one, what it is worth, and what it dies of.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use gatehouse::auth::jwt::{PublicKey, Unverified};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::oauth::form;
use crate::support::{TestApp, users, wait};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

type Fields<'a> = &'a [(&'a str, &'a str)];

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn token_of_a_vendor_is_the_vendor_and_verifies_with_the_published_keys() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let answer = test.grant("vendor-a", &vendor.private_key).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        (&answer.json["token_type"], &answer.json["expires_in"]),
        (&json!("Bearer"), &json!(600))
    );
    let token = answer.text_of("access_token");
    assert_eq!(test.status_as("/sites", &token).await, 200);
    assert_eq!(test.status_as("/api/admin/vendors", &token).await, 403);

    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("at+jwt"), &json!("EdDSA"))
    );
    for (name, value) in [
        ("iss", "https://gatehouse.test"),
        ("aud", "https://gatehouse.test"),
        ("sub", "vendor-a"),
        ("client_id", "vendor-a"),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    let lasts = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lasts, 600);
    let set = test.get("/.well-known/jwks.json").send().await;
    assert_eq!(set.headers["cache-control"], "public, max-age=60");
    let key = set.json["keys"][0].as_object().unwrap();
    assert_eq!(key["kid"], header["kid"]);
    assert!(!set.text.contains("\"d\""));
    let key = PublicKey::of_jwk(key).unwrap();
    assert!(Unverified::parse(&token).unwrap().verify([&key]).is_ok());

    let about = test
        .get("/.well-known/oauth-authorization-server")
        .send()
        .await;
    assert_eq!(about.json["issuer"], "https://gatehouse.test");
    assert_eq!(
        about.json["jwks_uri"],
        "https://gatehouse.test/.well-known/jwks.json"
    );
}

#[tokio::test]
async fn workers_and_users_get_no_more_than_they_have() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let worker = test.worker(&vendor, &["cred*"]).await;
    test.credential(&vendor, "cred", json!({ "type": "generic", "a": "b" }))
        .await;
    test.credential(&vendor, "other", json!({ "type": "generic", "a": "b" }))
        .await;
    let token = test.granted(&worker.login, &worker.key).await;
    assert_eq!(test.status_as("/api/credentials/cred", &token).await, 200);
    assert_eq!(test.status_as("/api/credentials/other", &token).await, 403);
    assert_eq!(test.status_as("/api/credentials", &token).await, 403);

    let user = test.user(&vendor, "alice", &["Administrators"]).await;
    let session = test.user_session(&user).await;
    let own = test.user_token(&session).await;
    let token = test.granted("alice@vendor-a", &own).await;
    assert_eq!(test.bearer_status(&token).await, 200);
    // As with the token it was made from: no token may make tokens, or change what an administrator may.
    let body = json!({ "name": "Another" });
    for path in ["/user/sessions", "/users"] {
        let refused = test
            .as_bearer(&token, Method::POST, path, body.clone())
            .await;
        refused.expect_problem(403, "session_needed");
    }
    for (id, secret) in [
        ("alice@vendor-a", user.password.as_str()),
        ("alice@vendor-a", &session),
        ("alice", &own),
        ("bob@vendor-a", &own),
        ("vendor-a", &own),
        ("vendor-a", &worker.key),
        ("vendor-a", &vendor.public_key),
        (&worker.login, &vendor.private_key),
        ("vendor-b", &vendor.private_key),
        ("vendor-a", &test.operator),
        ("vendor-a", &token),
        ("vendor-a", "x"),
        ("", &vendor.private_key),
    ] {
        let refused = test.grant(id, secret).await;
        refused.expect_oauth(401, "credentials_invalid");
        assert_eq!(refused.json["error"], "invalid_client");
    }
}

#[tokio::test]
async fn form_is_read_to_the_letter() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let secret = vendor.private_key.as_str();
    let (id, shown) = (("client_id", "vendor-a"), ("client_secret", secret));
    let cases: [(Fields<'_>, u16, &str); 12] = [
        (&[id, shown], 400, "invalid_request"),
        (
            &[("grant_type", "password"), id, shown],
            400,
            "unsupported_grant_type",
        ),
        (&[GRANT], 401, "credentials_missing"),
        (&[GRANT, id], 401, "credentials_missing"),
        (&[GRANT, GRANT, id, shown], 400, "invalid_request"),
        (
            &[GRANT, id, shown, ("scope", "sites:read")],
            400,
            "invalid_scope",
        ),
        (
            &[GRANT, id, shown, ("resource", "https://else.example")],
            400,
            "invalid_target",
        ),
        (
            &[GRANT, id, shown, ("audience", "https://gatehouse.test/")],
            400,
            "invalid_target",
        ),
        (&[GRANT, id, shown, ("ttl", "59")], 400, "invalid_request"),
        (&[GRANT, id, shown, ("ttl", "3601")], 400, "invalid_request"),
        (&[GRANT, id, shown, ("ttl", "+60")], 400, "invalid_request"),
        (&[GRANT, id, shown, ("ttl", "1e3")], 400, "invalid_request"),
    ];
    for (fields, status, code) in cases {
        let refused = test.form("/oauth/token", fields).await;
        refused.expect_oauth(status, code);
    }
    let longer = [
        GRANT,
        id,
        shown,
        ("ttl", "3600"),
        ("resource", "https://gatehouse.test"),
    ];
    let answer = test.form("/oauth/token", &longer).await;
    assert_eq!(answer.json["expires_in"], 3600, "{answer:?}");

    let post = async |kind: &str, header: Option<String>, path: &str, body: String| {
        let call = test.post(path).header("content-type", kind).body(body);
        match header {
            Some(header) => call.header("authorization", &header).send().await,
            None => call.send().await,
        }
    };
    let kind = "application/x-www-form-urlencoded";
    let json = json!({ "grant_type": "client_credentials" }).to_string();
    let answer = post("application/json", None, "/oauth/token", json).await;
    answer.expect_oauth(415, "unsupported_media_type");
    let all = form(&[GRANT, id, shown]);
    let answer = post(kind, None, "/oauth/token?a=b", all.clone()).await;
    answer.expect_oauth(400, "invalid_parameter");
    let basic = |id: &str, secret: &str| {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
    };
    // The halves are URL-encoded (RFC 6749, 2.3.1).
    for id in ["vendor-a", "vendor%2Da"] {
        let header = Some(basic(id, secret));
        let answer = post(kind, header, "/oauth/token", form(&[GRANT])).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let header = Some(basic("vendor-a", secret));
    let answer = post(kind, header, "/oauth/token", all).await;
    answer.expect_oauth(400, "invalid_request");
    for header in [
        users::basic("vendor-a", "x"),
        "Basic !".to_owned(),
        format!("Bearer {secret}"),
    ] {
        let answer = post(kind, Some(header), "/oauth/token", form(&[GRANT])).await;
        answer.expect_oauth(401, "credentials_invalid");
    }
}

#[tokio::test]
async fn token_dies_with_what_it_was_made_from() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let worker = test.worker(&vendor, &["*"]).await;
    let user = test.user(&vendor, "alice", &[]).await;
    let session = test.user_session(&user).await;
    let of_user = test.user_token(&session).await;
    let changed = test.user_token(&session).await;
    let token = test.granted("alice@vendor-a", &of_user).await;
    let other = test.granted("alice@vendor-a", &changed).await;
    let list = test
        .as_bearer(&session, Method::GET, "/user/sessions", Value::Null)
        .await;
    let id = list.json["items"].as_array().unwrap().iter();
    let id = id.clone().find(|item| item["kind"] == "token").unwrap()["id"].clone();
    let path = format!("/user/sessions/{}", id.as_str().unwrap());
    let ended = test
        .as_bearer(&session, Method::DELETE, &path, Value::Null)
        .await;
    assert!(ended.status < 300, "{ended:?}");
    let mut both = [
        test.bearer_status(&token).await,
        test.bearer_status(&other).await,
    ];
    both.sort_unstable();
    assert_eq!(both, [200, 401], "one of the two tokens was ended");
    // A new password ends what was made under the old one, whatever else goes on.
    test.sql()
        .await
        .execute(
            "UPDATE users SET password_edition = password_edition + 1",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(test.bearer_status(&other).await, 401);

    let of_worker = test.granted(&worker.login, &worker.key).await;
    assert_eq!(
        test.status_as("/api/credential-types", &of_worker).await,
        200
    );
    let path = format!("/workers/{}", worker.login);
    let gone = test
        .as_vendor(&vendor, Method::DELETE, &path, Value::Null)
        .await;
    assert!(gone.status < 300, "{gone:?}");
    assert_eq!(
        test.status_as("/api/credential-types", &of_worker).await,
        401
    );

    let token = test.vendor_token(&vendor).await;
    test.operate(Method::POST, "vendor-a", "/suspend").await;
    let refused = test.get("/sites").bearer(&token).send().await;
    refused.expect_problem(403, "vendor_suspended");
    test.grant("vendor-a", &vendor.private_key)
        .await
        .expect_oauth(403, "vendor_suspended");
    test.operate(Method::POST, "vendor-a", "/resume").await;
    assert_eq!(test.status_as("/sites", &token).await, 200);
    // The pair is ended.
    test.sql()
        .await
        .execute("UPDATE api_keys SET ends_at = $1", &[&test.app.clock.now()])
        .await
        .unwrap();
    wait::until("the pair is known to be ended", async || {
        test.status_as("/sites", &token).await == 401
    })
    .await;
}

#[tokio::test]
async fn time_of_a_token_ends_to_the_second() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let token = test.vendor_token(&vendor).await;
    test.app.clock.advance(590);
    assert_eq!(test.status_as("/sites", &token).await, 200);
    test.app.clock.advance(10);
    let refused = test.get("/sites").bearer(&token).send().await;
    refused.expect_problem(401, "credentials_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_token_is_refused_on_every_replica() {
    let (one, other) = users::two_replicas().await;
    let a = one.vendor("vendor-a").await;
    let b = one.vendor("vendor-b").await;
    let revoke = async |token: &str, id: &str, secret: &str| {
        let fields = [
            ("token", token),
            ("client_id", id),
            ("client_secret", secret),
        ];
        one.form("/oauth/revoke", &fields).await
    };
    let token = one.vendor_token(&a).await;
    assert_eq!(other.status_as("/sites", &token).await, 200);
    // Whatever it is, and whosever: nobody is told.
    for text in ["garbage", token.as_str(), &format!("{token}x")] {
        assert_eq!(revoke(text, "vendor-b", &b.private_key).await.status, 200);
    }
    assert_eq!(other.status_as("/sites", &token).await, 200);
    revoke(&token, "vendor-a", "x")
        .await
        .expect_oauth(401, "credentials_invalid");
    assert_eq!(revoke(&token, "vendor-a", &a.private_key).await.status, 200);
    assert_eq!(revoke(&token, "vendor-a", &a.private_key).await.status, 200);
    assert_eq!(one.status_as("/sites", &token).await, 401);
    wait::until("the other replica knows", async || {
        other.status_as("/sites", &token).await == 401
    })
    .await;
    // Whoever holds a token may end it.
    let token = one.vendor_token(&a).await;
    let by_bearer = async |bearer: &str| {
        other
            .post("/oauth/revoke")
            .header("content-type", "application/x-www-form-urlencoded")
            .bearer(bearer)
            .body(form(&[("token", &token)]))
            .send()
            .await
    };
    by_bearer(&a.private_key)
        .await
        .expect_oauth(401, "credentials_invalid");
    assert_eq!(by_bearer(&token).await.status, 200);
    assert_eq!(other.status_as("/sites", &token).await, 401);
    let sql = "SELECT count(*) FROM events WHERE action = 'access_token.revoked'";
    let told: i64 = one.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(told, 2);
    // A replica that starts later knows them all, and forgets what is over.
    let late = one.replica().await;
    assert_eq!(late.status_as("/sites", &token).await, 401);
    late.app.clock.advance(1000);
    assert_eq!(late.pass("rotate_token_key").await["forgotten"], 2);
}

#[tokio::test]
async fn all_tokens_of_a_vendor_end_at_once() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let (of_a, of_b) = (test.vendor_token(&a).await, test.vendor_token(&b).await);
    let ended = test
        .operate(Method::POST, "vendor-a", "/access-tokens/revoke")
        .await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(test.status_as("/sites", &of_a).await, 401);
    assert_eq!(test.status_as("/sites", &of_b).await, 200);
    let new = test.vendor_token(&a).await;
    assert_eq!(test.status_as("/sites", &new).await, 200);
    // With one of them, too: it is the vendor.
    let call = test
        .post("/api/access-tokens/revoke")
        .bearer(&new)
        .send()
        .await;
    assert_eq!(call.status, 200, "{call:?}");
    assert_eq!(test.status_as("/sites", &new).await, 401);
}
