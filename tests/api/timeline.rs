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
    let nothing = said("").await;
    assert_eq!(
        (&nothing["complete"], &nothing["readUntil"]),
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
