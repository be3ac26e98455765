//! `Idempotency-Key`: one request is done once, whoever asks and however often.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::http::{Answer, Call};

pub const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const HOUR: i64 = 3600;

impl Call<'_> {
    fn once(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }
}

pub async fn ask(test: &TestApp, path: &str, bearer: &str, key: &str, body: &Value) -> Answer {
    let call = test.post(path).bearer(bearer).once(key);
    call.json(body).send().await
}

pub fn is_replay(answer: &Answer) -> bool {
    let header = answer.headers.get("idempotent-replayed");
    header.is_some_and(|value| value == "true")
}

#[track_caller]
pub fn assert_replay(first: &Answer, again: &Answer) {
    assert!(!is_replay(first) && is_replay(again), "{again:?}");
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    for name in ["content-type", "etag", "location", "cache-control"] {
        assert_eq!(first.headers.get(name), again.headers.get(name), "{name}");
    }
}

#[track_caller]
fn expect_in_flight(answer: &Answer) {
    let told = (answer.status, answer.code());
    assert_eq!(told, (409, "idempotency_in_flight"), "{answer:?}");
    assert_eq!(answer.headers["retry-after"], "1");
}

pub async fn number(test: &TestApp, sql: &str) -> i64 {
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    row.get(0)
}

async fn issued(test: &TestApp) -> i64 {
    number(test, "SELECT count(*) FROM issuances").await
}

#[tokio::test]
async fn same_request_of_the_same_caller_is_done_once() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let body = json!({ "secretId": "0123456789abcdef" });
    let first = ask(&test, "/api/site", &a.public_key, KEY, &body).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_replay(
        &first,
        &ask(&test, "/api/site", &a.public_key, KEY, &body).await,
    );
    assert_eq!(issued(&test).await, 1);
    let token = first.text_of("token");
    assert!(test.is_alive(&token).await);
    let dump = test.dump().await;
    for secret in [token.as_str(), KEY] {
        assert!(!dump.contains(secret), "{secret}");
    }

    // Another body, or another path.
    let other = json!({ "secretId": "fedcba9876543210" });
    for (path, bearer, body) in [
        ("/api/site", &a.public_key, &other),
        ("/api/site", &a.public_key, &json!({})),
        ("/api/site?x", &a.public_key, &body),
        ("/sites", &a.public_key, &body),
    ] {
        let refused = ask(&test, path, bearer, KEY, body).await;
        let told = (refused.status, refused.code());
        // What the route itself refuses is refused before.
        let own = matches!(told, (422, "invalid_field") | (400, _));
        assert!(
            own || told == (422, "idempotency_key_reused"),
            "{path} {refused:?}"
        );
    }
    let reused = ask(&test, "/api/site", &a.public_key, KEY, &other).await;
    reused.expect_problem(422, "idempotency_key_reused");
    assert_eq!(issued(&test).await, 1);

    // Other callers and other keys are independent.
    let mut tokens = BTreeSet::from([token]);
    for (bearer, key) in [
        (&a.private_key, KEY),
        (&b.public_key, KEY),
        (&b.private_key, KEY),
        (&a.public_key, "another key would have spaces"),
        (&a.public_key, "another-key-has-none"),
    ] {
        let answer = ask(&test, "/api/site", bearer, key, &body).await;
        if key.contains(' ') {
            answer.expect_problem(400, "idempotency_key_invalid");
        } else {
            assert!(answer.status == 200 && !is_replay(&answer), "{answer:?}");
            assert!(tokens.insert(answer.text_of("token")));
        }
    }
    // Without a key each request is one of its own.
    for _ in 0..2 {
        let call = test.post("/api/site").bearer(&a.public_key);
        let answer = call.json(&body).send().await;
        assert!(answer.status == 200 && tokens.insert(answer.text_of("token")));
    }
    let rows = "SELECT count(*) FROM idempotency_keys";
    assert_eq!(number(&test, rows).await, 5);
}

#[tokio::test]
async fn key_is_refused_that_is_none_and_taken_only_for_what_is_done() {
    let test = TestApp::start().await;
    let a = test.vendor("vendor-a").await;
    let none = json!({});
    let longest = "k".repeat(255);
    for bad in [
        "",
        "a b",
        "sch\u{f6}n-und-lang-genug",
        &format!("{longest}k"),
    ] {
        let refused = ask(&test, "/sites/token", &a.private_key, bad, &none).await;
        refused.expect_problem(400, "idempotency_key_invalid");
    }
    let twice = test.post("/api/site").bearer(&a.private_key);
    let twice = twice.once(KEY).once(KEY).json(&none).send().await;
    twice.expect_problem(400, "idempotency_key_invalid");
    for good in ["1", longest.as_str()] {
        let made = ask(&test, "/sites/token", &a.private_key, good, &none).await;
        assert_eq!(made.status, 200, "{made:?}");
    }
    // Everybody has the public key: a key beside it must not be guessed.
    let short = ask(&test, "/api/site", &a.public_key, "123456789012345", &none).await;
    short.expect_problem(400, "idempotency_key_too_short");

    // Who asks is looked at first, and a public key in the body is looked at too late.
    let stranger = ask(&test, "/api/site", "pk_nobody", "a b", &none).await;
    stranger.expect_problem(401, "credentials_invalid");
    let in_body = json!({ "publicKey": a.public_key, "secretId": "0123456789abcdef" });
    let old = test.post("/sites").once(KEY).json(&in_body).send().await;
    assert!(old.status == 401 || old.status == 422, "{old:?}");

    // A refusal leaves the key free.
    let wrong = json!({ "secretId": "x" });
    let refused = ask(&test, "/api/site", &a.private_key, KEY, &wrong).await;
    refused.expect_problem(422, "invalid_field");
    let taken = json!({ "namespace": "vendor-a", "name": "Again" });
    let refused = ask(&test, "/api/admin/vendors", &test.operator, KEY, &taken).await;
    refused.expect_problem(409, "namespace_taken");
    let free = json!({ "namespace": "vendor-c", "name": "Another" });
    let made = ask(&test, "/api/admin/vendors", &test.operator, KEY, &free).await;
    assert_eq!(made.status, 201, "{made:?}");
    let again = ask(&test, "/api/admin/vendors", &test.operator, KEY, &free).await;
    assert_replay(&made, &again);

    // What may not ask any more is not answered again.
    let first = ask(&test, "/api/site", &a.public_key, KEY, &none).await;
    assert_eq!(first.status, 200, "{first:?}");
    let suspended = test.operate(Method::POST, "vendor-a", "/suspend").await;
    assert!(suspended.status < 300, "{suspended:?}");
    let refused = ask(&test, "/api/site", &a.public_key, KEY, &none).await;
    refused.expect_problem(403, "vendor_suspended");
}

#[tokio::test]
async fn fifty_at_once_at_two_replicas_make_one_token() {
    let one = TestApp::start().await;
    let other = one.replica().await;
    let vendor = one.vendor("vendor-a").await;
    // The other one hears of the vendor in a moment.
    for _ in 0..400 {
        let ready = other.post("/api/site").bearer(&vendor.public_key);
        if ready.send().await.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let before = issued(&one).await;
    let body = json!({});
    let asked = (0..50).map(|n| {
        let at = if n % 2 == 0 { &one } else { &other };
        ask(at, "/api/site", &vendor.public_key, KEY, &body)
    });
    let answers = join_all(asked).await;
    let done = answers
        .iter()
        .filter(|answer| !is_replay(answer) && answer.status == 200);
    assert_eq!(done.count(), 1);
    let mut texts = BTreeSet::new();
    for answer in &answers {
        if answer.status == 200 {
            texts.insert(answer.text.clone());
        } else {
            expect_in_flight(answer);
        }
    }
    assert_eq!(texts.len(), 1);
    for at in [&one, &other] {
        let again = ask(at, "/api/site", &vendor.public_key, KEY, &body).await;
        assert!(
            is_replay(&again) && texts.contains(&again.text),
            "{again:?}"
        );
    }
    assert_eq!(issued(&one).await, before + 1);
}

#[tokio::test]
async fn secret_is_given_again_for_ten_minutes_and_anything_for_a_day() {
    let test = TestApp::start().await;
    let a = test.vendor("vendor-a").await;
    let body = json!({ "key": "ftp-1", "value": crate::credentials::ftp("ftp.example") });
    let token = ask(&test, "/api/site", &a.private_key, KEY, &json!({})).await;
    let made = ask(&test, "/api/credentials", &a.private_key, "plain", &body).await;
    assert_eq!((token.status, made.status), (200, 201), "{made:?}");
    let kept = "SELECT count(*) FROM idempotency_keys WHERE reply IS NOT NULL";
    test.app.clock.advance(9 * 60);
    test.pass("forget_replies").await;
    assert_eq!(number(&test, kept).await, 2);
    let again = ask(&test, "/api/site", &a.private_key, KEY, &json!({})).await;
    assert_replay(&token, &again);

    test.app.clock.advance(61);
    for _ in 0..2 {
        let late = ask(&test, "/api/site", &a.private_key, KEY, &json!({})).await;
        late.expect_problem(409, "replay_expired");
        let other = ask(
            &test,
            "/api/site",
            &a.private_key,
            KEY,
            &json!({ "ttl": 60 }),
        )
        .await;
        other.expect_problem(422, "idempotency_key_reused");
        // The second time the answer itself is gone.
        test.pass("forget_replies").await;
        assert_eq!(number(&test, kept).await, 1);
    }
    assert_eq!(issued_writes(&test).await, 1);

    test.app.clock.advance(23 * HOUR);
    let again = ask(&test, "/api/credentials", &a.private_key, "plain", &body).await;
    assert_replay(&made, &again);
    test.app.clock.advance(HOUR);
    let anew = ask(&test, "/api/credentials", &a.private_key, "plain", &body).await;
    anew.expect_problem(409, "credential_exists");
    let anew = ask(&test, "/api/site", &a.private_key, KEY, &json!({})).await;
    assert!(anew.status == 200 && !is_replay(&anew), "{anew:?}");
    assert_ne!(anew.text_of("token"), token.text_of("token"));
    assert_eq!(issued_writes(&test).await, 2);
    test.app.clock.advance(25 * HOUR);
    test.pass("forget_replies").await;
    assert_eq!(
        number(&test, "SELECT count(*) FROM idempotency_keys").await,
        0
    );
}

async fn issued_writes(test: &TestApp) -> i64 {
    number(test, "SELECT count(*) FROM issuances WHERE kind = 'write'").await
}

#[tokio::test]
async fn nothing_is_done_while_keys_cannot_be_kept_and_no_other_request_waits_for_them() {
    let test = TestApp::start().await;
    let a = test.vendor("vendor-a").await;
    let held = test.sql().await;
    let lock = "BEGIN; LOCK TABLE idempotency_keys IN ACCESS EXCLUSIVE MODE";
    held.batch_execute(lock).await.unwrap();
    let with = ask(&test, "/api/site", &a.public_key, KEY, &json!({})).await;
    with.expect_problem(503, "database_unavailable");
    assert_eq!(issued(&test).await, 0);
    let without = test.post("/api/site").bearer(&a.public_key).send().await;
    assert_eq!(without.status, 200, "{without:?}");
    held.batch_execute("ROLLBACK").await.unwrap();
    let with = ask(&test, "/api/site", &a.public_key, KEY, &json!({})).await;
    assert_eq!(with.status, 200, "{with:?}");
    assert_eq!(issued(&test).await, 2);
}

#[tokio::test]
async fn who_hangs_up_and_asks_again_gets_what_was_made() {
    let test = TestApp::start().await;
    let a = test.vendor("vendor-a").await;
    // The ledger cannot write while the client waits.
    let held = test.sql().await;
    held.batch_execute("BEGIN; LOCK TABLE issuances IN SHARE ROW EXCLUSIVE MODE")
        .await
        .unwrap();
    let claimed = "SELECT count(*) FROM idempotency_keys";
    let body = json!({});
    let asked = ask(&test, "/api/site", &a.public_key, KEY, &body);
    let seen = async {
        while number(&test, claimed).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    // The call is dropped, and its connection with it.
    tokio::select! {
        answer = asked => panic!("{answer:?}"),
        () = seen => {}
    }
    let meanwhile = ask(&test, "/api/site", &a.public_key, KEY, &body).await;
    expect_in_flight(&meanwhile);
    held.batch_execute("ROLLBACK").await.unwrap();
    let mut again = ask(&test, "/api/site", &a.public_key, KEY, &body).await;
    for _ in 0..400 {
        if again.status != 409 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        again = ask(&test, "/api/site", &a.public_key, KEY, &body).await;
    }
    assert!(again.status == 200 && is_replay(&again), "{again:?}");
    assert_eq!(issued(&test).await, 1);
}
