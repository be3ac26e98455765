//! Users at their edges: many tries at once, what is remembered, and who waits for whom.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::users::{GOOD, behind_proxy};

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn failures(test: &TestApp) -> i64 {
    let sql = "SELECT coalesce(sum(failures), 0)::bigint FROM login_tries";
    test.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn right_password_is_remembered_for_its_network_only() {
    let test = behind_proxy().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let status = async |address: &str| {
        let call = test.get("/api/user").from(address);
        call.basic(&user.login, &user.password).send().await.status
    };
    let before = test.app.passwords.verified();
    for (address, verified) in [("198.51.100.7", 1), ("198.51.100.7", 1), ("203.0.113.9", 2)] {
        assert_eq!(status(address).await, 200);
        assert_eq!(test.app.passwords.verified() - before, verified);
    }
}

#[tokio::test]
async fn right_guess_among_many_at_once_is_looked_at_in_its_turn() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    assert_eq!(test.basic_status(&user.login, &user.password).await, 200);
    // Nobody gets to know whether a name is shut out until all 60 have asked.
    let mut sql = test.sql().await;
    let lock = sql.transaction().await.unwrap();
    let held = "LOCK TABLE login_tries IN ACCESS EXCLUSIVE MODE";
    lock.batch_execute(held).await.unwrap();
    let guesses = (0..60_u64).map(|n| {
        let (test, user) = (&test, &user);
        async move {
            pause(15 * n.min(10)).await;
            if n == 6 {
                return test.basic_status(&user.login, &user.password).await;
            }
            let wrong = format!("wrong {n}");
            if n % 2 == 0 {
                test.log_in(&user.login, &wrong).await.status
            } else {
                test.basic_status(&user.login, &wrong).await
            }
        }
    });
    let release = async {
        pause(500).await;
        lock.commit().await.unwrap();
    };
    let (answers, ()) = join(join_all(guesses), release).await;
    let refused = answers.iter().filter(|status| **status == 401).count();
    let slowed = answers.iter().filter(|status| **status == 429).count();
    assert_eq!((refused, slowed, answers[6]), (5, 55, 429), "{answers:?}");
}

#[tokio::test]
async fn try_that_waits_for_a_slot_is_not_counted_yet() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let slots = std::sync::Arc::clone(&test.app.passwords.slots);
    let all = u32::try_from(slots.available_permits()).unwrap();
    let taken = slots.acquire_many(all).await.unwrap();
    let session = async { test.log_in(&user.login, &user.password).await.status };
    let watch = async {
        pause(700).await;
        let counted = failures(&test).await;
        drop(taken);
        counted
    };
    let (status, counted) = join(session, watch).await;
    assert_eq!((status, counted), (200, 0));
}

#[tokio::test]
async fn right_password_that_cannot_be_noted_is_no_failure() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let sql = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; \
               CREATE TRIGGER refuse BEFORE INSERT ON login_tries FOR EACH ROW \
               WHEN (NEW.known_until IS NOT NULL) EXECUTE FUNCTION refuse()";
    test.sql().await.batch_execute(sql).await.unwrap();
    let refused = test.log_in(&user.login, &user.password).await;
    assert!(refused.status >= 500, "{refused:?}");
    assert_eq!(failures(&test).await, 0);
}

#[tokio::test]
async fn new_passwords_are_measured_beside_those_that_log_in() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let make = async |name: &str, password: &str| {
        let body = json!({ "name": name, "password": password });
        test.as_vendor(&a, Method::POST, "/users", body).await
    };
    let long = format!("{}{GOOD}", "a".repeat(64));
    make("bob", &long)
        .await
        .expect_problem(422, "invalid_field");
    let slots = std::sync::Arc::clone(&test.app.passwords.slots);
    let all = u32::try_from(slots.available_permits()).unwrap();
    let taken = slots.acquire_many(all).await.unwrap();
    make("bob", "foobaz")
        .await
        .expect_problem(422, "invalid_field");
    make("ann", GOOD).await.expect_problem(409, "user_exists");
    drop(taken);
    let strength = std::sync::Arc::clone(&test.app.passwords.strength);
    let taken = strength.acquire_owned().await.unwrap();
    let (bob, session) = join(make("bob", GOOD), test.log_in(&user.login, &user.password)).await;
    bob.expect_problem(503, "passwords_busy");
    assert_eq!(session.status, 200, "{session:?}");
    drop(taken);
    assert_eq!(make("bob", GOOD).await.status, 201);
    test.keep_secret(GOOD);
}

#[tokio::test]
async fn access_token_of_an_administrator_reads_only() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let admin = test.user(&a, "one", &["Administrators"]).await;
    let session = test.user_session(&admin).await;
    let token = test.user_token(&session).await;
    let read = test.as_bearer(&token, Method::GET, "/users", Value::Null);
    assert_eq!(read.await.status, 200);
    for (method, path, body) in [
        (Method::POST, "/users", json!({ "name": "evil" })),
        (Method::PATCH, "/users/one", json!({ "groups": [] })),
        (Method::DELETE, "/users/one/sessions", Value::Null),
        (
            Method::PATCH,
            "/user-rules",
            json!({ "requireTotp": false }),
        ),
    ] {
        let refused = test.as_bearer(&token, method, path, body).await;
        refused.expect_problem(403, "session_needed");
    }
    let by_basic = test.post("/api/users").basic(&admin.login, &token);
    let by_basic = by_basic.json(&json!({ "name": "evil" })).send().await;
    by_basic.expect_problem(403, "session_needed");
    let by_password = test.post("/api/users").basic(&admin.login, &admin.password);
    let by_password = by_password.json(&json!({ "name": "new" })).send().await;
    assert_eq!(by_password.status, 201, "{by_password:?}");
}

#[tokio::test]
async fn demand_of_a_second_factor_counts_at_once_for_all_sessions() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let demand = async |is: bool| {
        let body = json!({ "requireTotp": is });
        let set = test.as_vendor(&a, Method::PATCH, "/user-rules", body).await;
        assert_eq!(set.status, 200, "{set:?}");
    };
    let own = async |bearer: &str| {
        let answer = test.as_bearer(bearer, Method::GET, "/user/sessions", Value::Null);
        answer.await.status
    };
    let (session, other) = (
        test.user_session(&user).await,
        test.user_session(&user).await,
    );
    let token = test.user_token(&session).await;
    demand(true).await;
    for (bearer, status) in [(&session, 403), (&other, 403), (&token, 200)] {
        assert_eq!(own(bearer).await, status);
    }
    let enrolling = test.user_session(&user).await;
    demand(false).await;
    for bearer in [&session, &enrolling] {
        assert_eq!(own(bearer).await, 200);
    }
    demand(true).await;
    let secret = test.second_factor(&user, &session).await;
    assert_eq!(own(&session).await, 200);
    for bearer in [&other, &enrolling] {
        assert_eq!(own(bearer).await, 401);
    }
    let body = json!({ "password": user.password, "code": test.code(&secret, 0) });
    let removed = test.as_bearer(&session, Method::DELETE, "/user/totp", body);
    assert_eq!(removed.await.status, 200);
    let refused = test.as_bearer(&session, Method::GET, "/user/sessions", Value::Null);
    refused.await.expect_problem(403, "totp_enrolment_only");
    assert_eq!(own(&token).await, 200);
    // Without the demand a second factor ends nothing that is whole.
    demand(false).await;
    let other = test.user_session(&user).await;
    test.second_factor(&user, &session).await;
    assert_eq!((own(&session).await, own(&other).await), (200, 200));
}

#[tokio::test]
async fn tokens_of_one_user_are_made_one_after_the_other_and_keep_nobody_waiting() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let (ann, bob) = (
        test.user(&a, "ann", &[]).await,
        test.user(&a, "bob", &[]).await,
    );
    let (of_ann, of_bob) = (test.user_session(&ann).await, test.user_session(&bob).await);
    let mut sql = test.sql().await;
    let lock = sql.transaction().await.unwrap();
    let held = "SELECT 1 FROM users WHERE name = 'ann' FOR UPDATE";
    lock.batch_execute(held).await.unwrap();
    let made = (0..20).map(|n| {
        let body = json!({ "name": format!("t{n}") });
        test.as_bearer(&of_ann, Method::POST, "/user/sessions", body)
    });
    let others = async {
        pause(500).await;
        let started = Instant::now();
        assert_eq!(test.bearer_status(&of_bob).await, 200);
        let waited = started.elapsed();
        lock.commit().await.unwrap();
        waited
    };
    let (made, waited) = join(join_all(made), others).await;
    assert!(waited < Duration::from_millis(500), "{waited:?}");
    assert!(made.iter().all(|answer| answer.status == 201), "{made:?}");
}

#[tokio::test]
async fn cursor_with_a_nul_is_refused() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    // "a\u0000" in JSON.
    let path = "/users?cursor=ImFcdTAwMDAi";
    for path in [path, &path.replace("users", "groups")] {
        let refused = test.as_vendor(&a, Method::GET, path, Value::Null).await;
        assert_eq!(refused.status, 400, "{refused:?}");
    }
}

#[tokio::test]
async fn nothing_to_change_changes_nothing() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    test.user(&a, "ann", &[]).await;
    let show = || test.as_vendor(&a, Method::GET, "/users/ann", Value::Null);
    let before = show().await.json;
    test.app.clock.advance(60);
    for body in [
        json!({}),
        json!({ "resetTotp": false, "resetTries": false }),
    ] {
        let same = test.as_vendor(&a, Method::PATCH, "/users/ann", body).await;
        assert_eq!((same.status, &same.json), (200, &before));
    }
    assert_eq!(show().await.json, before);
    assert_eq!(test.user_events().await, ["user.created done"]);
}

#[tokio::test]
async fn host_name_may_end_with_a_dot() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    for (host, status) in [
        ("media-a.gatehouse.test.", 200),
        ("media-a.gatehouse.test.:443", 200),
        ("media-a.gatehouse.test..", 401),
    ] {
        let call = test.get("/api/user").header("host", host);
        let answer = call.basic("ann", &user.password).send().await;
        assert_eq!(answer.status, status, "{host}");
    }
}
