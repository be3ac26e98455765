//! TrustedLogin's reports of log-ins that failed.

use serde_json::{Value, json};

use crate::reports::{attempt, events, listed, start};
use crate::support::trustedlogin::{SECRET_ID, login_attempt};

#[tokio::test]
async fn failed_log_in_is_kept_and_shown() {
    let (test, vendor) = start().await;
    let other = test.vendor("vendor-b").await;
    test.hook(&vendor, "http://127.0.0.1:9/").await;
    let body = login_attempt();
    let kept = attempt(&test, &vendor, SECRET_ID, &body).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    let form = regex::Regex::new("^lpat_[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$").unwrap();
    let id = kept.text_of("id");
    assert!(form.is_match(&id), "{id}");
    test.app.clock.advance(1);
    let least = json!({
        "code": "security_check_failed", "client_site_url": "http://localhost:8080/wp", "attempted_at": 1_764_000_000,
        "detailed_reason": null, "client_user_agent": "", "client_ip": "fe80::zz", "identifier_hash": null, "new": 1,
    });
    assert_eq!(attempt(&test, &vendor, SECRET_ID, &least).await.status, 201);
    let seen = listed(&test, &vendor, "/api/login-attempts").await;
    let first = json!({
        "id": id, "reportedAt": seen[1]["reportedAt"], "attemptedAt": "2026-05-12T23:36:55Z",
        "secretId": SECRET_ID, "siteUrl": body["client_site_url"], "code": "login_failed",
        "reason": "user_not_found", "address": "192.0.2.77", "userAgent": body["client_user_agent"],
        "identifierHash": body["identifier_hash"],
    });
    assert_eq!((seen.len(), &seen[1]), (2, &first));
    for absent in ["reason", "address", "userAgent", "identifierHash"] {
        assert_eq!(seen[0][absent], Value::Null, "{absent}");
    }
    let of_site = format!("sites/{SECRET_ID}/login-attempts");
    assert_eq!(listed(&test, &vendor, &format!("/{of_site}")).await, seen);
    assert_eq!(
        listed(&test, &vendor, &format!("/api/{of_site}")).await,
        seen
    );
    for path in ["login-attempts", of_site.as_str()] {
        let operators = format!("/api/admin/vendors/vendor-a/{path}");
        let shown = test.get(&operators).bearer(&test.operator).send().await;
        assert_eq!(shown.json["items"], json!(seen));
        let theirs = format!("/api/admin/vendors/vendor-b/{path}");
        let shown = test.get(&theirs).bearer(&test.operator).send().await;
        assert_eq!(shown.json["items"], json!([]));
    }
    assert_eq!(
        listed(&test, &other, &format!("/{of_site}")).await,
        [Value::Null; 0]
    );
    assert_eq!(
        listed(&test, &other, "/api/login-attempts").await,
        [Value::Null; 0]
    );
    let page = test
        .get("/api/login-attempts?limit=1")
        .bearer(&vendor.private_key)
        .send()
        .await;
    assert_eq!(page.json["items"], json!([seen[0]]));
    let next = format!(
        "/api/login-attempts?limit=1&cursor={}",
        page.text_of("nextCursor")
    );
    assert_eq!(listed(&test, &vendor, &next).await, [seen[1].clone()]);
    assert_eq!(events(&test, "site.login_failed").await, 2);
    let sql =
        "SELECT body FROM webhook_deliveries WHERE type = 'site.login_failed' ORDER BY id LIMIT 1";
    let told: String = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    let told: Value = serde_json::from_str(&told).unwrap();
    let expected = json!({
        "id": SECRET_ID, "account": vendor.id, "url": body["client_site_url"], "attempt": id, "code": "login_failed",
    });
    assert_eq!(told["data"], expected);
}

#[tokio::test]
async fn failed_log_in_of_an_unknown_site_is_refused() {
    let (test, vendor) = start().await;
    let other = test.vendor("vendor-b").await;
    for id in [
        "ffffffffffffffffffffffffffffffff",
        "NO",
        "..%2fx",
        "%09..%2fbeta-store%2fs1",
    ] {
        let refused = attempt(&test, &vendor, id, &login_attempt()).await;
        refused.expect_refusal(404, "not_found");
    }
    let theirs = attempt(&test, &other, SECRET_ID, &login_attempt()).await;
    theirs.expect_refusal(404, "not_found");
    // A token names it, and nobody has registered it.
    test.write_token(&vendor, "only-reserved-012345").await;
    let reserved = attempt(&test, &vendor, "only-reserved-012345", &login_attempt()).await;
    reserved.expect_refusal(404, "not_found");
    // It may have failed just because the access is over.
    let removed = test.delete(&format!("/api/v1/sites/{SECRET_ID}"));
    assert_eq!(removed.bearer(&vendor.public_key).send().await.status, 201);
    assert_eq!(
        attempt(&test, &vendor, SECRET_ID, &login_attempt())
            .await
            .status,
        201
    );
    assert_eq!(listed(&test, &vendor, "/api/login-attempts").await.len(), 1);
}

#[tokio::test]
async fn what_breaks_a_rule_of_a_failed_log_in_is_told_by_field() {
    let (test, vendor) = start().await;
    let refused = attempt(&test, &vendor, SECRET_ID, &json!({})).await;
    refused.expect_refusal(422, "invalid_field");
    let required = |name: &str| json!([format!("The {name} field is required.")]);
    let expected = json!({
        "code": required("code"), "client_site_url": required("client_site_url"), "attempted_at": required("attempted_at"),
    });
    assert_eq!(refused.json["errors"], expected);
    for (field, bad) in [
        ("code", json!("lockdown")),
        ("code", json!(1)),
        (
            "client_site_url",
            json!("https://user:word@customer.example"),
        ),
        ("client_site_url", json!("javascript:alert(1)")),
        (
            "client_site_url",
            json!(format!("https://{}.example", "x".repeat(2048))),
        ),
        ("attempted_at", json!("yesterday")),
        ("attempted_at", json!("2026-05-12T23:36:55")),
        ("attempted_at", json!(0)),
        ("detailed_reason", json!("x".repeat(4097))),
        ("detailed_reason", json!("a\u{0}b")),
        ("detailed_reason", json!({})),
        ("client_user_agent", json!("é".repeat(257))),
        ("client_ip", json!(7)),
        ("identifier_hash", json!("0C".repeat(32))),
        ("identifier_hash", json!("0c".repeat(33))),
    ] {
        let mut body = login_attempt();
        body[field] = bad.clone();
        let refused = attempt(&test, &vendor, SECRET_ID, &body).await;
        refused.expect_refusal(422, "invalid_field");
        let errors = refused.json["errors"].as_object().unwrap();
        assert_eq!(
            (errors.len(), errors[field].as_array().unwrap().len()),
            (1, 1),
            "{field} {bad}: {errors:?}"
        );
    }
    let mut most = login_attempt();
    most["detailed_reason"] = json!("x".repeat(4096));
    most["client_user_agent"] = json!("x".repeat(512));
    assert_eq!(attempt(&test, &vendor, SECRET_ID, &most).await.status, 201);
    assert_eq!(listed(&test, &vendor, "/api/login-attempts").await.len(), 1);
}
