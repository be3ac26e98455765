//! Wrong tries of operators' passwords: counted, slowed down, and no weapon against the owner.

use futures_util::future::join_all;
use gatehouse::users::operators::manage;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::http::Answer;
use crate::support::operators::{STRONG, name};
use crate::support::users::behind_proxy;

const OWNERS: &str = "198.51.100.7";
const STRANGERS: &str = "203.0.113.9";

async fn from(test: &TestApp, address: &str, body: Value) -> Answer {
    let call = test.post("/api/admin/sessions").from(address);
    call.json(&body).send().await
}

async fn block(test: &TestApp, who: &str) {
    for n in 0..5 {
        let wrong = json!({ "name": who, "password": format!("wrong {n}") });
        let answer = from(test, STRANGERS, wrong).await;
        answer.expect_problem(401, "credentials_invalid");
    }
}

/// J-10, J-11, J-12, J-14, J-15.
#[tokio::test]
async fn strangers_are_shut_out_and_the_owner_is_not() {
    let test = behind_proxy().await;
    let ann = test.person("ann").await;
    let right = |who: &str| {
        let code = test.code(&ann.secret, 0);
        json!({ "name": who, "password": STRONG, "otp": code })
    };
    assert_eq!(from(&test, OWNERS, right("ann")).await.status, 201);
    test.app.clock.advance(30);
    block(&test, "ann").await;
    for variant in ["ann", "ANN", " ann ", "\u{ff41}nn", "an\u{200b}n"] {
        for address in [STRANGERS, "2001:db8::1", "192.0.2.200"] {
            let shut = from(&test, address, right(variant)).await;
            shut.expect_problem(429, "rate_limited");
            assert!(shut.headers.contains_key("retry-after"), "{shut:?}");
        }
    }
    // Whoever nobody is gets the same answers.
    let before = test.app.passwords.verified();
    block(&test, "nobody-of-that-name").await;
    assert_eq!(test.app.passwords.verified() - before, 5, "the same work");
    let shut = from(&test, STRANGERS, right("nobody-of-that-name")).await;
    shut.expect_problem(429, "rate_limited");
    // The owner comes in from where it came before, and a vendor's user of the same name is another.
    let owner = from(&test, OWNERS, right("ann")).await;
    assert_eq!(owner.status, 201, "{owner:?}");
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    assert_eq!(test.log_in(&user.login, &user.password).await.status, 200);
    // A hundred in a row: no password counts from elsewhere until the command line resets it.
    test.app.clock.advance(901);
    let sql = "UPDATE login_tries SET failures = 100 WHERE source = '' AND vendor_id = -1";
    test.sql().await.batch_execute(sql).await.unwrap();
    let locked = from(&test, STRANGERS, right("ann")).await;
    locked.expect_problem(403, "locked_out");
    assert_eq!(from(&test, OWNERS, right("ann")).await.status, 201);
    test.app.clock.advance(30);
    let (pool, ring) = (test.command_line(), test.app.keys().unwrap());
    let same = gatehouse::types::Secret::new(STRONG.to_owned());
    let reset = manage::reset_password(&pool, ring, &name("ann"), Some(&same)).await;
    assert!(reset.unwrap().is_none());
    assert_eq!(from(&test, STRANGERS, right("ann")).await.status, 201);
}

/// J-11, J-22: one counter for all sessions and places, whatever comes at once.
#[tokio::test]
async fn fifty_at_once_and_codes_in_sessions_count_as_one_row() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let session = ann.session.clone();
    let wrong_code = test.code(&ann.secret, 5);
    for n in 0..5 {
        let answer = if n % 2 == 0 {
            let body = json!({ "name": "ann", "password": STRONG, "otp": wrong_code });
            let answer = test.operator_log_in(body).await;
            answer.expect_problem(401, "credentials_invalid");
            answer
        } else {
            let call = test.delete("/api/admin/account/totp").bearer(&session);
            let answer = call.json(&json!({ "password": STRONG, "code": wrong_code }));
            let answer = answer.send().await;
            answer.expect_problem(403, "totp_wrong");
            answer
        };
        assert!(answer.status > 400);
    }
    let right = json!({ "name": "ann", "password": STRONG, "otp": test.code(&ann.secret, 0) });
    let shut = test.operator_log_in(right).await;
    shut.expect_problem(429, "rate_limited");
    let call = test.delete("/api/admin/account/totp").bearer(&session);
    let body = json!({ "password": STRONG, "code": test.code(&ann.secret, 0) });
    let shut = call.json(&body).send().await;
    shut.expect_problem(429, "rate_limited");
    test.forget_tries().await;
    let before = test.app.passwords.verified();
    let tries = (0..50).map(|n| {
        let test = &test;
        async move {
            let wrong = json!({ "name": "ann", "password": format!("wrong {n}") });
            test.operator_log_in(wrong).await.status
        }
    });
    let answers = join_all(tries).await;
    let of = |wanted: u16| answers.iter().filter(|status| **status == wanted).count();
    assert_eq!((of(401), of(429)), (5, 45), "{answers:?}");
    assert_eq!(test.app.passwords.verified() - before, 5);
}
