//! TrustedLogin's messages: from clients to their vendor's Connector, sealed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::trustedlogin::message;
use crate::support::{TestApp, TestVendor};

fn path(vendor: &TestVendor, rest: &str) -> String {
    format!("/api/v1/accounts/{}/messages{rest}", vendor.id)
}

async fn post(test: &TestApp, vendor: &TestVendor, body: &Value) -> Answer {
    let call = test.post(&path(vendor, "")).bearer(&vendor.public_key);
    call.json(body).send().await
}

async fn list(test: &TestApp, vendor: &TestVendor, query: &str) -> Answer {
    let call = test.get(&path(vendor, query)).trusted_login(vendor);
    call.header("content-type", "application/json").send().await
}

async fn delete(test: &TestApp, vendor: &TestVendor, id: &str) -> Answer {
    let call = test.delete(&path(vendor, &format!("/{id}")));
    call.trusted_login(vendor).send().await
}

#[tokio::test]
async fn messages_are_posted_fetched_and_deleted() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    assert_eq!(list(&test, &a, "").await.text, "[]");
    let first = post(&test, &a, &message("sealed-1")).await;
    assert_eq!(
        (first.status, &first.json["id"]),
        (201, &json!(1)),
        "{first:?}"
    );
    test.app.clock.advance(60);
    let mut body = message("sealed-2 ✓ \u{202e}");
    body["ref"] = json!("ticket-7");
    body["from_a_newer_client"] = json!({ "a": [1] });
    let second = post(&test, &a, &body).await;
    let at = second.json["created_at"].as_i64().unwrap();
    assert_eq!((second.status, &second.json["id"]), (201, &json!(2)));
    let all = list(&test, &a, "").await;
    assert_eq!(all.status, 200);
    let expected = json!({
        "id": 2, "account_id": a.id, "envelope": body["envelope"], "nonce": body["nonce"],
        "sender_public_key": body["client_public_key"], "key_fingerprint": body["key_fingerprint"],
        "action": "access_granted", "ref": "ticket-7",
        "access_key_fingerprint": body["access_key_fingerprint"], "created_at": at,
    });
    assert_eq!((&all.json[0]["id"], &all.json[1]), (&json!(1), &expected));
    assert_eq!(all.json[0]["ref"], Value::Null);
    // From that second on, whatever else is asked.
    let since = list(&test, &a, &format!("?since={at}&per_page=7")).await;
    assert_eq!(since.json, json!([expected]));
    assert_eq!(
        list(&test, &a, &format!("?since={}", at + 1)).await.json,
        json!([])
    );
    for bad in ["-1", "1e3", "soon", "99999999999999999999", "1&since=2"] {
        let refused = list(&test, &a, &format!("?since={bad}")).await;
        refused.expect_refusal(400, "invalid_parameter");
    }
    // Ids are each vendor's own.
    assert_eq!(post(&test, &b, &message("of-b")).await.json["id"], 1);
    assert_eq!(list(&test, &b, "").await.json[0]["envelope"], "of-b");
    assert_eq!(
        delete(&test, &a, "1").await.json,
        json!({ "deleted": true })
    );
    let again = delete(&test, &a, "1").await;
    let unknown = json!({ "deleted": false, "reason": "unknown_message_id" });
    assert_eq!((again.status, again.json), (200, unknown));
    assert_eq!(list(&test, &a, "").await.json, json!([expected]));
    assert_eq!(list(&test, &b, "").await.json[0]["id"], 1);
    for bad in ["x", "1%00", "99999999999999999999"] {
        delete(&test, &a, bad)
            .await
            .expect_refusal(404, "not_found");
    }
    let sql = "SELECT count(*) FROM events WHERE action IN ('message.received', 'message.deleted') \
               AND details ? 'message' AND NOT details::text LIKE '%sealed%'";
    let events: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(events, 4);
}

#[tokio::test]
async fn only_the_accounts_own_keys_serve() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    post(&test, &a, &message("sealed")).await;
    let at_a = path(&a, "");
    let posted = async |key: &str, path: &str| {
        let call = test.post(path).bearer(key).json(&message("x"));
        call.send().await
    };
    posted(&b.public_key, &at_a)
        .await
        .expect_refusal(404, "not_found");
    let nowhere = format!("/api/v1/accounts/0{}/messages", a.id);
    posted(&a.public_key, &nowhere)
        .await
        .expect_refusal(404, "not_found");
    let refused = posted(&b.public_key.replace("pk_", "pk_0"), &at_a).await;
    refused.expect_refusal(401, "credentials_invalid");
    for (method, path) in [
        (Method::GET, at_a.clone()),
        (Method::DELETE, path(&a, "/1")),
    ] {
        let call = || test.call(method.clone(), &path);
        let others = call().trusted_login(&b).send().await;
        others.expect_refusal(404, "not_found");
        let public = call().bearer(&a.public_key).send().await;
        public.expect_refusal(403, "caller_not_allowed");
        let mut mixed = a.clone();
        mixed.public_key.clone_from(&b.public_key);
        let mixed = call().trusted_login(&mixed).send().await;
        mixed.expect_refusal(403, "credentials_invalid");
        call()
            .send()
            .await
            .expect_refusal(403, "credentials_invalid");
    }
    assert_eq!(list(&test, &a, "").await.json[0]["id"], 1);
}

#[tokio::test]
async fn what_breaks_a_rule_is_told_by_field() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let refused = post(
        &test,
        &vendor,
        &json!({ "ref": 7, "access_key_fingerprint": "x".repeat(257) }),
    )
    .await;
    refused.expect_refusal(422, "invalid_field");
    let expected = json!({
        "envelope": ["The envelope field is required."],
        "nonce": ["The nonce field is required."],
        "client_public_key": ["The client_public_key field is required."],
        "key_fingerprint": ["The key_fingerprint field is required."],
        "action": ["The action field is required."],
        "ref": ["The ref field must be a string."],
        "access_key_fingerprint": ["The access_key_fingerprint field must be at most 256 bytes."],
    });
    assert_eq!(refused.json["errors"], expected);
    let large = post(&test, &vendor, &message(&"x".repeat(64 * 1024))).await;
    large.expect_refusal(413, "body_too_large");
    let most = post(&test, &vendor, &message(&"x".repeat(63 * 1024))).await;
    assert_eq!(most.status, 201);
    for (body, status) in [
        ("[]", 422),
        ("{", 400),
        (r#"{"nonce":"a","nonce":"b"}"#, 422),
        (r#"{"envelope":"a\u0000"}"#, 422),
    ] {
        let call = test.post(&path(&vendor, "")).bearer(&vendor.public_key);
        let call = call.header("content-type", "application/json");
        let answer = call.body(body).send().await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(!answer.text_of("error").is_empty());
    }
}

#[tokio::test]
async fn no_message_is_dropped_for_another() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    assert_eq!(post(&test, &a, &message("first")).await.status, 201);
    let sql = format!(
        "INSERT INTO client_messages SELECT vendor_id, n, created_at + n * interval '1 second', 'sealed', nonce, \
             sender_public_key, key_fingerprint, action, ref, access_key_fingerprint \
         FROM client_messages, generate_series(2, 1000) AS n WHERE vendor_id = {}; \
         UPDATE client_message_counters SET last_id = 1000",
        a.id
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
    let full = post(&test, &a, &message("too many")).await;
    full.expect_refusal(429, "messages_full");
    assert_eq!(full.headers["retry-after"], "300");
    assert_eq!(post(&test, &b, &message("of-b")).await.status, 201);
    // At most 500 in an answer, from the oldest on.
    let page = list(&test, &a, "").await.json;
    let page = page.as_array().unwrap();
    assert_eq!((page.len(), &page[0]["envelope"]), (500, &json!("first")));
    let next = page[499]["created_at"].as_i64().unwrap();
    let rest = list(&test, &a, &format!("?since={next}")).await.json;
    assert_eq!(
        (&rest[0]["id"], &rest[499]["id"]),
        (&json!(500), &json!(999))
    );
    assert_eq!(delete(&test, &a, "1").await.json["deleted"], true);
    let taken = post(&test, &a, &message("fits again")).await;
    assert_eq!(
        (taken.status, &taken.json["id"]),
        (201, &json!(1001)),
        "{taken:?}"
    );
    // Two at once do not pass the limit together.
    delete(&test, &a, "2").await;
    let body = message("race");
    let raced = futures_util::future::join_all((0..8).map(|_| post(&test, &a, &body))).await;
    let mut statuses: Vec<u16> = raced.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 429, 429, 429, 429, 429, 429, 429]);
}

#[tokio::test]
async fn messages_are_kept_for_thirty_days() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    post(&test, &vendor, &message("old")).await;
    test.app.clock.advance(29 * 24 * 3600);
    post(&test, &vendor, &message("new")).await;
    assert_eq!(test.pass("purge").await["clientMessages"], 0);
    test.app.clock.advance(24 * 3600 + 60);
    assert_eq!(test.pass("purge").await["clientMessages"], 1);
    let left = list(&test, &vendor, "").await.json;
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["envelope"]),
        (1, &json!("new"))
    );
}

#[tokio::test]
async fn pages_get_to_the_end_by_either_way_to_ask() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    // 400 in each of two seconds, and one in the next; later 100 of 60 KB, a second each.
    let sql = "INSERT INTO client_messages (vendor_id, id, created_at, envelope, nonce, sender_public_key, key_fingerprint, \
                   action) \
               SELECT $1::bigint, n, to_timestamp(1790000000 + n / 400 + (n % 400) / 1000.0), 'x', 'x', 'x', 'x', 'x' \
               FROM generate_series(0, 800) AS n UNION ALL \
               SELECT $1::bigint, n, to_timestamp(1790000000 + n), \
                   (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 1900)), 'x', 'x', 'x', 'x' \
               FROM generate_series(1001, 1100) AS n";
    test.sql().await.execute(sql, &[&vendor.id]).await.unwrap();
    let expected: Vec<i64> = (0..=800).chain(1001..=1100).collect();
    // From the second of the last one, passing over what is known, and from the one after it.
    for more in [0, 1] {
        let (mut seen, mut since, mut pages) = (Vec::new(), 0, 0);
        loop {
            let page = list(&test, &vendor, &format!("?since={since}")).await;
            assert!(page.text.len() < 3 << 20, "{}", page.text.len());
            let page = page.json.as_array().unwrap().clone();
            let ids = page.iter().map(|one| one["id"].as_i64().unwrap());
            let fresh: Vec<i64> = ids.filter(|id| !seen.contains(id)).collect();
            if fresh.is_empty() {
                break;
            }
            seen.extend(fresh);
            since = page.last().unwrap()["created_at"].as_i64().unwrap() + more;
            pages += 1;
        }
        assert_eq!(seen, expected);
        assert!((4..=8).contains(&pages), "{pages}");
    }
}

#[tokio::test]
async fn who_asks_while_messages_come_misses_none() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let (mut seen, mut since) = (std::collections::BTreeSet::new(), 0);
    let body = message("sealed");
    let posting = async {
        let sent = (0..60).map(async |n| {
            tokio::time::sleep(std::time::Duration::from_millis(n * 40)).await;
            post(&test, &vendor, &body).await.json["id"]
                .as_i64()
                .unwrap()
        });
        futures_util::future::join_all(sent).await
    };
    let asking = async {
        // What was passed over once is never asked for again, so that it would be missing at the end too.
        for _ in 0..400 {
            if seen.len() == 60 {
                break;
            }
            let page = list(&test, &vendor, &format!("?since={since}")).await.json;
            for one in page.as_array().unwrap() {
                seen.insert(one["id"].as_i64().unwrap());
                since = one["created_at"].as_i64().unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        seen
    };
    let (sent, seen) = tokio::join!(posting, asking);
    assert_eq!(sent.len(), 60);
    assert_eq!(
        sent.into_iter()
            .collect::<std::collections::BTreeSet<i64>>(),
        seen
    );
}
