//! A page costs the same however much there is. `DRILL_ROWS` says how many rows there are in the larger of two
//! databases, 200,000 by itself; `make drill` takes 10,000,000.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::TestApp;
use crate::timeline::{SITE, get, items};

/// Of the rows, half are events and half are lines; a tenth is one vendor's, of that a quarter is about one site.
async fn filled(rows: i64) -> (TestApp, String) {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let sql = test.sql().await;
    let others = "INSERT INTO vendors (namespace, name, created_at, updated_at) \
                  SELECT 'other-vendor-' || n, 'x', now(), now() FROM generate_series(1, 9) AS n";
    sql.batch_execute(others).await.unwrap();
    let months = "SELECT make_month(part, now() - make_interval(months => n)) \
                  FROM generate_series(1, 11) AS n, unnest(ARRAY['events', 'access_logs']) AS part";
    sql.batch_execute(months).await.unwrap();
    let named = format!(
        "FROM (SELECT n, now() - interval '330 days' * (n::float8 / {half}) AS at, \
               CASE n % 10 WHEN 0 THEN {vendor} ELSE (SELECT min(id) FROM vendors WHERE namespace LIKE 'other-%') + n % 9 END AS v, \
               CASE WHEN n % 40 = 0 THEN '{SITE}' ELSE 'site-' || lpad((n % 9973)::text, 15, '0') END AS site \
               FROM generate_series($1::bigint, $2::bigint) AS n) AS made",
        half = rows / 2,
        vendor = vendor.id,
    );
    let events = format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome, secret_id, client_address, user_agent, request_id) \
         SELECT at, v, 'vendor', 'token.issued', 'done', site, '192.0.2.1', 'curl/8', 'request-' || n {named}"
    );
    let lines = format!(
        "INSERT INTO access_logs (at, vendor_id, area, name, operation, outcome, remote_address, openbao_request_id) \
         SELECT at, v, 'store', site, 'read', 'done', '192.0.2.1', 'call-' || n {named}"
    );
    for first in (1..=rows / 2).step_by(500_000) {
        let last = (first + 499_999).min(rows / 2);
        for text in [&events, &lines] {
            sql.execute(text.as_str(), &[&first, &last]).await.unwrap();
        }
    }
    sql.batch_execute("ANALYZE events; ANALYZE access_logs")
        .await
        .unwrap();
    (test, vendor.private_key)
}

/// How long a page takes.
async fn taken((test, key): &(TestApp, String), path: &str) -> Duration {
    let began = Instant::now();
    let page = get(test, path, key).await;
    let taken = began.elapsed();
    assert_eq!(items(&page).len(), 50, "{page:?}");
    taken
}

fn median(mut times: Vec<Duration>) -> Duration {
    // The first ones find their pages of the database on the disk.
    times.drain(..4);
    times.sort();
    times[times.len() / 2]
}

/// The plan of a site's page: along the site's index, in the months that it can be in and in no other.
async fn expect_index(test: &TestApp) {
    let sql = test.sql().await;
    let set = "SET jit = off; SET enable_sort = off; SET enable_bitmapscan = off; SET enable_seqscan = off";
    sql.batch_execute(set).await.unwrap();
    let now = jiff::Timestamp::now();
    let vendor: i64 = sql
        .query_one("SELECT id FROM vendors WHERE namespace = 'vendor-a'", &[])
        .await
        .unwrap()
        .get(0);
    let explained = format!(
        "EXPLAIN (ANALYZE, TIMING off) SELECT * FROM (SELECT * FROM events WHERE vendor_id = {vendor} \
         AND secret_id = '{SITE}' AND at >= '{}' AND (at, id) < ('{now}', 0) AND at <= '{now}' \
         ORDER BY at DESC, id DESC LIMIT 20000) AS s WHERE TRUE ORDER BY at DESC, id DESC LIMIT 51",
        now - jiff::SignedDuration::from_hours(24 * 40)
    );
    let plan = sql.query(&explained, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    writeln!(std::io::stderr(), "{plan}").ok();
    assert!(plan.contains("vendor_id_secret_id_at_id_idx"), "{plan}");
    for wrong in ["Seq Scan", "Sort ", "Bitmap"] {
        assert!(!plan.contains(wrong), "{plan}");
    }
    // At most three months, and what lies in none.
    assert!(plan.matches(" on events_").count() <= 4, "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scaled_page_takes_no_longer_over_many_rows_than_over_few() {
    let rows: i64 = std::env::var("DRILL_ROWS").map_or(200_000, |text| text.parse().unwrap());
    let few = if rows > 1_000_000 { 100_000 } else { 5_000 };
    let (small, large) = (filled(few).await, filled(rows).await);
    expect_index(&large.0).await;
    let site = format!("/sites/{SITE}/access-logs");
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 60);
    let paths = [
        site,
        "/api/access-logs".to_owned(),
        format!("/api/access-logs?to={then}"),
    ];
    for path in paths {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        // By turns, so that what else this machine does weighs on both.
        for _ in 0..25 {
            before.push(taken(&small, &path).await);
            after.push(taken(&large, &path).await);
        }
        let (before, after) = (median(before), median(after));
        let said = format!("{path}: {before:?} over {few} rows, {after:?} over {rows}");
        writeln!(std::io::stderr(), "{said}").ok();
        assert!(after < before * 3, "{said}");
    }
}
