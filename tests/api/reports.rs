//! TrustedLogin's reports: lockdowns, and whether a log-in may go on. Log-ins that failed: `login_attempts.rs`.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope, login_attempt, seen};
use crate::support::{TestApp, TestVendor};
use crate::support_pause::{looked_up, pause};

const URL: &str = "https://customer.example/wp";

pub async fn start() -> (TestApp, TestVendor) {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    store(&test, &vendor, SECRET_ID, json!(false)).await;
    (test, vendor)
}

async fn store(test: &TestApp, vendor: &TestVendor, secret_id: &str, expires_at: Value) {
    let mut body = envelope(vendor, secret_id, ACCESS_KEY);
    body["expiresAt"] = expires_at;
    let call = test.post("/api/v1/sites").bearer(&vendor.public_key);
    let stored = call.json(&body).send().await;
    assert_eq!(stored.status, 201, "{stored:?}");
}

pub async fn report(test: &TestApp, vendor: &TestVendor, path: &str, body: &Value) -> Answer {
    let call = test.post(&format!("/api/v1/{path}"));
    call.bearer(&vendor.public_key).json(body).send().await
}

async fn lockdown(test: &TestApp, vendor: &TestVendor, url: &str) {
    let answer = report(test, vendor, "report-brute-force", &seen(url)).await;
    let success = json!({ "success": true });
    assert_eq!((answer.status, &answer.json), (200, &success), "{answer:?}");
}

pub async fn attempt(test: &TestApp, vendor: &TestVendor, secret_id: &str, body: &Value) -> Answer {
    let path = format!("sites/{secret_id}/login-attempts");
    report(test, vendor, &path, body).await
}

pub async fn listed(test: &TestApp, vendor: &TestVendor, path: &str) -> Vec<Value> {
    let answer = test.get(path).bearer(&vendor.private_key).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["items"].as_array().unwrap().clone()
}

/// How many events of an action there are, and that none of them holds what is personal.
pub async fn events(test: &TestApp, action: &str) -> i64 {
    let sql = "SELECT count(*), coalesce(bool_or(details::text ~ 'canary|192.0.2.77'), false) FROM events \
               WHERE action = $1 AND actor = 'public-key'";
    let row = test.sql().await.query_one(sql, &[&action]).await.unwrap();
    assert!(!row.get::<_, bool>(1), "{action}");
    row.get(0)
}

async fn messages(test: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM webhook_deliveries WHERE type = 'site.lockdown_reported'";
    test.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn lockdown_pauses_only_where_the_vendor_chose_so_and_for_half_of_the_time_at_most() {
    let (test, vendor) = start().await;
    let other = test.vendor("vendor-b").await;
    test.hook(&vendor, "http://127.0.0.1:9/").await;
    let chosen = json!({ "pauseOnLockdown": true });
    lockdown(&test, &vendor, URL).await;
    assert_eq!(looked_up(&test, &vendor).await, 200);
    assert_eq!(messages(&test).await, 1);
    let set = pause(&test, &vendor, Method::PATCH, chosen.clone()).await;
    assert_eq!(
        (set.status, &set.json["pauseOnLockdown"]),
        (200, &json!(true))
    );
    pause(&test, &other, Method::PATCH, chosen).await;
    // Whoever has the public key, and knows no site, pauses nothing; a site of another vendor is none.
    for (vendor, url) in [
        (&vendor, "https://unknown.example"),
        (&other, URL),
        (&vendor, ""),
    ] {
        lockdown(&test, vendor, url).await;
        assert_eq!(looked_up(&test, vendor).await, 200, "{url}");
    }
    assert_eq!(messages(&test).await, 1);
    lockdown(&test, &vendor, URL).await;
    assert_eq!(looked_up(&test, &vendor).await, 423);
    assert_eq!(looked_up(&test, &other).await, 200);
    let until = async || {
        pause(&test, &vendor, Method::GET, json!({}))
            .await
            .text_of("until")
    };
    let first = until().await;
    // A second one lengthens nothing.
    test.app.clock.advance(19 * 60);
    lockdown(&test, &vendor, URL).await;
    assert_eq!(until().await, first);
    test.app.clock.advance(61);
    assert_eq!(looked_up(&test, &vendor).await, 200);
    lockdown(&test, &vendor, URL).await;
    assert_eq!(looked_up(&test, &vendor).await, 200);
    test.app.clock.advance(20 * 60);
    lockdown(&test, &vendor, URL).await;
    assert_eq!(looked_up(&test, &vendor).await, 423);
    // The vendor has the last word.
    pause(&test, &vendor, Method::DELETE, json!({})).await;
    lockdown(&test, &vendor, URL).await;
    assert_eq!(looked_up(&test, &vendor).await, 200);
    assert_eq!(events(&test, "support.paused").await, 2);
    assert_eq!(events(&test, "site.lockdown_reported").await, 9);
    // Each is to be seen, of which site if that is known.
    let seen = listed(&test, &vendor, "/api/login-attempts").await;
    assert_eq!(seen.len(), 8);
    assert_eq!(
        (&seen[0]["code"], &seen[0]["secretId"]),
        (&json!("lockdown"), &json!(SECRET_ID))
    );
    assert_eq!(
        (&seen[0]["address"], &seen[0]["siteUrl"]),
        (&json!("192.0.2.77"), &json!(URL))
    );
    let of_site = listed(
        &test,
        &vendor,
        &format!("/sites/{SECRET_ID}/login-attempts"),
    )
    .await;
    assert_eq!(of_site.len(), 6);
}

#[tokio::test]
async fn lockdown_by_a_site_that_is_over_pauses_nothing() {
    let (test, vendor) = start().await;
    pause(
        &test,
        &vendor,
        Method::PATCH,
        json!({ "pauseOnLockdown": true }),
    )
    .await;
    let set = "UPDATE sites SET expires_at = now() - interval '1 second'";
    test.sql().await.batch_execute(set).await.unwrap();
    lockdown(&test, &vendor, URL).await;
    assert_eq!(looked_up(&test, &vendor).await, 200);
    let removed = test.delete(&format!("/api/v1/sites/{SECRET_ID}"));
    removed.bearer(&vendor.public_key).send().await;
    lockdown(&test, &vendor, URL).await;
    assert_eq!(looked_up(&test, &vendor).await, 200);
}

#[tokio::test]
async fn a_lockdown_counts_whatever_else_is_known_and_wrong_types_are_told() {
    let (test, vendor) = start().await;
    for body in [
        json!({}),
        json!({ "timestamp": 1_764_000_000, "user_agent": "", "user_ip": null, "site_url": "not a URL" }),
        json!({ "user_ip": "not an address", "user_agent": null, "of": ["a", "newer", "client"] }),
    ] {
        let answer = report(&test, &vendor, "report-brute-force", &body).await;
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
    }
    let wrong = json!({ "timestamp": "now", "user_agent": 1, "user_ip": [], "site_url": true });
    let refused = report(&test, &vendor, "report-brute-force", &wrong).await;
    refused.expect_refusal(422, "invalid_field");
    let expected = json!({
        "timestamp": ["The timestamp field must be an integer."],
        "user_agent": ["The user_agent field must be a string."],
        "user_ip": ["The user_ip field must be a string."],
        "site_url": ["The site_url field must be a string."],
    });
    assert_eq!(refused.json["errors"], expected);
    let path = format!("sites/{SECRET_ID}/verify-identifier");
    let refused = report(&test, &vendor, &path, &wrong).await;
    assert_eq!((refused.status, &refused.json["errors"]), (422, &expected));
    let call = test.post("/api/v1/report-brute-force").json(&json!({}));
    call.send().await.expect_refusal(401, "credentials_missing");
    let call = test.post("/api/v1/report-brute-force").json(&json!({}));
    let answer = call.bearer(&test.operator).send().await;
    answer.expect_refusal(403, "caller_not_allowed");
}

#[tokio::test]
async fn reports_of_one_address_are_limited_and_others_are_heard() {
    let (test, vendor) = start().await;
    let other = test.vendor("vendor-b").await;
    store(&test, &other, SECRET_ID, json!(false)).await;
    let body = login_attempt();
    let sent: Vec<_> = (0..140)
        .map(|_| attempt(&test, &vendor, SECRET_ID, &body))
        .collect();
    let answers: Vec<_> = stream::iter(sent).buffer_unordered(4).collect().await;
    let (taken, held): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 201);
    assert!((120..=130).contains(&taken.len()), "{}", taken.len());
    for answer in held {
        answer.expect_refusal(429, "rate_limited");
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(attempt(&test, &other, SECRET_ID, &body).await.status, 201);
    lockdown(&test, &vendor, URL).await;
}

#[tokio::test]
async fn reports_are_kept_for_thirty_days() {
    let (test, vendor) = start().await;
    attempt(&test, &vendor, SECRET_ID, &login_attempt()).await;
    test.app.clock.advance(29 * 24 * 3600);
    lockdown(&test, &vendor, URL).await;
    assert_eq!(test.pass("purge").await["loginAttempts"], 0);
    test.app.clock.advance(24 * 3600 + 60);
    assert_eq!(test.pass("purge").await["loginAttempts"], 1);
    let left = listed(&test, &vendor, "/api/login-attempts").await;
    assert_eq!((left.len(), &left[0]["code"]), (1, &json!("lockdown")));
}

#[tokio::test]
async fn log_in_goes_on_only_while_the_site_is_registered() {
    let (test, vendor) = start().await;
    let other = test.vendor("vendor-b").await;
    // Nobody but the call itself ends what has expired.
    let held = test.sql().await;
    let frozen = "SELECT pg_advisory_lock(hashtextextended('remove_sites', 0))";
    held.batch_execute(frozen).await.unwrap();
    let verify = async |vendor: &TestVendor, id: &str| {
        let path = format!("sites/{id}/verify-identifier");
        report(&test, vendor, &path, &seen(URL)).await
    };
    let answer = verify(&vendor, SECRET_ID).await;
    assert_eq!(
        (answer.status, answer.json),
        (200, json!({ "verified": true }))
    );
    assert_eq!(events(&test, "site.login_verified").await, 1);
    for (vendor, id) in [
        (&vendor, "ffffffffffffffffffffffffffffffff"),
        (&vendor, ""),
        (&vendor, "NO"),
        (&other, SECRET_ID),
    ] {
        verify(vendor, id).await.expect_refusal(404, "not_found");
    }
    let soon = test.app.clock.now().as_second() + 60;
    store(&test, &vendor, SECRET_ID, json!(soon)).await;
    assert_eq!(verify(&vendor, SECRET_ID).await.status, 200);
    test.app.clock.advance(61);
    verify(&vendor, SECRET_ID)
        .await
        .expect_refusal(410, "site_expired");
    // Its record is cleaned up.
    verify(&vendor, SECRET_ID)
        .await
        .expect_refusal(410, "site_expired");
    let path = format!("/api/v1/sites/{SECRET_ID}/verify-identifier");
    let call = test
        .post(&path)
        .bearer(&vendor.public_key.replace("pk_", "pk_0"));
    call.json(&seen(URL))
        .send()
        .await
        .expect_refusal(401, "credentials_invalid");
}

#[tokio::test]
async fn look_up_of_a_site_by_url_uses_an_index() {
    let (test, _vendor) = start().await;
    let sql = "SET enable_seqscan = off; EXPLAIN SELECT secret_id FROM sites WHERE vendor_id = 1 \
               AND md5(site_url) = md5('x') AND site_url = 'x' AND state = 'registered'";
    let plan = test.sql().await.simple_query(sql).await.unwrap();
    assert!(format!("{plan:?}").contains("sites_by_url"), "{plan:?}");
}
