//! Sessions, access tokens, HTTP Basic, and one's own password.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::users::GOOD;

#[tokio::test]
async fn session_shows_its_user_and_ends_with_its_time() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &["Night"]).await;
    let answer = test.log_in(&user.login, &user.password).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let fields: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["access_token", "expires_at"]);
    let session = answer.text_of("access_token");
    let own = test
        .as_bearer(&session, Method::GET, "/user", Value::Null)
        .await;
    assert_eq!(own.json["login"], "ann@media-a");
    assert_eq!(own.json["groups"], json!(["Night"]));
    assert_eq!(
        (&own.json["totp"], &own.json["enrolling"]),
        (&json!(false), &json!(false))
    );
    test.app.clock.advance(12 * 3600 - 60);
    assert_eq!(test.bearer_status(&session).await, 200);
    test.app.clock.advance(120);
    assert_eq!(test.bearer_status(&session).await, 401);
    test.pass("follow_workers").await;
    let sql = "SELECT count(*) FROM user_sessions";
    let left: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn basic_takes_password_or_own_token_under_the_right_name_only() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("media-a").await, test.vendor("media-b").await);
    let (ann, bob) = (
        test.user(&a, "ann", &[]).await,
        test.user(&a, "bob", &[]).await,
    );
    let other = test.user(&b, "ann", &[]).await;
    let session = test.user_session(&ann).await;
    let token = test.user_token(&session).await;
    let before = test.app.passwords.verified();
    assert_eq!(test.basic_status(&ann.login, &token).await, 200);
    assert_eq!(test.bearer_status(&token).await, 200);
    assert_eq!(
        test.app.passwords.verified(),
        before,
        "no hashing for tokens"
    );
    for (login, shown) in [
        (&bob.login, &token),
        (&other.login, &token),
        // A session is no access token.
        (&ann.login, &session),
        (&ann.login, &bob.password),
        (&ann.login, &other.password),
        (&ann.login, &String::new()),
        (&"ann".to_owned(), &ann.password),
        (&ann.login, &test.operator),
    ] {
        let call = test.get("/api/user").basic(login, shown);
        call.send().await.expect_problem(401, "credentials_invalid");
    }
    let by_host = test
        .get("/api/user")
        .header("host", "media-a.gatehouse.test:8080");
    assert_eq!(by_host.basic("ann", &ann.password).send().await.status, 200);
    let by_host = test
        .get("/api/user")
        .header("host", "media-b.gatehouse.test");
    assert_eq!(by_host.basic("ann", &ann.password).send().await.status, 401);
    for header in ["Basic", "Basic !", "Basic YW5u", "Basic /////w=="] {
        let call = test.get("/api/user").header("authorization", header);
        call.send().await.expect_problem(401, "credentials_invalid");
    }
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let (ann, bob) = (
        test.user(&a, "ann", &[]).await,
        test.user(&a, "bob", &[]).await,
    );
    let (session, of_bob) = (test.user_session(&ann).await, test.user_session(&bob).await);
    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "name": "" }), "/name"),
        (json!({ "name": "x", "expiresIn": 59 }), "/expiresIn"),
        (
            json!({ "name": "x", "expiresIn": 31_536_001 }),
            "/expiresIn",
        ),
    ] {
        let answer = test
            .as_bearer(&session, Method::POST, "/user/sessions", body)
            .await;
        answer.expect_problem(422, "invalid_field");
        assert_eq!(answer.json["errors"][0]["pointer"], pointer);
    }
    let body = json!({ "name": "nightly", "expiresIn": 3600 });
    let made = test
        .as_bearer(&session, Method::POST, "/user/sessions", body)
        .await;
    let (token, id) = (made.text_of("token"), made.text_of("id"));
    let another = json!({ "name": "more" });
    let refused = test
        .as_bearer(&token, Method::POST, "/user/sessions", another)
        .await;
    refused.expect_problem(403, "session_needed");
    let list = test
        .as_bearer(&token, Method::GET, "/user/sessions", Value::Null)
        .await;
    let items = list.json["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let own = items.iter().find(|item| item["id"] == id.as_str()).unwrap();
    assert_eq!(
        (&own["name"], &own["kind"]),
        (&json!("nightly"), &json!("token"))
    );
    assert_eq!(own["current"], true);
    assert!(own["lastUsedAt"].is_string() && own["address"].is_string());
    assert!(!list.text.contains(&token));
    // Somebody else's is none.
    let path = format!("/user/sessions/{id}");
    for path in [
        path.as_str(),
        "/user/sessions/0000000000000001",
        "/user/sessions/x",
    ] {
        let answer = test
            .as_bearer(&of_bob, Method::DELETE, path, Value::Null)
            .await;
        answer.expect_problem(404, "not_found");
    }
    let ended = test
        .as_bearer(&session, Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(ended.json["ended"], 1);
    assert_eq!(test.bearer_status(&token).await, 401);
    let token = test.user_token(&session).await;
    test.app.clock.advance(10);
    let all = test
        .as_bearer(&session, Method::DELETE, "/user/sessions", Value::Null)
        .await;
    assert_eq!(all.json["ended"], 2);
    for bearer in [&session, &token] {
        assert_eq!(test.bearer_status(bearer).await, 401);
    }
    assert_eq!(test.bearer_status(&of_bob).await, 200);
}

#[tokio::test]
async fn tokens_and_sessions_are_limited() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let session = test.user_session(&user).await;
    let token = test.user_token(&session).await;
    let sql = "INSERT INTO user_sessions SELECT g, vendor_id, user_id, kind, name, digest, false, address, user_agent, \
               created_at + interval '1 second', NULL, expires_at FROM user_sessions, generate_series(1, 99) g WHERE kind = 'token'";
    test.sql().await.batch_execute(sql).await.unwrap();
    let body = json!({ "name": "one too many" });
    let refused = test
        .as_bearer(&session, Method::POST, "/user/sessions", body.clone())
        .await;
    refused.expect_problem(409, "token_limit");
    test.sql()
        .await
        .batch_execute("DELETE FROM user_sessions WHERE id = 7")
        .await
        .unwrap();
    let made = test
        .as_bearer(&session, Method::POST, "/user/sessions", body)
        .await;
    assert_eq!(made.status, 201);
    // Log-ins go on: the oldest session ends.
    let sql = "UPDATE user_sessions SET kind = 'session' WHERE id < 100";
    test.sql().await.batch_execute(sql).await.unwrap();
    test.user_session(&user).await;
    test.user_session(&user).await;
    assert_eq!(test.bearer_status(&session).await, 401);
    assert_eq!(test.bearer_status(&token).await, 200);
}

/// J-09.
#[tokio::test]
async fn own_password_needs_the_current_one_and_ends_the_rest() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &["Administrators"]).await;
    let (session, other) = (
        test.user_session(&user).await,
        test.user_session(&user).await,
    );
    let token = test.user_token(&session).await;
    let change = async |current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        test.as_bearer(&session, Method::PUT, "/user/password", body)
            .await
    };
    change("wrong", GOOD)
        .await
        .expect_problem(403, "password_wrong");
    for new in [user.password.as_str(), "foobaz", "Password1234"] {
        let refused = change(&user.password, new).await;
        refused.expect_problem(422, "invalid_field");
        assert_eq!(refused.json["errors"][0]["pointer"], "/new");
    }
    for body in [json!({ "new": GOOD }), json!({ "current": "x" })] {
        let refused = test
            .as_bearer(&session, Method::PUT, "/user/password", body)
            .await;
        refused.expect_problem(422, "invalid_field");
    }
    assert_eq!(change(&user.password, GOOD).await.status, 200);
    test.keep_secret(GOOD);
    assert_eq!(test.bearer_status(&session).await, 200);
    for bearer in [&other, &token] {
        assert_eq!(test.bearer_status(bearer).await, 401);
    }
    assert_eq!(test.basic_status(&user.login, &user.password).await, 401);
    assert_eq!(test.basic_status(&user.login, GOOD).await, 200);
    // Wrong ones are tries to log in.
    for _ in 0..5 {
        change("wrong", "whatever it may be 77").await;
    }
    change(GOOD, "whatever it may be 77")
        .await
        .expect_problem(429, "rate_limited");
    let events = test.user_events().await;
    assert!(
        events.contains(&"user.password_changed done".to_owned()),
        "{events:?}"
    );
}

#[tokio::test]
async fn hash_with_less_work_gives_way_at_the_next_log_in() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let hash = async || {
        let row = test
            .sql()
            .await
            .query_one("SELECT password FROM users", &[])
            .await;
        row.unwrap().get::<_, String>(0)
    };
    let strong = hash().await;
    assert!(
        strong.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{strong}"
    );
    let ring = test.app.keys().unwrap();
    let params = argon2::Params::new(1024, 1, 1, None).unwrap();
    let pepper = ring.password_pepper();
    let weak = argon2::Argon2::new_with_secret(
        &*pepper,
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        params,
    )
    .unwrap();
    let weak = argon2::PasswordHasher::hash_password_with_salt(
        &weak,
        user.password.as_bytes(),
        b"0123456789abcdef",
    )
    .unwrap();
    let sql = format!("UPDATE users SET password = '{weak}'");
    test.sql().await.batch_execute(&sql).await.unwrap();
    assert_eq!(test.log_in(&user.login, &user.password).await.status, 200);
    let renewed = hash().await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && renewed != strong);
    assert_eq!(test.basic_status(&user.login, &user.password).await, 200);
}

#[tokio::test]
async fn copy_of_the_database_holds_nothing_to_use() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &["Administrators"]).await;
    let session = test.user_session(&user).await;
    let token = test.user_token(&session).await;
    let secret = test.second_factor(&user, &session).await;
    let dump = test.dump().await;
    let raw = totp_rs::Secret::try_from_base32(&secret).unwrap();
    let raw = hex::encode(raw.as_bytes());
    for secret in [&user.password, &session, &token, &secret, &raw] {
        assert!(!dump.contains(secret.as_str()));
        assert!(!dump.contains(&secret[secret.len() - 16..]));
    }
    // No value of a column opens anything.
    for word in dump
        .split_whitespace()
        .filter(|word| (12..200).contains(&word.len()))
    {
        let looks_like_one =
            word.starts_with("$argon2") || word.starts_with("\\x") || word.starts_with("gho_");
        if looks_like_one {
            assert_eq!(test.bearer_status(word).await, 401, "{word}");
        }
    }
    let hash = test
        .sql()
        .await
        .query_one("SELECT password FROM users", &[])
        .await
        .unwrap();
    let hash: String = hash.get(0);
    assert_eq!(test.basic_status(&user.login, &hash).await, 401);
}

/// J-16.
#[tokio::test]
async fn no_user_is_there_that_nobody_made() {
    let test = TestApp::start().await;
    test.vendor("media-a").await;
    let sql = "SELECT count(*) FROM users";
    let users: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(users, 0);
    for password in ["", "admin", "foobaz", "password"] {
        assert_eq!(test.basic_status("admin@media-a", password).await, 401);
    }
}

#[tokio::test]
async fn trail_says_who_did_what_and_no_secret() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let session = test.user_session(&user).await;
    let token = test.user_token(&session).await;
    test.delete("/api/user/sessions")
        .bearer(&token)
        .send()
        .await;
    let sql = "SELECT actor, action, vendor_id, details FROM events WHERE action LIKE 'user.%' ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let said: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let by = |actor: &str, action: &str| (actor.to_owned(), action.to_owned());
    let wanted = [
        by("vendor", "user.created"),
        by("user:ann", "user.logged_in"),
        by("user:ann", "user.token_made"),
        by("user:ann", "user.session_revoked"),
    ];
    assert_eq!(said, wanted);
    for row in rows {
        assert_eq!(row.get::<_, Option<i64>>(2), Some(a.id));
        let details: Value = row.get(3);
        assert_eq!(details["user"], "ann");
        let details = details.to_string();
        assert!(
            !details.contains(&user.password) && !details.contains("gho_"),
            "{details}"
        );
    }
}
