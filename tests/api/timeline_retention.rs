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

/// What PostgreSQL says to a statement.
async fn refusal_of(client: &tokio_postgres::Client, sql: &str) -> String {
    let refused = client.batch_execute(sql).await.expect_err(sql);
    refused.as_db_error().unwrap().code().code().to_owned()
}

const BY_RETENTION: &str = "SELECT set_config('gatehouse.retention', 'on', true)";

#[tokio::test]
async fn nobody_else_makes_or_drops_months_and_none_that_is_not_over_is_dropped() {
    let test = TestApp::start().await;
    let sql = test.sql().await;
    let role = "DO $$ BEGIN CREATE ROLE gatehouse_anybody; EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    sql.batch_execute(role).await.unwrap();
    for (call, of) in [
        ("drop_months('events', '2020-01-01')", "gatehouse_anybody"),
        ("make_month('events', '2020-01-01')", "gatehouse_anybody"),
    ] {
        let call = format!("BEGIN; {BY_RETENTION}; SET LOCAL ROLE {of}; SELECT {call}");
        assert_eq!(refusal_of(&sql, &call).await, "42501", "{call}");
        sql.batch_execute("ROLLBACK").await.unwrap();
    }
    for call in [
        "BEGIN; SELECT drop_months('events', '2020-01-01')".to_owned(),
        format!("BEGIN; {BY_RETENTION}; SELECT drop_months('events', now())"),
        format!("BEGIN; {BY_RETENTION}; SELECT drop_months('access_logs', 'infinity')"),
        format!("BEGIN; {BY_RETENTION}; SELECT drop_months('access_logs', NULL)"),
    ] {
        assert_eq!(refusal_of(&sql, &call).await, "42501", "{call}");
        sql.batch_execute("ROLLBACK").await.unwrap();
    }
    // A role with the documented rights adds events and runs the two.
    let may = format!(
        "BEGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO gatehouse_anybody; \
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO gatehouse_anybody; \
         GRANT EXECUTE ON FUNCTION make_month(text, timestamptz), drop_months(text, timestamptz) TO gatehouse_anybody; \
         SET LOCAL ROLE gatehouse_anybody; {BY_RETENTION}; \
         SET LOCAL gatehouse.first_vendor = -1; SET LOCAL gatehouse.last_vendor = 1; \
         INSERT INTO events (at, actor, action, outcome) VALUES (now(), 'vendor', 'a.b', 'done'); \
         SELECT make_month('events', '2020-01-01'), drop_months('events', '2020-02-01'); ROLLBACK"
    );
    sql.batch_execute(&may).await.unwrap();
}

#[tokio::test]
async fn no_row_is_changed_in_its_month_either() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    put(&test, &vendor, 0).await;
    // One lies in the rest, and comes from there into its month.
    put(&test, &vendor, 700).await;
    let sql = test.sql().await;
    let parts = "SELECT inhrelid::regclass::text FROM pg_inherits \
                 WHERE inhparent IN ('events'::regclass, 'access_logs'::regclass)";
    let before = sql.query(parts, &[]).await.unwrap().len();
    let make = "SELECT make_month('events', now() - interval '700 days'), make_month('access_logs', now() - interval '700 days')";
    sql.batch_execute(make).await.unwrap();
    let rest =
        "SELECT (SELECT count(*) FROM events_rest) + (SELECT count(*) FROM access_logs_rest)";
    assert_eq!(
        (count(&test, rest).await, stored(&test, &vendor).await),
        (0, (2, 2))
    );
    let parts = sql.query(parts, &[]).await.unwrap();
    assert_eq!(parts.len(), before + 2);
    for part in parts {
        let part: String = part.get(0);
        for change in [
            format!("DELETE FROM {part}"),
            format!("UPDATE {part} SET name = name"),
            format!("TRUNCATE {part}"),
        ] {
            let change = if part.starts_with("events") {
                change.replace("name", "actor")
            } else {
                change
            };
            assert_eq!(refusal_of(&sql, &change).await, "42501", "{change}");
        }
    }
}

#[tokio::test]
async fn what_lies_in_no_month_is_removed_too() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    for days in [0, 400, 420] {
        put(&test, &vendor, days).await;
    }
    // So much is not moved at once.
    let many = format!(
        "INSERT INTO access_logs (at, vendor_id, area, name, operation, outcome, openbao_request_id) \
         SELECT now() - interval '800 days', {}, 'store', 'some-site-000000001', 'read', 'done', 'r' \
         FROM generate_series(1, 10001)",
        vendor.id
    );
    test.sql().await.batch_execute(&many).await.unwrap();
    let made = "SELECT make_month('access_logs', now() - interval '800 days')::integer::bigint";
    assert_eq!(count(&test, made).await, 0);
    test.pass("chain_events").await;
    let report = test.pass("keep_logs").await;
    assert_eq!(
        (&report["events"], &report["lines"], &report["done"]),
        (&json!(2), &json!(10_003), &json!(true))
    );
    assert_eq!(stored(&test, &vendor).await, (1, 1));
}

#[tokio::test]
async fn reader_puts_off_a_month_and_nothing_else() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let make = "SELECT make_month('events', now() - interval '420 days'), make_month('access_logs', now() - interval '420 days')";
    test.sql().await.batch_execute(make).await.unwrap();
    let reader = test.sql().await;
    reader
        .batch_execute("BEGIN; SELECT FROM events")
        .await
        .unwrap();
    let months = "SELECT count(*) FROM pg_inherits WHERE inhparent = '{}'::regclass";
    let (events, lines) = (
        months.replace("{}", "events"),
        months.replace("{}", "access_logs"),
    );
    let before = (count(&test, &events).await, count(&test, &lines).await);
    let task = gatehouse::tasks::Task::named("keep_logs").unwrap();
    let app = test.app.clone();
    let passing = tokio::spawn(async move { task.pass(&app).await });
    let mut slowest = std::time::Duration::ZERO;
    while !passing.is_finished() {
        let asked = std::time::Instant::now();
        test.write_token(&vendor, "some-site-000000001").await;
        slowest = slowest.max(asked.elapsed());
    }
    let failed = passing.await.unwrap().unwrap_err().to_string();
    assert!(
        failed.contains("1 steps failed, the first as months could not be dropped"),
        "{failed}"
    );
    assert!(
        slowest < std::time::Duration::from_millis(1_500),
        "{slowest:?}"
    );
    let after = (count(&test, &events).await, count(&test, &lines).await);
    assert_eq!(after, (before.0, before.1 - 1));
    reader.batch_execute("COMMIT").await.unwrap();
    let report = test.pass("keep_logs").await;
    assert_eq!(
        report["monthsDropped"].as_array().unwrap().len(),
        1,
        "{report}"
    );
}

#[tokio::test]
async fn trail_that_was_touched_keeps_its_months_and_no_other_vendors_rows() {
    let test = TestApp::start().await;
    let (touched, other) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let make = "SELECT make_month('events', now() - interval '420 days'), make_month('access_logs', now() - interval '420 days')";
    test.sql().await.batch_execute(make).await.unwrap();
    for vendor in [&touched, &other] {
        put(&test, vendor, 420).await;
    }
    test.pass("chain_events").await;
    let forged = format!(
        "UPDATE event_chains SET removed_before = now() WHERE vendor_id = {}",
        touched.id
    );
    test.sql().await.batch_execute(&forged).await.unwrap();
    let task = gatehouse::tasks::Task::named("keep_logs").unwrap();
    let failed = task.pass(&test.app).await.unwrap_err().to_string();
    assert!(
        failed.contains("whose beginning was not signed"),
        "{failed}"
    );
    assert_eq!(
        (stored(&test, &touched).await, stored(&test, &other).await),
        ((1, 0), (0, 0))
    );
}
