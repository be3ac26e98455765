//! Lists of entries: order, filters, pages, and what they cost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::TestUser;
use crate::support::{TestApp, TestVendor};

async fn keys(test: &TestApp, user: &TestUser, query: &str) -> Vec<String> {
    let list = test.ask(user, &format!("GET /api/v1/vault?{query}")).await;
    assert_eq!(list.status, 200, "{query}: {list:?}");
    let entries = list.json["data"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["key"].as_str().unwrap().to_owned())
        .collect()
}

/// Six entries with keys that mean something elsewhere, made a minute apart from 2026-01-02T03:04:05Z on.
async fn fill(test: &TestApp) -> (TestVendor, TestUser) {
    let (vendor, admin) = test.lockbox("lockbox-vendor").await;
    let other = test.user(&vendor, "bob", &[]).await;
    let trick = "'); DROP TABLE lockbox_entries; --";
    for (at, (key, client)) in [
        ("a", "x"),
        ("B", "x"),
        ("c_d", "y"),
        ("c%d", ""),
        ("cxd", "0"),
        (trick, "Y\\"),
    ]
    .into_iter()
    .enumerate()
    {
        let by = if at % 2 == 0 { &admin } else { &other };
        test.entry(by, key, json!({ "client_id": client })).await;
    }
    let sql = "UPDATE lockbox_entries SET created_at = '2026-01-02T03:04:05Z'::timestamptz + (id - 1) * interval '1 minute'";
    test.sql().await.batch_execute(sql).await.unwrap();
    (vendor, admin)
}

#[tokio::test]
async fn filters_match_to_the_letter() {
    let test = TestApp::start().await;
    let (_, admin) = fill(&test).await;
    let trick = "'); DROP TABLE lockbox_entries; --";
    let cases: &[(&str, &[&str])] = &[
        ("filter[key]=a", &["a"]),
        ("filter%5Bkey%5D=a,B", &["a", "B"]),
        ("filter[key]=A", &[]),
        ("filter[key]=A*", &["a"]),
        ("filter[key]=b*,a", &["a", "B"]),
        ("filter[key]=C*D", &["c_d", "c%d", "cxd"]),
        ("filter[key]=c_*", &["c_d"]),
        ("filter[key]=c%25*", &["c%d"]),
        ("filter[key]=c%25d", &["c%d"]),
        ("filter[key]=*", &["a", "B", "c_d", "c%d", "cxd", trick]),
        ("filter[key]=", &[]),
        ("filter[client_id]=", &["c%d"]),
        ("filter[client_id]=0", &["cxd"]),
        ("filter[client_id]=y\\*", &[trick]),
        ("filter[client_id]=x&filter[created_by]=bob", &["B"]),
        ("filter[id]=1,3", &["a", "c_d"]),
        ("filter[id]=01", &[]),
        ("filter[id]=1*", &["a"]),
        ("filter[id]=x", &[]),
        ("filter[key]=' OR '1'='1", &[]),
        ("filter[key]=%27); DROP TABLE lockbox_entries; --", &[trick]),
        ("filter[key]=$1,$$,E'\\x',U%26'x',/**/", &[]),
        ("filter[created_at]=2026-01-02T03:04:05Z", &["a"]),
        ("filter[created_at]=2026-01-02T06:04:05%2B03:00", &["a"]),
        ("filter[created_at]=2026-01-02T06:04:05+03:00", &["a"]),
        ("filter[created_at]=2026-01-02T03:05*", &["B"]),
        (
            "filter[created_at]=2026-01-02t03:04*,2026-01-02T03:06:05Z",
            &["a", "c_d"],
        ),
        ("filter[created_at]=*:08:05z", &["cxd"]),
        ("filter[created_at]=2026-01-03*", &[]),
        (
            "filter[created_at]=now(),infinity,-9999-01-01T00:00:00Z,9999-12-30T00:00:00Z",
            &[],
        ),
        ("page=9&limit=1&order=x&filter[key]=a", &["a"]),
        ("sort=-id", &[trick, "cxd", "c%d", "c_d", "B", "a"]),
        (
            "sort=created_by&sort=-created_at",
            &["cxd", "c_d", "a", trick, "c%d", "B"],
        ),
        (
            "sort=-client_id&sort=key",
            &["c_d", "B", "a", trick, "cxd", "c%d"],
        ),
    ];
    for (query, right) in cases {
        assert_eq!(keys(&test, &admin, query).await, *right, "{query}");
    }
}

#[tokio::test]
async fn other_sorts_and_filters_are_refused_by_name() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-vendor").await;
    for (query, name) in [
        ("sort=value", "'value'"),
        ("sort=(select pg_sleep(5))", "'(select?pg_sleep(5))'"),
        ("sort=", "''"),
        ("sort=key,id", "'key,id'"),
        ("filter[sealed]=x", "'sealed'"),
        ("filter[a][b]=x", "'a][b'"),
        ("filter[key%00]=x", "'key?'"),
        ("filter[created_at;]=x", "'created_at;'"),
    ] {
        let said = test
            .ask(&admin, &format!("GET /api/v1/vault?{query}"))
            .await
            .expect_faults(400);
        assert!(said[0].contains(name), "{query}: {said:?}");
        let own = test
            .ask(&admin, &format!("GET /api/lockbox/entries?{query}"))
            .await;
        own.expect_problem(400, "unsupported_field");
    }
    let many = format!("filter[key]={}", ",".repeat(60));
    for query in [
        "filter[key]=a&filter[key]=b",
        "filter[key]=%00",
        "filter[key]=%ff",
        &many,
        &"sort=key&".repeat(11),
    ] {
        test.ask(&admin, &format!("GET /api/v1/vault?{query}"))
            .await
            .expect_faults(400);
    }
    for query in [
        "limit=0",
        "limit=101",
        "offset=1",
        "cursor=x",
        "q=a&q=b",
        "limit=5&limit=6",
        "q=%00",
    ] {
        let own = test
            .ask(&admin, &format!("GET /api/lockbox/entries?{query}"))
            .await;
        own.expect_problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn pages_visit_each_entry_once() {
    let test = TestApp::start().await;
    let (vendor, admin) = test.lockbox("lockbox-vendor").await;
    many(&test, vendor.id, 40).await;
    for query in [
        "",
        "sort=-id",
        "sort=key",
        "sort=client_id&sort=-created_at",
        "sort=-createdBy&sort=clientId&sort=-key",
        "sort=-created_at&sort=id",
        "sort=created_by&sort=-id",
        "q=EY-",
        "sort=-client_id&filter[client_id]=client-1*,client-2",
    ] {
        let whole = test
            .ask(
                &admin,
                &format!("GET /api/lockbox/entries?limit=100&{query}"),
            )
            .await
            .json;
        let ids = |page: &Value| -> Vec<i64> {
            let items = page["items"].as_array().unwrap().iter();
            items.map(|entry| entry["id"].as_i64().unwrap()).collect()
        };
        let (mut seen, mut path) = (Vec::new(), format!("limit=7&{query}"));
        loop {
            let page = test
                .ask(&admin, &format!("GET /api/lockbox/entries?{path}"))
                .await
                .json;
            seen.extend(ids(&page));
            let Some(cursor) = page["nextCursor"].as_str() else {
                break;
            };
            let other = format!("sort=-key&sort=-created_by&cursor={cursor}");
            let reused = format!("GET /api/lockbox/entries?{other}");
            let other = test.ask(&admin, &reused).await;
            other.expect_problem(400, "invalid_parameter");
            path = format!("limit=7&cursor={cursor}&{query}");
        }
        assert_eq!(seen, ids(&whole), "{query}");
        assert!(seen.len() > 7, "{query}");
        assert!(!whole.to_string().contains("sealed"));
    }
    let none = test
        .ask(&admin, "GET /api/lockbox/entries?q=%25")
        .await
        .json;
    assert_eq!(none["items"], json!([]));
}

/// Entries that only lists can show.
async fn many(test: &TestApp, vendor: i64, count: i64) {
    let sql = "INSERT INTO lockbox_entries SELECT $1, n, 'client-' || n % 10, '', 'key-' || md5(n::text) || n, 'text', \
               '\\x01', 1, 1, '2026-01-01Z'::timestamptz + n % 40000 * interval '1 second', \
               CASE WHEN n % 10 = 0 THEN 'bob' ELSE 'admin' END, now(), 'admin' FROM generate_series(1::bigint, $2) n";
    let client = test.sql().await;
    client.execute(sql, &[&vendor, &count]).await.unwrap();
    client
        .batch_execute("ANALYZE lockbox_entries")
        .await
        .unwrap();
}

async fn median(test: &TestApp, user: &TestUser, query: &str) -> Duration {
    let mut took = Vec::new();
    for _ in 0..21 {
        let started = Instant::now();
        let page = test
            .ask(user, &format!("GET /api/lockbox/entries?limit=50&{query}"))
            .await;
        took.push(started.elapsed());
        assert_eq!(page.json["items"].as_array().unwrap().len(), 50, "{query}");
    }
    took.sort_unstable();
    took[10]
}

#[tokio::test]
async fn first_page_of_a_hundred_thousand_is_as_quick_as_of_a_thousand() {
    let test = TestApp::start().await;
    let (small, reader) = test.lockbox("lockbox-small").await;
    let (large, other) = test.lockbox("lockbox-large").await;
    many(&test, small.id, 1_000).await;
    many(&test, large.id, 100_000).await;
    for query in [
        "sort=-created_at&filter[client_id]=client-7",
        "sort=key&filter[created_by]=bob",
        "sort=client_id&sort=-created_at&filter[created_by]=admin",
    ] {
        let (few, lots) = (
            median(&test, &reader, query).await,
            median(&test, &other, query).await,
        );
        let most = few * 3 + Duration::from_millis(30);
        assert!(lots <= most, "{query}: {few:?} of few, {lots:?} of many");
    }
    let started = Instant::now();
    let all = test.ask(&other, "GET /api/v1/vault?sort=-created_at").await;
    assert_eq!(all.json["data"].as_array().unwrap().len(), 100_000);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}
