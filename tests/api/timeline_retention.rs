//! How long logs are kept.

use serde_json::{Value, json};

use crate::support::{TestApp, TestVendor};
use crate::timeline::{get, items};

async fn put(test: &TestApp, vendor: &TestVendor, days: i32) {
    let sql = format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome, details) \
         VALUES (now() - interval '{days} days', {v}, 'vendor', 'a.b', 'done', '{{\"days\": {days}}}'); \
         INSERT INTO access_logs (at, vendor_id, area, name, operation, outcome, openbao_request_id) \
         VALUES (now() - interval '{days} days', {v}, 'store', 'some-site-000000001', 'read', 'done', 'r')",
        v = vendor.id
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
}

async fn keep(test: &TestApp, vendor: &TestVendor, days: Value) -> Value {
    let path = format!("/api/admin/vendors/{}", vendor.namespace);
    let call = test
        .call(reqwest::Method::PATCH, &path)
        .bearer(&test.operator);
    let changed = call.json(&json!({ "logRetentionDays": days })).send().await;
    assert_eq!(changed.status, 200, "{changed:?}");
    changed.json["logRetentionDays"].clone()
}

/// What is shown, and what is there: events and lines.
async fn shown(test: &TestApp, vendor: &TestVendor) -> (usize, usize) {
    let events = get(test, "/api/access-logs?action=a.b", &vendor.private_key).await;
    let lines = get(test, "/api/access-logs?source=openbao", &vendor.private_key).await;
    (items(&events).len(), items(&lines).len())
}

async fn count(test: &TestApp, sql: &str) -> i64 {
    test.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

async fn stored(test: &TestApp, vendor: &TestVendor) -> (i64, i64) {
    let events = format!(
        "SELECT count(*) FROM events WHERE action = 'a.b' AND vendor_id = {}",
        vendor.id
    );
    let lines = format!(
        "SELECT count(*) FROM access_logs WHERE vendor_id = {}",
        vendor.id
    );
    (count(test, &events).await, count(test, &lines).await)
}

#[tokio::test]
async fn what_is_past_its_time_is_not_shown_at_once_and_removed_by_the_task() {
    let test = TestApp::start().await;
    let (short, long) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    for vendor in [&short, &long] {
        for days in [0, 10, 40] {
            put(&test, vendor, days).await;
        }
    }
    assert_eq!(shown(&test, &short).await, (3, 3));
    assert_eq!(keep(&test, &short, json!(30)).await, 30);
    assert_eq!(
        (shown(&test, &short).await, shown(&test, &long).await),
        ((2, 2), (3, 3))
    );
    // Over all vendors each has its own time.
    let all = get(&test, "/api/admin/access-logs?action=a.b", &test.operator).await;
    assert_eq!(items(&all).len(), 5);
    assert_eq!(stored(&test, &short).await, (3, 3));
    test.pass("chain_events").await;
    let report = test.pass("keep_logs").await;
    assert_eq!(
        (&report["events"], &report["lines"], &report["done"]),
        (&json!(1), &json!(1), &json!(true))
    );
    assert_eq!(
        (stored(&test, &short).await, stored(&test, &long).await),
        ((2, 2), (3, 3))
    );
    assert_eq!(keep(&test, &short, Value::Null).await, Value::Null);
    let path = "/api/admin/vendors/vendor-a";
    for bad in [json!(0), json!(3651), json!("7"), json!(1.5)] {
        let call = test
            .call(reqwest::Method::PATCH, path)
            .bearer(&test.operator);
        let refused = call.json(&json!({ "logRetentionDays": bad })).send().await;
        refused.expect_problem(422, "invalid_field");
    }
    // A change of something else leaves it as it is.
    keep(&test, &short, json!(7)).await;
    let call = test
        .call(reqwest::Method::PATCH, path)
        .bearer(&test.operator);
    assert_eq!(
        call.json(&json!({ "plan": "x" })).send().await.json["logRetentionDays"],
        7
    );
}

#[tokio::test]
async fn months_are_made_ahead_and_dropped_when_nobodys_log_reaches_back() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let make = "SELECT make_month('events', now() - interval '420 days'), make_month('access_logs', now() - interval '420 days')";
    test.sql().await.batch_execute(make).await.unwrap();
    put(&test, &vendor, 420).await;
    put(&test, &vendor, 1).await;
    let old = "SELECT count(*) FROM pg_class WHERE relname ~ '^(events|access_logs)_' || to_char(now() - interval '420 days', 'YYYY_MM') || '$'";
    let old = old
        .replace("'^(events", "('^(events")
        .replace("'$'", "'$')");
    assert_eq!(count(&test, &old).await, 2);
    test.pass("chain_events").await;
    let report = test.pass("keep_logs").await;
    assert_eq!(
        report["monthsDropped"].as_array().unwrap().len(),
        2,
        "{report}"
    );
    assert_eq!(
        (count(&test, &old).await, stored(&test, &vendor).await),
        (0, (1, 1))
    );
    // A vendor that keeps its log for longer keeps the months for all.
    test.sql().await.batch_execute(make).await.unwrap();
    keep(&test, &vendor, json!(500)).await;
    put(&test, &vendor, 420).await;
    test.pass("keep_logs").await;
    assert_eq!(
        (count(&test, &old).await, stored(&test, &vendor).await),
        (2, (2, 2))
    );
    test.app.clock.advance(62 * 86_400);
    let report = test.pass("keep_logs").await;
    assert!(report["monthsMade"].as_i64().unwrap() >= 2, "{report}");
}

#[tokio::test]
async fn ledger_forgets_tokens_that_ended_before_all_that_is_kept() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    test.write_token(&vendor, "some-site-000000001").await;
    test.read_token(&vendor).await;
    let issuances = "SELECT count(*) FROM issuances";
    assert_eq!(count(&test, issuances).await, 2);
    test.pass("keep_logs").await;
    assert_eq!(count(&test, issuances).await, 2);
    // One is still to be revoked.
    let sql = "UPDATE issuances SET revoke_asked_at = now(), revoke_after = now() + interval '9 years' WHERE kind = 'read'";
    test.sql().await.batch_execute(sql).await.unwrap();
    test.app.clock.advance(400 * 86_400);
    let report = test.pass("keep_logs").await;
    assert_eq!(
        (&report["issuances"], count(&test, issuances).await),
        (&json!(1), 1)
    );
}
