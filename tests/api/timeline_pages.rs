//! Pages of timelines: filters, orders, cursors.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::TestApp;
use crate::timeline::{SITE, get, items, rows};

/// All items, page by page, with something done after each page.
async fn walk(
    test: &TestApp,
    path: &str,
    bearer: &str,
    mut between: impl AsyncFnMut(),
) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..1000 {
        let page = get(test, &format!("{path}{cursor}"), bearer).await;
        all.extend(items(&page));
        match page.json["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
        between().await;
    }
    panic!("the pages of {path} never end");
}

fn ids(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_in_both_orders_have_no_gap_and_nothing_twice_while_rows_are_added() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    rows(&test, &vendor, 60).await;
    for (path, least) in [
        ("/api/access-logs".to_owned(), 120),
        (format!("/sites/{SITE}/access-logs"), 40),
    ] {
        for order in ["asc", "desc"] {
            let whole = walk(
                &test,
                &format!("{path}?order={order}&limit=100"),
                &vendor.private_key,
                async || (),
            )
            .await;
            assert!(whole.len() >= least, "{}", whole.len());
            let mut times: Vec<&str> = whole
                .iter()
                .map(|item| item["at"].as_str().unwrap())
                .collect();
            if order == "desc" {
                times.reverse();
            }
            assert!(times.is_sorted(), "{times:?}");
            let add = async || {
                let sql = format!(
                    "INSERT INTO events (at, vendor_id, actor, action, outcome, secret_id) \
                     VALUES (now(), {}, 'vendor', 'site.seen', 'done', '{SITE}')",
                    vendor.id
                );
                test.sql().await.batch_execute(&sql).await.unwrap();
            };
            let until = if order == "asc" {
                "&to=2199-01-01T00:00:00Z"
            } else {
                ""
            };
            let pages = walk(
                &test,
                &format!("{path}?order={order}&limit=30{until}"),
                &vendor.private_key,
                add,
            )
            .await;
            let (before, found) = (ids(&whole), ids(&pages));
            let different: BTreeSet<&String> = found.iter().collect();
            assert_eq!(different.len(), found.len(), "{path} {order}");
            assert_eq!(&found[..before.len()], &before[..], "{path} {order}");
            if order == "desc" {
                assert_eq!(found.len(), before.len());
            }
        }
    }
    let first = get(&test, "/api/access-logs?limit=1", &vendor.private_key).await;
    let cursor = first.text_of("nextCursor");
    let other = format!("/api/access-logs?order=asc&cursor={cursor}");
    get(&test, &other, &vendor.private_key)
        .await
        .expect_problem(400, "invalid_parameter");
}

/// Whether an item is to be found.
type Holds<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

#[tokio::test]
async fn each_filter_gives_what_it_says() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    rows(&test, &vendor, 30).await;
    let path = "/api/access-logs?limit=100";
    let all = items(&get(&test, path, &vendor.private_key).await);
    let middle = all[20]["at"].as_str().unwrap();
    let kind = |item: &Value| {
        item["caller"]["kind"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let cases: Vec<(String, Holds)> = vec![
        (
            format!("from={middle}"),
            Box::new(|item| item["at"].as_str().unwrap() >= middle),
        ),
        (
            format!("to={middle}"),
            Box::new(|item| item["at"].as_str().unwrap() < middle),
        ),
        (
            "action=token.issued".to_owned(),
            Box::new(|item| item["action"] == "token.issued"),
        ),
        (
            "action=store.*".to_owned(),
            Box::new(|item| item["action"].as_str().unwrap().starts_with("store.")),
        ),
        (
            "outcome=refused".to_owned(),
            Box::new(|item| item["outcome"] == "refused"),
        ),
        (
            "caller=worker".to_owned(),
            Box::new(|item| kind(item) == "worker"),
        ),
        (
            "caller=worker:w1".to_owned(),
            Box::new(|item| item["caller"]["name"] == "w1"),
        ),
        ("caller=worker:w2".to_owned(), Box::new(|_| false)),
        (
            "caller=operator".to_owned(),
            Box::new(|item| kind(item) == "operator"),
        ),
        ("caller=operator:alice".to_owned(), Box::new(|_| false)),
        (
            "source=openbao".to_owned(),
            Box::new(|item| item["source"] == "openbao"),
        ),
        (
            "source=gatehouse".to_owned(),
            Box::new(|item| item["source"] == "gatehouse"),
        ),
        (
            "issuance=019a0000-0000-7000-8000-000000000000".to_owned(),
            Box::new(|_| false),
        ),
    ];
    for (query, holds) in cases {
        let found = get(&test, &format!("{path}&{query}"), &vendor.private_key).await;
        let wanted: Vec<Value> = all.iter().filter(|item| holds(item)).cloned().collect();
        assert_eq!(items(&found), wanted, "{query}");
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    for bad in [
        "action=s*",
        "limit=0",
        "x=1",
        "vendor=vendor-a",
        "outcome=ok",
        "to=x",
        "source=a&source=a",
        "cursor=AAAA",
        "format=xml",
    ] {
        let refused = get(
            &test,
            &format!("/api/access-logs?{bad}"),
            &vendor.private_key,
        )
        .await;
        refused.expect_problem(400, "invalid_parameter");
    }
    let at = "/sites/too-short/access-logs";
    get(&test, at, &vendor.private_key)
        .await
        .expect_problem(404, "not_found");
    let unknown = get(
        &test,
        "/sites/unknown-secret-id-1/access-logs",
        &vendor.private_key,
    )
    .await;
    assert_eq!(
        (items(&unknown).len(), &unknown.json["nextCursor"]),
        (0, &Value::Null)
    );
}

#[tokio::test]
async fn page_of_a_rare_thing_ends_early_and_the_cursor_goes_on() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let sql = format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome) \
         SELECT now() - make_interval(secs => n), {}, 'vendor', CASE n WHEN 45000 THEN 'rare.thing' ELSE 'a.b' END, 'done' \
         FROM generate_series(1, 45000) AS n",
        vendor.id
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
    let path = "/api/access-logs?action=rare.thing";
    let first = get(&test, path, &vendor.private_key).await;
    assert_eq!(items(&first).len(), 0);
    let mut pages = 0;
    let found = walk(&test, path, &vendor.private_key, async || pages += 1).await;
    assert_eq!((found.len(), pages), (1, 2));
    let rest = get(
        &test,
        &format!("{path}&cursor={}", first.text_of("nextCursor")),
        &vendor.private_key,
    )
    .await;
    assert_eq!(
        (items(&rest).len(), rest.json["nextCursor"].is_string()),
        (0, true)
    );
}
