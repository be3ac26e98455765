//! Vendors are cancelled: what goes, what stays, and how it goes on after trouble. After kills: `vendor_kills.rs`.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::join_all;
use gatehouse::tokens::{self, Grant, Kind};
use gatehouse::types::VendorId;
use gatehouse::vendors::cancel::store::FORGOTTEN;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{json_of, refusal};
use crate::faults;
use crate::support::TestApp;
use crate::support::life::CANARY;
use crate::support::wait::until;

/// How tests let all that was under way end.
const SETTLED: i64 = 200;

#[tokio::test]
async fn cancelled_vendor_leaves_nothing_but_its_ledger_and_its_trail() {
    let test = TestApp::start().await;
    let full = test.full("vendor-a", 700, 5).await;
    let other = test.full("vendor-b", 0, 1).await;
    let begun = test.cancel("vendor-a").await;
    assert_eq!(begun.status, 202, "{begun:?}");
    assert_eq!(begun.json["status"], "cancelled");
    let gone = test.until_gone("vendor-a").await;
    let progress = &gone["cancellation"];
    assert_eq!(progress["secretsRemoved"], full.secrets, "{progress}");
    assert_eq!(progress["lastProblem"], Value::Null);
    assert!(progress["finishedAt"].as_str() >= progress["startedAt"].as_str());
    // Those handed out, and those that the service used itself.
    let tokens = progress["tokensRevoked"].as_u64().unwrap();
    assert!(tokens >= full.tokens.len() as u64, "{progress}");
    assert_eq!(test.left_of(&full.vendor).await, "");
    for token in &full.tokens {
        assert!(!test.is_alive(token).await);
    }
    // Ledger and trail stay, and hold nothing of what people wrote.
    let sql = test.sql().await;
    let kept = "SELECT (SELECT count(*) FROM issuances WHERE vendor_id = $1), \
                (SELECT count(*) FROM events WHERE vendor_id = $1 AND action = 'token.issued')";
    let kept = sql.query_one(kept, &[&full.vendor.id]).await.unwrap();
    let (issued, told): (i64, i64) = (kept.get(0), kept.get(1));
    assert_eq!(issued, told);
    assert!(issued >= i64::try_from(full.tokens.len()).unwrap());
    // A repeat does nothing.
    let again = test.cancel("vendor-a").await;
    assert_eq!((again.status, &again.json["cancellation"]), (200, progress));
    let listed = test.operate(Method::GET, "vendor-a", "/workers").await;
    assert_eq!(listed.json["items"], json!([]), "{listed:?}");
    // Nobody else lost anything.
    for token in &other.tokens {
        assert!(test.is_alive(token).await);
    }
    let value = test.backend_read(&other.session, "cred-1").await;
    assert_eq!(value.status, 200, "{value:?}");
}

#[tokio::test]
async fn nothing_that_names_people_stays_in_the_database() {
    let test = TestApp::start().await;
    test.full("vendor-a", 0, 1).await;
    let before = test.dump().await;
    assert!(before.contains(CANARY));
    test.cancel("vendor-a").await;
    test.until_gone("vendor-a").await;
    // The trail says who did what, by name; it goes by retention.
    let trail = "DELETE FROM events; DELETE FROM access_logs";
    let retention = format!("SET gatehouse.retention = 'on'; {trail}");
    test.sql().await.batch_execute(&retention).await.unwrap();
    let after = test.dump().await;
    let lines: Vec<&str> = after.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(lines.is_empty(), "{lines:?}");
}

/// Tables with vendors' rows that stay, and why.
const KEPT: [(&str, &str); 13] = [
    ("access_logs", "the trail, which goes by retention"),
    ("api_keys", "the ledger names them; their digests are gone"),
    ("cancellations", "says that it is done"),
    ("credentials", "the ledger names them; their keys are gone"),
    ("event_blocks", "the trail's chain"),
    ("event_chains", "the trail's chain"),
    ("events", "the trail, which goes by retention"),
    ("events_to_chain", "the trail's chain"),
    ("issuance_uses", "the ledger"),
    ("issuances", "the ledger"),
    ("workers", "the ledger names them; their names are gone"),
    ("access_logs_rest", "a part of access_logs"),
    ("events_rest", "a part of events"),
];

#[tokio::test]
async fn every_table_of_vendors_is_forgotten_or_kept_for_a_reason() {
    let test = TestApp::start().await;
    let sql = "SELECT DISTINCT table_name::text FROM information_schema.columns \
               WHERE table_schema = 'public' AND column_name = 'vendor_id'";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let months = regex::Regex::new(r"^(events|access_logs)_\d{4}_\d{2}$").unwrap();
    let found: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let found = found.into_iter().filter(|name| !months.is_match(name));
    let known = FORGOTTEN.iter().copied();
    let known = known.chain(KEPT.iter().map(|(table, _)| *table));
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    assert_eq!(found.collect::<BTreeSet<_>>(), known);
}

#[tokio::test]
async fn namespace_of_a_cancelled_vendor_is_never_given_again() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    test.cancel("vendor-a").await;
    let body = json!({ "namespace": "vendor-a", "name": "Another" });
    let create = async || {
        let call = test.post("/api/admin/vendors").bearer(&test.operator);
        call.json(&body).send().await
    };
    create().await.expect_problem(409, "namespace_taken");
    test.until_gone("vendor-a").await;
    create().await.expect_problem(409, "namespace_taken");
    let created = json!({
        "type": "vendor.created", "timestamp": test.app.clock.now(),
        "data": { "namespace": "vendor-a", "name": "Another", "ownerName": CANARY },
    });
    let told = test.webhook("late", &created).await;
    assert_eq!(
        (told.status, &told.json["vendor"]["status"]),
        (200, &json!("cancelled"))
    );
    assert!(told.json.get("claimToken").is_none());
    // Nor is anything made for it by operators.
    for (method, rest) in [
        (Method::POST, "/suspend"),
        (Method::POST, "/resume"),
        (Method::POST, "/repair"),
        (Method::GET, "/repair"),
        (Method::POST, "/key-pairs"),
        (Method::POST, "/key-pairs/current/private-key"),
    ] {
        let refused = test.operate(method, "vendor-a", rest).await;
        refused.expect_problem(403, "vendor_cancelled");
    }
    for (rest, body) in [
        ("/users", json!({ "name": CANARY })),
        ("/workers", json!({ "name": CANARY, "keys": ["*"] })),
        ("/webhooks", json!({ "url": "https://example.com/" })),
    ] {
        let path = format!("/api/admin/vendors/vendor-a{rest}");
        let call = test.post(&path).bearer(&test.operator).json(&body);
        call.send().await.expect_problem(403, "vendor_cancelled");
    }
    let call = test.call(Method::PATCH, "/api/admin/vendors/vendor-a");
    let call = call
        .bearer(&test.operator)
        .json(&json!({ "ownerName": CANARY }));
    call.send().await.expect_problem(403, "vendor_cancelled");
    let call = test.call(Method::PATCH, "/api/admin/vendors/vendor-a");
    let call = call
        .bearer(&test.operator)
        .json(&json!({ "logRetentionDays": 7 }));
    assert_eq!(call.send().await.json["logRetentionDays"], 7);
    let site = test
        .operate(Method::DELETE, "vendor-a", "/sites/any-secret-id-01")
        .await;
    assert_eq!(site.status, 200, "removal works in every status: {site:?}");
    for key in [&vendor.public_key, &vendor.private_key] {
        let refused = test.post("/api/site").bearer(key).send().await;
        refused.expect_problem(401, "credentials_invalid");
    }
    assert_eq!(test.dump().await.matches(CANARY).count(), 0);
    assert_eq!(test.until_gone("vendor-a").await["provisioned"], false);
}

#[tokio::test]
async fn cancelling_must_be_confirmed() {
    let test = TestApp::start().await;
    test.vendor("vendor-a").await;
    for rest in [
        "",
        "?confirm=",
        "?confirm=vendor-b",
        "?confirm=VENDOR-A",
        "?confirm=vendor-a&confirm=vendor-a",
        "?confirm=vendor-a&force=1",
    ] {
        let refused = test.operate(Method::DELETE, "vendor-a", rest).await;
        refused.expect_problem(400, "invalid_parameter");
    }
    let shown = test.operate(Method::GET, "vendor-a", "").await;
    assert_eq!(shown.json["status"], "active");
    assert!(shown.json.get("cancellation").is_none());
    let unknown = test
        .operate(Method::DELETE, "vendor-x", "?confirm=vendor-x")
        .await;
    unknown.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_suspends_resumes_and_cancels_from_the_command_line() {
    let test = TestApp::start().await;
    test.vendor("vendor-a").await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let vendor = |args: &[&str]| json_of(&env, &[&["vendor"], args].concat());
    assert_eq!(vendor(&["suspend", "vendor-a"])["status"], "suspended");
    assert_eq!(vendor(&["resume", "vendor-a"])["status"], "active");
    let refused = refusal(&env, &["vendor", "cancel", "vendor-a"]);
    assert!(refused.contains("--confirm"), "{refused}");
    let refused = refusal(
        &env,
        &["vendor", "cancel", "vendor-a", "--confirm", "vendor-b"],
    );
    assert!(refused.contains("invalid_parameter"), "{refused}");
    assert_eq!(vendor(&["show", "vendor-a"])["status"], "active");
    let cancelled = vendor(&["cancel", "vendor-a", "--confirm", "vendor-a"]);
    assert_eq!(cancelled["status"], "cancelled");
    test.until_gone("vendor-a").await;
    assert_eq!(
        vendor(&["show", "vendor-a"])["cancellation"]["stage"],
        "done"
    );
}

#[tokio::test]
async fn cancellation_waits_for_a_sealed_openbao_and_goes_on() {
    let (own, test, _) = faults::start().await;
    let full = test.full("vendor-a", 50, 2).await;
    let sealed = test.bao_root(Method::PUT, "sys/seal").send().await;
    assert_eq!(sealed.status, 204);
    let begun = test.cancel("vendor-a").await;
    assert_eq!(begun.status, 202, "{begun:?}");
    let waits = async || {
        let shown = test.operate(Method::GET, "vendor-a", "").await;
        shown.json["cancellation"]["lastProblem"] == "openbao_sealed"
    };
    until("the job says what it waits for", waits).await;
    let refused = test.post("/api/site").bearer(&full.vendor.public_key);
    assert!(matches!(refused.send().await.status, 401 | 403));
    own.unseal(&test).await;
    let gone = test.until_gone("vendor-a").await;
    assert_eq!(gone["cancellation"]["lastProblem"], Value::Null);
    assert_eq!(gone["cancellation"]["secretsRemoved"], full.secrets);
    assert_eq!(test.left_of(&full.vendor).await, "");
}

#[tokio::test]
async fn vendor_that_is_made_and_cancelled_at_the_same_moment_leaves_nothing() {
    let test = TestApp::start().await;
    let told = (0..10).map(async |number| {
        let namespace = format!("vendor-{number:03}");
        let message = |kind: &str, at: &str| {
            json!({ "type": kind, "timestamp": at, "data": { "namespace": namespace, "name": "A" } })
        };
        let created = message("vendor.created", "2026-11-01T00:00:00Z");
        let cancelled = message("vendor.cancelled", "2026-11-02T00:00:00Z");
        let (made, gone) = (format!("made-{number}"), format!("gone-{number}"));
        let late = async {
            tokio::time::sleep(std::time::Duration::from_millis(number * 7)).await;
            test.webhook(&gone, &cancelled).await
        };
        let (made, gone) = tokio::join!(test.webhook(&made, &created), late);
        // Where it was cancelled while it was being made, the sender is told to try again.
        assert!(matches!(made.status, 200 | 503), "{made:?}");
        assert_eq!(gone.status, 200, "{gone:?}");
        assert_eq!(gone.json["vendor"]["status"], "cancelled");
        namespace
    });
    let namespaces = join_all(told).await;
    for namespace in &namespaces {
        test.until_gone(namespace).await;
    }
    // Once more when all that was under way has ended.
    test.app.clock.advance(SETTLED);
    let checked = async || {
        test.pass("cancel_vendors").await;
        let sql = "SELECT count(*) FROM cancellations WHERE checked_at IS NULL";
        let row = test.sql().await.query_one(sql, &[]).await.unwrap();
        row.get::<_, i64>(0) == 0
    };
    until("all are checked", checked).await;
    for namespace in namespaces {
        let shown = test.operate(Method::GET, &namespace, "").await.json;
        let vendor = crate::support::TestVendor {
            id: shown["id"].as_i64().unwrap(),
            namespace,
            public_key: String::new(),
            private_key: String::new(),
        };
        assert_eq!(test.left_of(&vendor).await, "");
    }
}

#[tokio::test]
async fn what_comes_behind_the_job_goes_when_it_is_checked() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    test.cancel("vendor-a").await;
    test.until_gone("vendor-a").await;
    // As a request does that was let in before.
    let body = json!({ "type": "kv", "description": "Key Store for client vendor-a", "options": { "version": "1" } });
    let mount = test
        .bao_root(Method::POST, "sys/mounts/vendor-a-store")
        .json(&body);
    assert_eq!(mount.send().await.status, 204);
    let policy = test.bao_root(Method::PUT, "sys/policies/acl/vendor-a-read-policy");
    let policy = policy.json(&json!({ "policy": "path \"x\" { capabilities = [\"read\"]}" }));
    assert_eq!(policy.send().await.status, 204);
    let row = format!(
        "INSERT INTO user_rules (vendor_id, updated_at) VALUES ({}, now())",
        vendor.id
    );
    test.sql().await.batch_execute(&row).await.unwrap();
    test.pass("cancel_vendors").await;
    assert_eq!(test.left_of(&vendor).await.lines().count(), 3);
    test.app.clock.advance(SETTLED);
    let checked = async || {
        test.pass("cancel_vendors").await;
        test.left_of(&vendor).await.is_empty()
    };
    until("it is gone", checked).await;
    // And an engine of somebody else's at that place is left alone.
    test.vendor("vendor-b").await;
    for path in [
        "sys/mounts/vendor-b-store",
        "sys/mounts/vendor-b-credentials/secret",
    ] {
        assert_eq!(test.bao_root(Method::DELETE, path).send().await.status, 204);
    }
    let body =
        json!({ "type": "kv", "description": "Somebody else's", "options": { "version": "1" } });
    let mount = test
        .bao_root(Method::POST, "sys/mounts/vendor-b-store")
        .json(&body);
    assert_eq!(mount.send().await.status, 204);
    test.cancel("vendor-b").await;
    test.until_gone("vendor-b").await;
    let stands = test
        .bao_root(Method::GET, "sys/mounts/vendor-b-store")
        .send()
        .await;
    assert_eq!(stands.json["data"]["description"], "Somebody else's");
}

#[tokio::test]
async fn nothing_purges_a_vendor_that_was_not_cancelled() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let policy =
        json!({ "policy": "path \"vendor-a-store/*\" { capabilities = [\"list\", \"delete\"]}" });
    let put = test.bao_root(Method::PUT, "sys/policies/acl/vendor-a.purge");
    assert_eq!(put.json(&policy).send().await.status, 204);
    for suspended in [false, true] {
        if suspended {
            test.operate(Method::POST, "vendor-a", "/suspend").await;
        }
        let known = test.app.directory.by_id(VendorId(vendor.id)).unwrap();
        let grant = Grant::new(&known, Kind::Purge, "test");
        let issued = tokens::issue(&test.app, grant).await;
        assert!(issued.is_err());
    }
    let sql = "SELECT count(*) FROM issuances WHERE kind = 'purge'";
    let count: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
    let left = test.left_of(&vendor).await;
    assert!(!left.contains("token {"), "{left}");
}

#[tokio::test]
async fn token_that_a_crash_left_on_no_record_is_dead_too() {
    let test = TestApp::start().await;
    test.vendor("vendor-a").await;
    test.vendor("vendor-b").await;
    let mint = async |namespace: &str| {
        let meta = json!({ "vendor": namespace });
        let body = json!({ "policies": [format!("{namespace}-read-policy")], "meta": meta });
        let call = test.bao_root(Method::POST, "auth/token/create/gatehouse-read");
        call.json(&body).send().await.json["auth"]["client_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (left, others) = (mint("vendor-a").await, mint("vendor-b").await);
    test.cancel("vendor-a").await;
    test.until_gone("vendor-a").await;
    assert!(!test.is_alive(&left).await);
    assert!(
        test.is_alive(&others).await,
        "it may be on its way into the ledger"
    );
}
