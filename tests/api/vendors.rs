//! Vendors as operators manage them, and what the database holds of their keys.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::callers::delete_key;
use crate::support::http::Answer;

async fn admin(test: &TestApp, method: Method, path: &str, body: &Value) -> Answer {
    let path = format!("/api/admin/vendors{path}");
    let call = test.call(method, &path).bearer(&test.operator);
    let call = if body.is_null() {
        call
    } else {
        call.json(body)
    };
    call.send().await
}

#[tokio::test]
async fn created_vendor_is_shown_and_its_keys_work() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let shown = admin(&test, Method::GET, "/gravityview", &Value::Null).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert_eq!(shown.json["id"], vendor.id);
    assert_eq!(shown.json["status"], "active");
    assert_eq!(shown.json["subscription"], "active");
    assert_eq!(shown.json["store"], "gravityview-store");
    assert_eq!(shown.text_of("publicKey"), vendor.public_key);
    assert!(shown.json.get("privateKey").is_none());
    test.write_token(&vendor, "0123456789abcdef").await;
    test.read_token(&vendor).await;
    let absent = admin(&test, Method::GET, "/nobody-here", &Value::Null).await;
    absent.expect_problem(404, "not_found");
}

#[tokio::test]
async fn namespace_can_be_taken_once() {
    let test = TestApp::start().await;
    test.vendor("gravityview").await;
    let body = json!({ "namespace": "gravityview", "name": "Another" });
    let again = admin(&test, Method::POST, "", &body).await;
    again.expect_problem(409, "namespace_taken");
    let shown = admin(&test, Method::GET, "/gravityview", &Value::Null).await;
    assert_eq!(shown.json["name"], "A Vendor");
}

#[tokio::test]
async fn bad_namespace_is_refused_with_a_suggestion() {
    let test = TestApp::start().await;
    let body = json!({ "namespace": "GravityView", "name": "GravityView" });
    let answer = admin(&test, Method::POST, "", &body).await;
    answer.expect_problem(422, "invalid_namespace");
    assert_eq!(answer.json["suggestion"], "gravityview");
}

#[tokio::test]
async fn vendors_are_listed_in_pages() {
    let test = TestApp::start().await;
    let names: Vec<String> = (0..5).map(|n| format!("vendor-{n}")).collect();
    for name in &names {
        test.vendor(name).await;
    }
    let (mut seen, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let path = format!("?limit=2{cursor}");
        let page = admin(&test, Method::GET, &path, &Value::Null).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.json["items"].as_array().unwrap();
        sizes.push(items.len());
        let namespaces = items.iter().map(|item| item["namespace"].as_str().unwrap());
        seen.extend(namespaces.map(str::to_owned));
        match page.json["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen, sizes), (names, vec![2, 2, 1]));
}

#[tokio::test]
async fn update_changes_what_it_names_and_nothing_else() {
    let test = TestApp::start().await;
    test.vendor("gravityview").await;
    let body = json!({ "plan": "basic", "subscription": "unpaid" });
    let answer = admin(&test, Method::PATCH, "/gravityview", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["plan"], "basic");
    assert_eq!(answer.json["subscription"], "unpaid");
    assert_eq!(answer.json["name"], "A Vendor");
    for bad in [
        json!({ "namespace": "other" }),
        json!({ "status": "cancelled" }),
        json!({ "subscription": "free" }),
    ] {
        let refused = admin(&test, Method::PATCH, "/gravityview", &bad).await;
        refused.expect_problem(422, "invalid_field");
    }
    let absent = admin(&test, Method::PATCH, "/nobody-here", &body).await;
    absent.expect_problem(404, "not_found");
    let sql = "SELECT actor FROM events WHERE action = 'vendor.updated'";
    let event = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(event.get::<_, &str>(0), "operator:test");
}

#[tokio::test]
async fn operators_routes_refuse_others() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let call = || test.get("/api/admin/vendors");
    call()
        .send()
        .await
        .expect_problem(401, "credentials_missing");
    for wrong in ["gho_nonsense", "nonsense", &test.operator[..80]] {
        let answer = call().bearer(wrong).send().await;
        answer.expect_problem(401, "credentials_invalid");
    }
    for key in [&vendor.public_key, &vendor.private_key] {
        let answer = call().bearer(key).send().await;
        answer.expect_problem(403, "caller_not_allowed");
    }
}

#[tokio::test]
async fn database_holds_no_key_in_the_clear() {
    let test = TestApp::start().await;
    let body = json!({
        "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
        "data": { "namespace": "gravityforms", "name": "Gravity Forms" },
    });
    let claim = test.webhook("msg_1", &body).await.text_of("claimToken");
    let claimed = json!({ "claimToken": claim });
    let claimed = test.post("/api/vendors/claim").json(&claimed).send().await;
    let vendor = test.vendor("gravityview").await;
    let access_key = "Access-Key_0123456789-of-a-customer";
    let write = test.site(&vendor, "0123456789abcdef", access_key).await;
    let read = test.read_token(&vendor).await;
    let delete = delete_key(&test, &vendor, "another-secret-id").await;
    let dumped = test.dump().await;
    // The dump does see what is there.
    assert!(dumped.contains("gravityview") && dumped.contains("0123456789abcdef"));
    let secrets = [
        claim,
        claimed.text_of("publicKey"),
        claimed.text_of("privateKey"),
        vendor.public_key,
        vendor.private_key,
        access_key.to_owned(),
        test.operator.clone(),
        write,
        read,
        delete,
    ];
    for secret in secrets {
        let body = secret.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_');
        assert!(!dumped.contains(&secret), "in the clear: {secret:.8}…");
        let digits: Vec<String> = secret.bytes().map(|b| format!("{b:02x}")).collect();
        let hex = digits.concat();
        assert!(!dumped.contains(&hex), "as bytes: {secret:.8}…");
        // Nor the half of a key that tells it apart.
        let tail = &body[body.len() - 24..];
        assert!(!dumped.contains(tail), "in part: {secret:.8}…");
    }
}
