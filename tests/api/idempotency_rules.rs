//! `Idempotency-Key`: what a try that stood still, and what changed rules mean for an answer.

use reqwest::Method;
use serde_json::json;

use crate::idempotency::{KEY, ask, assert_replay, is_replay, number};
use crate::support::TestApp;

#[tokio::test]
async fn one_that_stood_still_gives_way_to_the_next() {
    let test = TestApp::start().await;
    let a = test.vendor("vendor-a").await;
    // The ledger cannot write, so the first stands still.
    let held = test.sql().await;
    held.batch_execute("BEGIN; LOCK TABLE issuances IN SHARE ROW EXCLUSIVE MODE")
        .await
        .unwrap();
    let body = json!({});
    let first = ask(&test, "/api/site", &a.public_key, KEY, &body);
    let second = async {
        while number(&test, "SELECT count(*) FROM idempotency_keys").await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        test.app.clock.advance(31);
        let asked = ask(&test, "/api/site", &a.public_key, KEY, &body);
        let taken = "SELECT count(*) FROM idempotency_keys WHERE cardinality(request_ids) = 2";
        let let_go = async {
            while number(&test, taken).await == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            held.batch_execute("ROLLBACK").await.unwrap();
        };
        tokio::join!(asked, let_go).0
    };
    let (first, mut second) = tokio::join!(first, second);
    // Where the machine is slow, a lock was waited for too long.
    assert!(
        first.status == 503 || first.code() == "idempotency_in_flight",
        "{first:?}"
    );
    for _ in 0..400 {
        if second.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        second = ask(&test, "/api/site", &a.public_key, KEY, &body).await;
    }
    assert_eq!(second.status, 200, "{second:?}");
    assert!(test.is_alive(&second.text_of("token")).await);
    let again = ask(&test, "/api/site", &a.public_key, KEY, &body).await;
    assert!(is_replay(&again) && again.text == second.text, "{again:?}");
    let live = "SELECT count(*) FROM issuances WHERE revoke_asked_at IS NULL";
    assert_eq!(number(&test, live).await, 1);
    let known = "SELECT max(cardinality(request_ids))::bigint FROM idempotency_keys";
    assert_eq!(number(&test, known).await, 1);
}

/// The rules that only handlers ask: whoever they refuse now is not given a token that it was given before.
#[tokio::test]
async fn answers_with_secrets_end_when_the_rules_of_a_vendor_change() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let none = json!({});
    let read = async |key: &str| ask(&test, "/sites/token", &a.private_key, key, &none).await;
    let write = async |key: &str| ask(&test, "/api/site", &a.public_key, key, &none).await;
    let first = read(KEY).await;
    let others = ask(&test, "/sites/token", &b.private_key, KEY, &none).await;
    let body = json!({ "key": "ftp-1", "value": crate::credentials::ftp("ftp.example") });
    let plain = ask(&test, "/api/credentials", &a.private_key, "plain", &body).await;
    assert_eq!((first.status, plain.status), (200, 201), "{plain:?}");
    assert_replay(&first, &read(KEY).await);

    let pause = test.call(Method::PUT, "/api/support-pause");
    let pause = pause.bearer(&a.private_key).json(&json!({ "minutes": 5 }));
    assert_eq!(pause.send().await.status, 200);
    read(KEY).await.expect_problem(409, "replay_expired");
    read("another").await.expect_problem(423, "support_paused");
    let written = write(KEY).await;
    assert_replay(&written, &write(KEY).await);
    let signed = test.call(Method::PATCH, "/api/client-rules");
    let signed = signed.bearer(&a.private_key);
    let signed = signed.json(&json!({ "signedClientsOnly": true }));
    assert_eq!(signed.send().await.status, 200);
    write(KEY).await.expect_problem(409, "replay_expired");

    // Others are as they were, and so is what holds no secret.
    let again = ask(&test, "/sites/token", &b.private_key, KEY, &none).await;
    assert_replay(&others, &again);
    let again = ask(&test, "/api/credentials", &a.private_key, "plain", &body).await;
    assert_replay(&plain, &again);
}
