//! The second factor.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, TestUser};

async fn totp(
    test: &TestApp,
    session: &str,
    method: Method,
    body: Value,
) -> crate::support::http::Answer {
    test.as_bearer(session, method, "/user/totp", body).await
}

#[tokio::test]
async fn second_factor_is_begun_confirmed_asked_for_and_removed() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let session = test.user_session(&user).await;
    let none = totp(&test, &session, Method::PUT, json!({ "code": "123456" })).await;
    none.expect_problem(409, "totp_absent");
    let wrong = totp(
        &test,
        &session,
        Method::POST,
        json!({ "password": "wrong" }),
    )
    .await;
    wrong.expect_problem(403, "password_wrong");
    let begun = totp(
        &test,
        &session,
        Method::POST,
        json!({ "password": user.password }),
    )
    .await;
    assert_eq!(begun.status, 201, "{begun:?}");
    let url = begun.text_of("otpauthUrl");
    assert!(
        url.starts_with("otpauth://totp/Gatehouse:ann%40media-a?secret="),
        "{url}"
    );
    // Not in force before a code was shown.
    assert_eq!(test.log_in(&user.login, &user.password).await.status, 200);
    let secret = begun.text_of("totpSecret");
    let wrong = test.code(&secret, 5);
    let wrong = totp(&test, &session, Method::PUT, json!({ "code": wrong })).await;
    wrong.expect_problem(403, "totp_wrong");
    for bad in [
        json!("12345"),
        json!("1234567"),
        json!(123_456),
        json!("12345a"),
        json!(" 123456"),
    ] {
        let refused = totp(&test, &session, Method::PUT, json!({ "code": bad })).await;
        refused.expect_problem(422, "invalid_field");
    }
    let code = test.code(&secret, 0);
    let right = totp(&test, &session, Method::PUT, json!({ "code": code })).await;
    assert_eq!(right.json, json!({ "totp": true }), "{right:?}");
    let again = totp(
        &test,
        &session,
        Method::POST,
        json!({ "password": user.password }),
    )
    .await;
    again.expect_problem(409, "totp_in_force");
    let needed = test.log_in(&user.login, &user.password).await;
    needed.expect_problem(401, "totp_required");
    // Only after the right password.
    test.log_in(&user.login, "wrong")
        .await
        .expect_problem(401, "credentials_invalid");
    // The code that confirmed it is used.
    test.log_in_with(&user, &code)
        .await
        .expect_problem(401, "credentials_invalid");
    test.app.clock.advance(30);
    let in_with = test.log_in_with(&user, &test.code(&secret, 0)).await;
    assert_eq!(in_with.status, 200, "{in_with:?}");
    test.app.clock.advance(60);
    let code = test.code(&secret, 0);
    let body = json!({ "password": user.password, "code": code });
    let wrong = json!({ "password": "wrong", "code": code });
    totp(&test, &session, Method::DELETE, wrong)
        .await
        .expect_problem(403, "password_wrong");
    let gone = totp(&test, &session, Method::DELETE, body).await;
    assert_eq!(gone.json, json!({ "totp": false }), "{gone:?}");
    assert_eq!(test.log_in(&user.login, &user.password).await.status, 200);
    let events = test.user_events().await;
    for wanted in ["user.totp_enabled done", "user.totp_disabled done"] {
        assert!(events.contains(&wanted.to_owned()), "{events:?}");
    }
}

/// J-19, J-20, J-21, J-24.
#[tokio::test]
async fn codes_are_exact_of_their_time_and_good_once() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let session = test.user_session(&user).await;
    let secret = test.second_factor(&user, &session).await;
    let reset = async || {
        let sql = "UPDATE login_tries SET failures = 0, blocked_until = NULL";
        test.sql().await.batch_execute(sql).await.unwrap();
    };
    // At the beginning of a half minute, so that the codes around it stay those around it.
    let into = test.app.clock.now().as_second() % 30;
    test.app.clock.advance(330 - into);
    let good = test.code(&secret, 0);
    let wide: String = good
        .chars()
        .map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap())
        .collect();
    for bad in [
        format!(" {good}"),
        format!("{} {}", &good[..3], &good[3..]),
        format!("{good}\n"),
        wide,
        good[..5].to_owned(),
        format!("{good}0"),
        String::new(),
        test.code(&secret, -2),
        test.code(&secret, 1),
        test.code(&secret, 2),
    ] {
        reset().await;
        let refused = test.log_in_with(&user, &bad).await;
        refused.expect_problem(401, "credentials_invalid");
    }
    reset().await;
    // The one before is good, then this one, each once, and never back.
    let before = test.code(&secret, -1);
    assert_eq!(test.log_in_with(&user, &before).await.status, 200);
    assert_eq!(test.log_in_with(&user, &good).await.status, 200);
    for used in [&before, &good] {
        let replayed = test.log_in_with(&user, used).await;
        replayed.expect_problem(401, "credentials_invalid");
    }
    // A number is no string.
    let body =
        json!({ "session": { "email": user.login, "password": user.password, "totp": 123_456 } });
    let number = test.post("/api/sessions").json(&body).send().await;
    number.expect_problem(422, "invalid_field");
    // What a client says of the time is nothing to go by.
    test.app.clock.advance(300);
    let old = test.code(&secret, -4);
    let body =
        json!({ "session": { "email": user.login, "password": user.password, "totp": old } });
    let call = test
        .post("/api/sessions")
        .header("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    call.json(&body)
        .send()
        .await
        .expect_problem(401, "credentials_invalid");
}

#[tokio::test]
async fn one_code_at_once_is_good_once() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let session = test.user_session(&user).await;
    let secret = test.second_factor(&user, &session).await;
    let code = test.code(&secret, 0);
    let tries = (0..4).map(|_| test.log_in_with(&user, &code));
    let answers = futures_util::future::join_all(tries).await;
    let right = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(right, 1, "{answers:?}");
}

/// J-22: the counter is the account's, not a session's.
#[tokio::test]
async fn wrong_codes_are_wrong_tries() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let session = test.user_session(&user).await;
    let secret = test.second_factor(&user, &session).await;
    for n in 0..5 {
        let wrong = test.log_in_with(&user, &test.code(&secret, 10 + n)).await;
        wrong.expect_problem(401, "credentials_invalid");
        // The password alone neither counts nor begins anew.
        if n < 4 {
            let needed = test.log_in(&user.login, &user.password).await;
            needed.expect_problem(401, "totp_required");
        }
    }
    let right = test.code(&secret, 0);
    let slowed = test.log_in_with(&user, &right).await;
    slowed.expect_problem(429, "rate_limited");
    let body = json!({ "password": user.password, "code": right });
    let elsewhere = totp(&test, &session, Method::DELETE, body).await;
    elsewhere.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn basic_with_a_password_is_no_side_door() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let session = test.user_session(&user).await;
    let token = test.user_token(&session).await;
    assert_eq!(test.basic_status(&user.login, &user.password).await, 200);
    test.second_factor(&user, &session).await;
    // Remembered a moment ago, and nothing any more.
    let refused = test
        .get("/api/user")
        .basic(&user.login, &user.password)
        .send()
        .await;
    refused.expect_problem(401, "credentials_invalid");
    assert_eq!(test.basic_status(&user.login, &token).await, 200);
    let reset = json!({ "resetTotp": true });
    test.as_vendor(&a, Method::PATCH, "/users/ann", reset).await;
    assert_eq!(test.basic_status(&user.login, &user.password).await, 200);
    assert_eq!(test.log_in(&user.login, &user.password).await.status, 200);
}

async fn demand(test: &TestApp, user: &TestUser, vendor: &crate::support::TestVendor) -> String {
    let rules = json!({ "requireTotp": true });
    test.as_vendor(vendor, Method::PATCH, "/user-rules", rules)
        .await;
    let answer = test.log_in(&user.login, &user.password).await;
    assert_eq!(answer.json["enrol_totp"], true, "{answer:?}");
    answer.text_of("access_token")
}

#[tokio::test]
async fn vendor_that_demands_it_lets_users_set_it_up_and_nothing_else() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &["Administrators"]).await;
    let before = test.user_session(&user).await;
    let token = test.user_token(&before).await;
    let enrolling = demand(&test, &user, &a).await;
    assert_eq!(test.basic_status(&user.login, &user.password).await, 401);
    assert_eq!(test.basic_status(&user.login, &token).await, 200);
    let own = test
        .as_bearer(&enrolling, Method::GET, "/user", Value::Null)
        .await;
    assert_eq!(own.json["enrolling"], true, "{own:?}");
    for (method, path, body) in [
        (Method::GET, "/users", Value::Null),
        (Method::GET, "/user/sessions", Value::Null),
        (Method::POST, "/user/sessions", json!({ "name": "x" })),
        (Method::DELETE, "/user/sessions", Value::Null),
        (
            Method::DELETE,
            "/user/sessions/0000000000000001",
            Value::Null,
        ),
        (
            Method::PUT,
            "/user/password",
            json!({ "current": "x", "new": "y" }),
        ),
        (
            Method::DELETE,
            "/user/totp",
            json!({ "password": "x", "code": "123456" }),
        ),
    ] {
        let refused = test.as_bearer(&enrolling, method, path, body).await;
        refused.expect_problem(403, "totp_enrolment_only");
    }
    let second = demand(&test, &user, &a).await;
    let out = test
        .as_bearer(
            &second,
            Method::DELETE,
            "/user/sessions/current",
            Value::Null,
        )
        .await;
    assert_eq!(out.status, 200, "{out:?}");
    assert_eq!(test.bearer_status(&second).await, 401);
    let third = demand(&test, &user, &a).await;
    let secret = test.second_factor(&user, &enrolling).await;
    // The one that showed both is good for everything now, the other is gone.
    let users = test
        .as_bearer(&enrolling, Method::GET, "/users", Value::Null)
        .await;
    assert_eq!(users.status, 200, "{users:?}");
    assert_eq!(test.bearer_status(&third).await, 401);
    let full = test.log_in_with(&user, &test.code(&secret, 0)).await;
    assert_eq!((full.status, &full.json["enrol_totp"]), (200, &Value::Null));
}

#[tokio::test]
async fn sealed_secret_opens_for_its_user_only() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let (ann, bob) = (
        test.user(&a, "ann", &[]).await,
        test.user(&a, "bob", &[]).await,
    );
    let session = test.user_session(&ann).await;
    let secret = test.second_factor(&ann, &session).await;
    let sql = "UPDATE users SET totp_sealed = (SELECT totp_sealed FROM users WHERE name = 'ann'), \
               totp_confirmed_at = now() WHERE name = 'bob'";
    test.sql().await.batch_execute(sql).await.unwrap();
    let swapped = test.log_in_with(&bob, &test.code(&secret, 0)).await;
    swapped.expect_problem(500, "integrity");
}
