//! Operators as people: first log-in, second factor, sessions.

use gatehouse::users::operators::manage::{self, Change};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::http::Answer;
use crate::support::operators::{STRONG, name};
use crate::support::users::two_replicas;
use crate::support::wait::until;

async fn account(test: &TestApp, session: &str, method: Method, path: &str, body: Value) -> Answer {
    let path = format!("/admin/account{path}");
    test.as_bearer(session, method, &path, body).await
}

fn refused(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

/// J-01, J-02, J-05, J-06, J-07, J-09, J-16, J-17.
#[tokio::test]
async fn first_log_in_changes_the_password_and_sets_up_the_second_factor() {
    let test = TestApp::start().await;
    let first = test.new_operator("ann", None).await.unwrap();
    for blank in [json!(""), json!("admin"), json!("ann")] {
        let shown = json!({ "name": "ann", "password": blank });
        let answer = test.operator_log_in(shown).await;
        answer.expect_problem(401, "credentials_invalid");
    }
    let shown = json!({ "name": "ann", "password": first });
    let begun = test.operator_log_in(shown).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    assert_eq!(begun.headers["cache-control"], "no-store");
    let flags = (&begun.json["enrolling"], &begun.json["passwordTemporary"]);
    assert_eq!(flags, (&json!(true), &json!(true)));
    let session = begun.text_of("token");
    assert!(session.starts_with("gho_"));
    assert_eq!(
        test.operator_may(&session).await,
        refused("password_temporary")
    );
    let change = async |current: &str, new: &str| {
        let body = json!({ "current": current, "new": new });
        account(&test, &session, Method::PUT, "/password", body).await
    };
    for weak in [
        "short 7 pfau &",
        "Password1234567",
        "trustedlogin1trustedlogin1",
        "operatorgatehouse",
        "aaaaaaaaaaaaaaaaaaaa",
        "wolkenbruch\0 7 pfau & ziegel",
        &"x9 K".repeat(257),
        &first,
    ] {
        let answer = change(&first, weak).await;
        answer.expect_problem(422, "invalid_field");
    }
    change("wrong", STRONG)
        .await
        .expect_problem(403, "password_wrong");
    assert_eq!(change(&first, STRONG).await.status, 200);
    assert_eq!(
        test.operator_may(&session).await,
        refused("totp_enrolment_only")
    );
    let renewed = json!({ "password": STRONG, "code": "123456" });
    let renewed = account(&test, &session, Method::POST, "/recovery-codes", renewed).await;
    renewed.expect_problem(403, "totp_enrolment_only");
    let (_, codes) = test.operator_factor(&session).await;
    assert_eq!(codes.len(), 10);
    assert_eq!(test.operator_may(&session).await.0, 200);
    let shown = account(&test, &session, Method::GET, "", Value::Null)
        .await
        .json;
    let seen = (&shown["name"], &shown["totp"], &shown["recoveryCodes"]);
    assert_eq!(seen, (&json!("ann"), &json!(true), &json!(10)));
    // The person stands in the trail as a token for scripts does.
    let body = json!({ "namespace": "made-by-ann", "name": "A" });
    let made = test.as_bearer(&session, Method::POST, "/admin/vendors", body);
    assert_eq!(made.await.status, 201);
    let sql =
        "SELECT count(*) FROM events WHERE actor = 'operator:ann' AND action = 'vendor.created'";
    let count: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
    until("refusals are noted", || async {
        test.operator_events().await.len() >= 8
    })
    .await;
    let mut events = test.operator_events().await;
    events.sort();
    assert_eq!(
        events,
        [
            "operator.created done command-line",
            "operator.log_in_failed credentials_invalid operator:ann",
            "operator.log_in_failed credentials_invalid operator:ann",
            "operator.log_in_failed credentials_invalid operator:ann",
            "operator.log_in_failed password_wrong operator:ann",
            "operator.logged_in done operator:ann",
            "operator.password_changed done operator:ann",
            "operator.totp_enabled done operator:ann",
        ]
    );
}

/// J-17: what the service made is good for 72 hours, and a reset keeps the second factor.
#[tokio::test]
async fn temporary_passwords_end_and_resets_keep_the_second_factor() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let (pool, ring) = (test.command_line(), test.app.keys().unwrap());
    let weak = gatehouse::types::Secret::new("Password1234567".to_owned());
    let refused_by_rule = manage::reset_password(&pool, ring, &name("ann"), Some(&weak)).await;
    let said = refused_by_rule.err().unwrap().to_string();
    assert!(said.contains("too easy to guess"), "{said}");
    assert_eq!(test.operator_may(&ann.session).await.0, 200);
    let made = manage::reset_password(&pool, ring, &name("ann"), None).await;
    let made = made.unwrap().unwrap().expose().to_owned();
    assert_eq!(test.operator_may(&ann.session).await.0, 401);
    let shown = |otp: Value| json!({ "name": "ann", "password": made, "otp": otp });
    let answer = test.operator_log_in(shown(Value::Null)).await;
    answer.expect_problem(401, "totp_required");
    let code = test.code(&ann.secret, 0);
    let begun = test.operator_log_in(shown(json!(code))).await;
    assert_eq!(begun.json["enrolling"], false, "{begun:?}");
    let session = begun.text_of("token");
    assert_eq!(
        test.operator_may(&session).await,
        refused("password_temporary")
    );
    let others = test.call(Method::DELETE, "/api/admin/sessions/00000000000000ff");
    let others = others.bearer(&session).send().await;
    others.expect_problem(403, "password_temporary");
    let body = json!({ "current": made, "new": STRONG });
    let changed = account(&test, &session, Method::PUT, "/password", body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(test.operator_may(&session).await.0, 200);
    let late = test.new_operator("late", None).await.unwrap();
    test.app.clock.advance(73 * 3600);
    let shown = json!({ "name": "late", "password": late });
    let answer = test.operator_log_in(shown).await;
    answer.expect_problem(401, "credentials_invalid");
}

/// J-18 to J-22, J-24: one table of codes that are not good, and recovery codes in their place.
#[tokio::test]
async fn codes_are_good_once_and_so_are_recovery_codes() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    let with = |key: &str, code: Value| {
        let mut body = json!({ "name": "ann", "password": STRONG });
        body[key] = code;
        test.operator_log_in(body)
    };
    test.operator_log_in(json!({ "name": "ann", "password": STRONG }))
        .await
        .expect_problem(401, "totp_required");
    let code = test.code(&ann.secret, 0);
    let wide: String = code
        .chars()
        .map(|c| char::from_u32(u32::from(c) - 0x30 + 0xFF10).unwrap())
        .collect();
    for bad in [
        format!(" {code}"),
        format!("{} {}", &code[..3], &code[3..]),
        format!("{code}\n"),
        wide,
        code[..5].to_owned(),
        format!("{code}0"),
        "abcdef".to_owned(),
        String::new(),
        test.code(&ann.secret, -2),
        test.code(&ann.secret, 2),
    ] {
        let answer = with("otp", json!(bad)).await;
        answer.expect_problem(401, "credentials_invalid");
        test.forget_tries().await;
    }
    let code = test.code(&ann.secret, 0);
    let number = with("otp", json!(123_456)).await;
    number.expect_problem(422, "invalid_field");
    let early = test
        .post("/api/admin/sessions")
        .header("date", "Thu, 01 Jan 1970 00:00:00 GMT");
    let body = json!({ "name": "ann", "password": STRONG, "otp": code });
    assert_eq!(early.json(&body).send().await.status, 201);
    with("otp", json!(code))
        .await
        .expect_problem(401, "credentials_invalid");
    let mut both = body.clone();
    both["recoveryCode"] = json!(ann.recovery_codes[0]);
    test.operator_log_in(both)
        .await
        .expect_problem(422, "invalid_field");
    let (first, second) = (&ann.recovery_codes[0], &ann.recovery_codes[1]);
    let capital = first.replace('-', "").to_uppercase();
    let by_code = with("recoveryCode", json!(capital)).await;
    assert_eq!(by_code.status, 201, "{by_code:?}");
    assert_eq!(by_code.json["enrolling"], false);
    with("recoveryCode", json!(first))
        .await
        .expect_problem(401, "credentials_invalid");
    // Another operator's codes are nobody else's.
    let ben = test.person("ben").await;
    with("recoveryCode", json!(ben.recovery_codes[0]))
        .await
        .expect_problem(401, "credentials_invalid");
    let session = by_code.text_of("token");
    let both = json!({ "password": STRONG, "code": test.code(&ann.secret, 0) });
    let renewed = account(&test, &session, Method::POST, "/recovery-codes", both).await;
    assert_eq!(renewed.status, 201, "{renewed:?}");
    with("recoveryCode", json!(second))
        .await
        .expect_problem(401, "credentials_invalid");
    let fresh = &renewed.json["recoveryCodes"][3];
    assert_eq!(with("recoveryCode", fresh.clone()).await.status, 201);
    // Without a second factor no session is good for more than setting up another.
    test.app.clock.advance(30);
    let both = json!({ "password": STRONG, "code": test.code(&ann.secret, 0) });
    let removed = account(&test, &session, Method::DELETE, "/totp", both).await;
    assert_eq!(removed.status, 200, "{removed:?}");
    assert_eq!(
        test.operator_may(&session).await,
        refused("totp_enrolment_only")
    );
    let sql = "SELECT count(*) FROM operator_recovery_codes c JOIN operators o ON o.id = c.operator_id WHERE o.name = 'ann'";
    let left: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

/// J-25: a sealed secret opens in its own row only.
#[tokio::test]
async fn second_factor_of_another_operator_does_not_open() {
    let test = TestApp::start().await;
    let (ann, _ben) = (test.person("ann").await, test.person("ben").await);
    let sql = "UPDATE operators SET totp_sealed = (SELECT totp_sealed FROM operators WHERE name = 'ann') \
               WHERE name = 'ben'";
    test.sql().await.batch_execute(sql).await.unwrap();
    let code = test.code(&ann.secret, 0);
    let shown = json!({ "name": "ben", "password": STRONG, "otp": code });
    let answer = test.operator_log_in(shown).await;
    answer.expect_problem(500, "integrity");
}

#[tokio::test]
async fn sessions_end_by_rest_by_age_and_by_their_owner() {
    let test = TestApp::start().await;
    let ann = test.person("ann").await;
    test.app.clock.advance(29 * 60);
    assert_eq!(test.operator_may(&ann.session).await.0, 200);
    test.app.clock.advance(29 * 60);
    assert_eq!(test.operator_may(&ann.session).await.0, 200);
    test.app.clock.advance(31 * 60);
    assert_eq!(test.operator_may(&ann.session).await.0, 401);
    let session = test.operator_session(&ann).await;
    for _ in 0..35 {
        assert_eq!(test.operator_may(&session).await.0, 200);
        test.app.clock.advance(20 * 60);
    }
    test.app.clock.advance(20 * 60);
    assert_eq!(
        test.operator_may(&session).await.0,
        401,
        "12 hours are over"
    );
    let (one, two) = (
        test.operator_session(&ann).await,
        test.operator_session(&ann).await,
    );
    let listed = test.as_bearer(&one, Method::GET, "/admin/sessions", Value::Null);
    let listed = listed.await.json;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    let mut other = listed["items"].as_array().unwrap().iter();
    let other = other.find(|one| one["current"] == false).unwrap();
    let path = format!("/admin/sessions/{}", other["id"].as_str().unwrap());
    let ended = test
        .as_bearer(&one, Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(ended.json["ended"], 1);
    assert_eq!(test.operator_may(&two).await.0, 401);
    let out = test.as_bearer(&one, Method::DELETE, "/admin/sessions/current", Value::Null);
    assert_eq!(out.await.status, 200);
    assert_eq!(test.operator_may(&one).await.0, 401);
    let (one, two) = (
        test.operator_session(&ann).await,
        test.operator_session(&ann).await,
    );
    let all = test.as_bearer(&one, Method::DELETE, "/admin/sessions", Value::Null);
    assert_eq!(all.await.json["ended"], 2);
    assert_eq!(test.operator_may(&two).await.0, 401);
    // A token for scripts is nobody's session.
    let token = test.operator.clone();
    let refused = test.as_bearer(&token, Method::GET, "/admin/account", Value::Null);
    refused.await.expect_problem(403, "caller_not_allowed");
    let sql = "SELECT count(*) FROM operator_sessions";
    assert!(
        test.sql()
            .await
            .query_one(sql, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            > 0
    );
    test.app.clock.advance(13 * 3600);
    test.pass("follow_workers").await;
    assert_eq!(
        test.sql()
            .await
            .query_one(sql, &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        0
    );
}

#[tokio::test]
async fn suspended_and_removed_operators_are_out_on_every_replica_at_once() {
    let (test, other) = two_replicas().await;
    let ann = test.person("ann").await;
    other.app.clock.advance(30);
    assert_eq!(other.operator_may(&ann.session).await.0, 200);
    test.change_operator("ann", Change::Suspend).await;
    for replica in [&test, &other] {
        assert_eq!(replica.operator_may(&ann.session).await.0, 401);
    }
    let code = test.code(&ann.secret, 0);
    let shown = json!({ "name": "ann", "password": STRONG, "otp": code });
    let shut = other.operator_log_in(shown).await;
    shut.expect_problem(401, "credentials_invalid");
    test.change_operator("ann", Change::Resume).await;
    assert_eq!(other.operator_may(&ann.session).await.0, 401);
    let code = test.code(&ann.secret, 0);
    let shown = json!({ "name": "ann", "password": STRONG, "otp": code });
    let again = other.operator_log_in(shown).await;
    assert_eq!(again.status, 201, "{again:?}");
    let session = again.text_of("token");
    assert_eq!(test.operator_may(&session).await.0, 200);
    test.change_operator("ann", Change::Remove).await;
    assert_eq!(other.operator_may(&session).await.0, 401);
    // The name is free, and nothing of its former owner is left under it.
    test.new_operator("ann", Some(STRONG)).await;
    let anew = other
        .operator_log_in(json!({ "name": "ann", "password": STRONG }))
        .await;
    assert_eq!(anew.json["enrolling"], true, "{anew:?}");
}
