//! Wrong passwords: counted, slowed down, and no way around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::users::{behind_proxy, two_replicas};
use crate::support::wait::until;
use crate::support::{TestApp, TestUser};

const OWNERS: &str = "198.51.100.7";
const STRANGERS: &str = "203.0.113.9";

async fn log_in_from(test: &TestApp, address: &str, login: &str, password: &str) -> Answer {
    let body = json!({ "session": { "email": login, "password": password } });
    let call = test.post("/api/sessions").from(address);
    call.json(&body).send().await
}

async fn block(test: &TestApp, login: &str) {
    for n in 0..5 {
        let answer = test.log_in(login, &format!("wrong {n}")).await;
        answer.expect_problem(401, "credentials_invalid");
    }
}

fn wait_of(answer: &Answer) -> i64 {
    answer.expect_problem(429, "rate_limited");
    answer.json["retry_after"].as_i64().unwrap()
}

#[tokio::test]
async fn blocks_grow_and_end_with_a_success() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    block(&test, &user.login).await;
    for seconds in [15, 30, 60, 120, 240, 480, 900, 900] {
        // The right one, by every way in.
        let wait = wait_of(&test.log_in(&user.login, &user.password).await);
        assert!((seconds / 2..=seconds + 1).contains(&wait), "{wait}");
        let basic = test.get("/api/user").basic(&user.login, &user.password);
        wait_of(&basic.send().await);
        test.app.clock.advance(seconds + 1);
        let wrong = test.log_in(&user.login, "wrong again").await;
        wrong.expect_problem(401, "credentials_invalid");
    }
    test.app.clock.advance(901);
    assert_eq!(test.log_in(&user.login, &user.password).await.status, 200);
    block(&test, &user.login).await;
    wait_of(&test.log_in(&user.login, &user.password).await);
}

/// J-11.
#[tokio::test]
async fn no_variant_address_or_place_is_a_way_around() {
    let test = behind_proxy().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    block(&test, &user.login).await;
    let host = "media-a.gatehouse.test";
    for name in [
        "ann@media-a",
        "ANN@media-a",
        " ann@media-a ",
        "\u{ff41}nn@media-a",
        "ann\u{200b}@Media-A",
    ] {
        for address in [STRANGERS, "2001:db8::1", "192.0.2.200"] {
            wait_of(&log_in_from(&test, address, name, &user.password).await);
        }
    }
    for name in ["ann", "Ann"] {
        let call = test.get("/api/user").from(STRANGERS).header("host", host);
        wait_of(&call.basic(name, &user.password).send().await);
        let body = json!({ "session": { "email": name, "password": user.password } });
        let call = test.post("/api/sessions").header("host", host).json(&body);
        wait_of(&call.send().await);
    }
    // The same name at another vendor is not shut out.
    let b = test.vendor("media-b").await;
    let other = test.user(&b, "ann", &[]).await;
    assert_eq!(test.log_in(&other.login, &other.password).await.status, 200);
}

#[tokio::test]
async fn fifty_at_once_gain_nothing() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let before = test.app.passwords.verified();
    let tries = (0..50).map(|n| {
        let (test, user) = (&test, &user);
        async move {
            let wrong = format!("wrong {n}");
            if n % 2 == 0 {
                test.log_in(&user.login, &wrong).await.status
            } else {
                test.basic_status(&user.login, &wrong).await
            }
        }
    });
    let answers = join_all(tries).await;
    let refused = answers.iter().filter(|status| **status == 401).count();
    let slowed = answers.iter().filter(|status| **status == 429).count();
    assert_eq!((refused, slowed), (5, 45), "{answers:?}");
    assert_eq!(test.app.passwords.verified() - before, 5);
}

#[tokio::test]
async fn fifty_right_ones_at_once_are_one_verification() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let before = test.app.passwords.verified();
    let tries = (0..50).map(|_| test.basic_status(&user.login, &user.password));
    let answers = join_all(tries).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(test.app.passwords.verified() - before, 1);
    // What is remembered is that one password, and no way around a block.
    assert_eq!(test.basic_status(&user.login, "another").await, 401);
    let sql = "UPDATE login_tries SET failures = 7, blocked_until = now() + interval '1 minute'";
    test.sql().await.batch_execute(sql).await.unwrap();
    let blocked = test.get("/api/user").basic(&user.login, &user.password);
    wait_of(&blocked.send().await);
}

/// J-12.
#[tokio::test]
async fn strangers_do_not_lock_an_owner_out() {
    let test = behind_proxy().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let known = log_in_from(&test, OWNERS, &user.login, &user.password).await;
    assert_eq!(known.status, 200);
    let session = known.text_of("access_token");
    let token = test.user_token(&session).await;
    for n in 0..5 {
        let wrong = format!("wrong {n}");
        log_in_from(&test, STRANGERS, &user.login, &wrong).await;
    }
    wait_of(&log_in_from(&test, STRANGERS, &user.login, &user.password).await);
    wait_of(&log_in_from(&test, "192.0.2.44", &user.login, &user.password).await);
    let owner = log_in_from(&test, OWNERS, &user.login, &user.password).await;
    assert_eq!(owner.status, 200, "{owner:?}");
    // The success of the owner is none of theirs.
    wait_of(&log_in_from(&test, STRANGERS, &user.login, &user.password).await);
    // Sessions and access tokens go on, also in the place of a password.
    assert_eq!(test.bearer_status(&session).await, 200);
    let basic = test.get("/api/user").from(STRANGERS);
    assert_eq!(basic.basic(&user.login, &token).send().await.status, 200);
    // The known network has a counter of its own.
    for n in 0..5 {
        log_in_from(&test, OWNERS, &user.login, &format!("typo {n}")).await;
    }
    wait_of(&log_in_from(&test, OWNERS, &user.login, &user.password).await);
    // And is known for 30 days.
    test.app.clock.advance(31 * 86_400);
    let sql = "SELECT count(*) FROM login_tries";
    test.pass("purge").await;
    let left: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

/// J-14.
#[tokio::test]
async fn hundred_failures_need_an_administrator() {
    let test = behind_proxy().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    log_in_from(&test, OWNERS, &user.login, &user.password).await;
    for login in ["ann@media-a", "nobody@media-a"] {
        log_in_from(&test, STRANGERS, login, "wrong").await;
        let sql = "UPDATE login_tries SET failures = 99 WHERE source = ''";
        test.sql().await.batch_execute(sql).await.unwrap();
        let last = log_in_from(&test, STRANGERS, login, "wrong").await;
        last.expect_problem(401, "credentials_invalid");
        test.app.clock.advance(40 * 86_400);
        test.pass("purge").await;
        let sql = "UPDATE login_tries SET known_until = '2100-01-01' WHERE source <> ''";
        test.sql().await.batch_execute(sql).await.unwrap();
        let shut = log_in_from(&test, STRANGERS, login, &user.password).await;
        shut.expect_problem(403, "locked_out");
        let shut = test
            .get("/api/user")
            .from(STRANGERS)
            .basic(login, &user.password);
        shut.send().await.expect_problem(403, "locked_out");
    }
    let reset = json!({ "resetTries": true });
    let reset = test.as_vendor(&a, Method::PATCH, "/users/ann", reset).await;
    assert_eq!(reset.status, 200, "{reset:?}");
    let free = log_in_from(&test, STRANGERS, &user.login, &user.password).await;
    assert_eq!(free.status, 200, "{free:?}");
    until("the trail", || async {
        let events = test.user_events().await;
        events
            .iter()
            .filter(|e| *e == "user.locked_out done")
            .count()
            == 1
            && events.contains(&"user.login_refused credentials_invalid".to_owned())
    })
    .await;
}

/// J-15.
#[tokio::test]
async fn nobody_learns_which_names_exist() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    test.user(&a, "ann", &[]).await;
    let blank = |answer: &Answer| {
        let mut body = answer.json.clone();
        body["request_id"] = Value::Null;
        body.to_string()
    };
    let names = [
        "ann@media-a",
        "bob@media-a",
        "ann@no-such-vendor",
        "Eve Adams@media-a",
        "",
        "@",
    ];
    let mut said = Vec::new();
    for name in names {
        let mut answers = Vec::new();
        for n in 0..6 {
            let answer = test.log_in(name, &format!("wrong {n}")).await;
            answers.push((
                answer.status,
                if n < 5 { blank(&answer) } else { String::new() },
            ));
        }
        assert_eq!(answers[5].0, 429, "{name}");
        said.push(answers);
    }
    assert!(said.iter().all(|answers| *answers == said[0]), "{said:?}");
    // Coarsely: the same work is done.
    let mean = async |of: &str| {
        let mut spent = Duration::ZERO;
        for n in 0..12 {
            if n % 4 == 0 {
                test.sql()
                    .await
                    .batch_execute("DELETE FROM login_tries")
                    .await
                    .unwrap();
            }
            let started = Instant::now();
            let answer = test.log_in(of, "wrong").await;
            spent += started.elapsed();
            assert_eq!(answer.status, 401);
        }
        spent
    };
    let (known, unknown) = (mean("ann@media-a").await, mean("bob@media-a").await);
    let ratio = known.as_secs_f64() / unknown.as_secs_f64();
    assert!((0.4..2.5).contains(&ratio), "{known:?} {unknown:?}");
}

#[tokio::test]
async fn replicas_count_together_and_hear_of_changes_at_once() {
    let (one, other) = two_replicas().await;
    let a = one.vendor("media-a").await;
    let user: TestUser = one.user(&a, "ann", &[]).await;
    until("the other replica knows the vendor", || async {
        other.basic_status(&user.login, &user.password).await == 200
    })
    .await;
    assert_eq!(one.basic_status(&user.login, &user.password).await, 200);
    let session = one.user_session(&user).await;
    assert_eq!(other.bearer_status(&session).await, 200);
    let ended = one.delete("/api/user/sessions/current").bearer(&session);
    assert_eq!(ended.send().await.status, 200);
    assert_eq!(other.bearer_status(&session).await, 401);
    for n in 0..5 {
        let test = if n % 2 == 0 { &one } else { &other };
        test.log_in(&user.login, &format!("wrong {n}")).await;
    }
    for test in [&one, &other] {
        // Both remember the right password.
        let call = test.get("/api/user").basic(&user.login, &user.password);
        wait_of(&call.send().await);
    }
    let reset = json!({ "resetTries": true, "disabled": true });
    one.as_vendor(&a, Method::PATCH, "/users/ann", reset).await;
    for test in [&one, &other] {
        assert_eq!(test.basic_status(&user.login, &user.password).await, 401);
    }
}

#[tokio::test]
async fn right_ones_at_once_leave_nothing_counted() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let mut users = Vec::new();
    for n in 0..4 {
        users.push(test.user(&a, &format!("user{n}"), &[]).await);
    }
    let tries = users
        .iter()
        .map(|user| test.log_in(&user.login, &user.password));
    for answer in join_all(tries).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let sql = "SELECT coalesce(sum(failures), 0)::bigint FROM login_tries";
    let counted: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(counted, 0);
}

#[tokio::test]
async fn password_that_finds_no_slot_is_not_counted_as_wrong() {
    let test = TestApp::start().await;
    let a = test.vendor("media-a").await;
    let user = test.user(&a, "ann", &[]).await;
    let slots = Arc::clone(&test.app.passwords.slots);
    let all = u32::try_from(slots.available_permits()).unwrap();
    let taken = slots.acquire_many(all).await.unwrap();
    let body = json!({ "name": "bob" });
    let (session, basic, nobody, made) = tokio::join!(
        test.log_in(&user.login, &user.password),
        test.get("/api/user")
            .basic(&user.login, &user.password)
            .send(),
        test.log_in("nobody@media-a", "wrong"),
        test.as_vendor(&a, Method::POST, "/users", body),
    );
    for answer in [session, basic, nobody, made] {
        answer.expect_problem(503, "passwords_busy");
    }
    drop(taken);
    let sql = "SELECT coalesce(sum(failures), 0)::bigint FROM login_tries";
    let counted: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(counted, 0);
    assert_eq!(test.log_in(&user.login, &user.password).await.status, 200);
}
