//! One timeline of Gatehouse's events and OpenBao's lines.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::access_logs::shipping;
use crate::credentials::ftp;
use crate::support::http::Answer;
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};

pub const SITE: &str = "site-of-a-0123456789";

/// Events and lines of a vendor by SQL, a second apart, the newest an hour ago; each third is about the site.
pub async fn rows(test: &TestApp, vendor: &TestVendor, count: i32) {
    let site = format!("CASE WHEN n % 3 = 0 THEN '{SITE}' END");
    let sql = format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome, code, secret_id, client_address, user_agent, details) \
         SELECT date_trunc('second', now()) - interval '1 hour' - make_interval(secs => n), {vendor}, \
                (ARRAY['vendor', 'worker:w1', 'operator:alice'])[1 + n % 3], (ARRAY['token.issued', 'site.removed'])[1 + n % 2], \
                CASE n % 5 WHEN 0 THEN 'refused' ELSE 'done' END, CASE n % 5 WHEN 0 THEN 'site_removed' END, {site}, \
                '192.0.2.7', 'curl/8', jsonb_build_object('n', n) \
         FROM generate_series(1, {count}) AS n; \
         INSERT INTO access_logs (at, vendor_id, area, name, operation, outcome, remote_address, openbao_request_id) \
         SELECT date_trunc('second', now()) - interval '1 hour' - make_interval(secs => n), {vendor}, \
                'store', coalesce({site}, 'another-site-0000001'), 'read', 'done', '198.51.100.1', 'r-' || n \
         FROM generate_series(1, {count}) AS n;",
        vendor = vendor.id,
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
}

pub async fn get(test: &TestApp, path: &str, bearer: &str) -> Answer {
    test.get(path).bearer(bearer).send().await
}

pub fn items(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["items"].as_array().unwrap().clone()
}

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
async fn site_tells_who_asked_for_a_token_and_what_it_did() {
    let test = shipping().await;
    let vendor = test.vendor("gravityview").await;
    let token = test.site(&vendor, SITE, "access-key-of-a-0123456789").await;
    let path = format!("gravityview-store/{SITE}");
    let read = test.bao(Method::GET, &path, &token).send().await;
    assert_eq!(read.status, 403, "{read:?}");
    let log = format!("/sites/{SITE}/access-logs?source=openbao&order=asc");
    until("both lines", async || {
        items(&get(&test, &log, &vendor.private_key).await).len() == 2
    })
    .await;
    let lines = items(&get(&test, &log, &vendor.private_key).await);
    assert_eq!(lines[0]["outcome"], "done");
    assert_eq!(
        (&lines[1]["action"], &lines[1]["outcome"], &lines[1]["code"]),
        (
            &json!("store.read"),
            &json!("refused"),
            &json!("openbao_refused")
        )
    );
    for line in &lines {
        assert_eq!(
            line["caller"],
            json!({ "kind": "public-key", "name": null })
        );
        assert_eq!(line["secretId"], SITE);
        assert_eq!(line["token"]["kind"], "write_site");
        assert_eq!(line["token"]["caller"]["kind"], "public-key");
        assert!(line["address"].is_string() && line["openbaoRequestId"].is_string());
    }
    let issuance = lines[0]["token"]["issuanceId"].as_str().unwrap();
    let by_token = format!("/api/access-logs?source=openbao&issuance={issuance}");
    assert_eq!(
        items(&get(&test, &by_token, &vendor.private_key).await).len(),
        2
    );
    let events = format!("/api/sites/{SITE}/access-logs?source=gatehouse&action=site.*");
    let events = items(&get(&test, &events, &vendor.private_key).await);
    assert_eq!(events[0]["action"], "site.registered", "{events:?}");
    assert!(events[0]["requestId"].is_string());

    // Removed, and still there to be read.
    let removed = test
        .delete(&format!("/sites/{SITE}"))
        .bearer(&vendor.private_key);
    assert!(removed.send().await.status < 300);
    until("the removal", async || {
        let all = items(
            &get(
                &test,
                &format!("/sites/{SITE}/access-logs"),
                &vendor.private_key,
            )
            .await,
        );
        let told = |action: &str| all.iter().any(|item| item["action"] == action);
        told("site.removed") && told("store.delete") && told("store.read")
    })
    .await;
}

#[tokio::test]
async fn lines_of_what_gatehouse_read_for_somebody_say_for_whom() {
    let test = shipping().await;
    let vendor = test.vendor("media-vendor").await;
    test.credential(&vendor, "ftp-1", ftp("h")).await;
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    let read = get(&test, "/api/credentials/ftp-1", &session).await;
    assert_eq!(read.status, 200, "{read:?}");
    let log = "/api/access-logs?action=credentials.read";
    until("its line", async || {
        items(&get(&test, log, &vendor.private_key).await).len() == 1
    })
    .await;
    let line = items(&get(&test, log, &vendor.private_key).await).remove(0);
    assert_eq!(line["credential"], "ftp-1");
    assert_eq!(line["purpose"]["action"], "credential.read");
    assert_eq!(line["purpose"]["caller"]["kind"], "worker");
    assert_eq!(
        line["purpose"]["requestId"],
        read.headers["x-request-id"].to_str().unwrap()
    );
    assert_eq!(line["caller"], line["purpose"]["caller"]);
    assert_eq!(line["token"]["caller"]["kind"], "gatehouse");
    // That is the service's own address.
    assert_eq!(line["address"], Value::Null);
    let by_worker = format!(
        "{log}&caller=worker:{}",
        line["caller"]["name"].as_str().unwrap()
    );
    for (filter, found) in [
        (by_worker.as_str(), 1),
        ("/api/access-logs?caller=worker&source=openbao", 1),
    ] {
        assert_eq!(
            items(&get(&test, filter, &vendor.private_key).await).len(),
            found,
            "{filter}"
        );
    }
    let of_gatehouse = format!("{log}&caller=gatehouse");
    assert_eq!(
        items(&get(&test, &of_gatehouse, &vendor.private_key).await).len(),
        0
    );
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
    type Holds<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
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
        ("action=s*".to_owned(), Box::new(|_| false)),
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
        if query == "action=s*" {
            found.expect_problem(400, "invalid_parameter");
            continue;
        }
        let wanted: Vec<Value> = all.iter().filter(|item| holds(item)).cloned().collect();
        assert_eq!(items(&found), wanted, "{query}");
    }
    for bad in [
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
async fn vendors_see_their_own_only_and_nobody_of_the_platform_by_name() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    rows(&test, &a, 9).await;
    let sql = "INSERT INTO events (at, actor, action, outcome, code) \
               VALUES (now(), 'openbao', 'audit.lines_lost', 'failed', 'lines_lost')";
    test.sql().await.batch_execute(sql).await.unwrap();
    let site = format!("/sites/{SITE}/access-logs");
    let others = [
        get(&test, &site, &b.private_key).await,
        get(&test, "/api/access-logs?action=token.*", &b.private_key).await,
        get(&test, "/api/access-logs?source=openbao", &b.private_key).await,
        get(
            &test,
            &format!("/api/admin/vendors/vendor-b{site}"),
            &test.operator,
        )
        .await,
    ];
    for answer in others {
        assert_eq!(items(&answer).len(), 0, "{answer:?}");
    }
    let own = get(&test, "/api/access-logs?limit=100", &a.private_key).await;
    assert!(
        !own.text.contains("alice") && !own.text.contains("lines_lost"),
        "{own:?}"
    );
    for item in items(&own)
        .iter()
        .filter(|item| item["caller"]["kind"] == "operator")
    {
        assert_eq!(
            (&item["address"], &item["userAgent"]),
            (&Value::Null, &Value::Null)
        );
        assert!(item.get("vendor").is_none());
    }
    let operators = get(
        &test,
        "/api/admin/vendors/vendor-a/access-logs?caller=operator:alice",
        &test.operator,
    )
    .await;
    assert_eq!(items(&operators).len(), 3);
    assert_eq!(items(&operators)[0]["address"], "192.0.2.7");

    let all = items(&get(&test, "/api/admin/access-logs?limit=100", &test.operator).await);
    let whose: BTreeSet<Option<&str>> = all.iter().map(|item| item["vendor"].as_str()).collect();
    assert_eq!(
        whose,
        BTreeSet::from([None, Some("vendor-a"), Some("vendor-b")])
    );
    let of_b = items(
        &get(
            &test,
            "/api/admin/access-logs?vendor=vendor-b",
            &test.operator,
        )
        .await,
    );
    assert!(!of_b.is_empty() && of_b.iter().all(|item| item["vendor"] == "vendor-b"));
    let nobodys = "/api/admin/access-logs?vendor=nobody-there";
    get(&test, nobodys, &test.operator)
        .await
        .expect_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn tokens_for_the_whole_store_are_in_the_story_of_each_site_they_touched() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let id = "019a0000-0000-7000-8000-000000000001";
    let issue = |id: &str, accessor: &str| {
        format!(
            "INSERT INTO issuances (id, vendor_id, kind, accessor, caller, request_id, issued_at, expires_at, max_expires_at) \
             VALUES ('{id}', {v}, 'read', '{accessor}', 'vendor', 'r', now(), now(), now()); \
             INSERT INTO issuance_uses VALUES ({v}, '{id}', 'store', '{SITE}', now(), now());",
            v = vendor.id
        )
    };
    let events = format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome, issuance_id) VALUES \
         (now() - interval '2 minutes', {v}, 'vendor', 'token.issued', 'done', '{id}'), \
         (now() - interval '1 minute', {v}, 'vendor', 'token.revoked', 'done', '{id}'), \
         (now(), {v}, 'vendor', 'token.issued', 'done', '019a0000-0000-7000-8000-00000000ffff')",
        v = vendor.id
    );
    test.sql()
        .await
        .batch_execute(&(issue(id, "a") + &events))
        .await
        .unwrap();
    let path = format!("/sites/{SITE}/access-logs");
    let told = async |query: &str| {
        let found = items(&get(&test, &format!("{path}{query}"), &vendor.private_key).await);
        found
            .iter()
            .map(|item| item["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(told("").await, ["token.revoked", "token.issued"]);
    assert_eq!(
        told(&format!("?issuance={id}&order=asc&limit=1")).await,
        ["token.issued"]
    );
    assert_eq!(
        told("?issuance=019a0000-0000-7000-8000-00000000ffff").await,
        [""; 0]
    );
    // The same where they are too many to be looked at one by one.
    let many: Vec<String> = (2..1002)
        .map(|n| {
            issue(
                &format!("019a0000-0000-7000-8000-{n:012x}"),
                &format!("a{n}"),
            )
        })
        .collect();
    test.sql()
        .await
        .batch_execute(&many.concat())
        .await
        .unwrap();
    assert_eq!(told("").await, ["token.revoked", "token.issued"]);
    assert_eq!(
        told(&format!("?issuance={id}&order=asc&limit=1")).await,
        ["token.issued"]
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

#[tokio::test]
async fn answer_says_whether_openbaos_half_is_there() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let said = async |sql: &str| {
        test.sql().await.batch_execute(sql).await.unwrap();
        get(&test, "/api/access-logs", &vendor.private_key)
            .await
            .json["openbao"]
            .clone()
    };
    let none = said("").await;
    assert_eq!(
        (&none["complete"], &none["readUntil"]),
        (&json!(false), &Value::Null)
    );
    let node = "INSERT INTO audit_positions (node, file, place, updated_at, checked_at) VALUES ('node-0', 'f', 0, now(), now())";
    let there = said(node).await;
    assert_eq!(
        (&there["complete"], &there["problem"]),
        (&json!(true), &Value::Null)
    );
    assert!(there["readUntil"].is_string() && there.get("nodes").is_none());
    let stopped =
        said("UPDATE audit_positions SET checked_at = now() - interval '31 seconds'").await;
    assert_eq!(stopped["complete"], false);
    let failing = "UPDATE audit_positions SET checked_at = now(), failing_since = now() - interval '1 minute', problem = 'unreadable'";
    let failing = said(failing).await;
    assert_eq!(
        (&failing["complete"], &failing["problem"]),
        (&json!(false), &json!("OpenBao's audit log cannot be read"))
    );
    let operators = get(&test, "/api/admin/access-logs", &test.operator).await;
    let node = &operators.json["openbao"]["nodes"][0];
    assert_eq!(
        (&node["node"], &node["problem"]),
        (&json!("node-0"), &json!("unreadable"))
    );
}
