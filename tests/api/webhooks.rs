//! Webhooks of vendors: made, changed, removed. The platform's: `webhooks_platform.rs`. What is sent to them:
//! `webhooks_out.rs`, `webhooks_answers.rs` and `webhooks_load.rs`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::receiver::{Receiver, TestHook};
use crate::support::{Place, TestApp, TestVendor};

/// For the table of `access.rs`: path, body, and the answers to the vendor that has the webhook, and to another.
pub fn access(method: &str, path: &str, hook: &TestHook) -> Option<(String, Value, u16, u16)> {
    let nobodys = "00000000-0000-7000-8000-000000000000";
    let place = path
        .replace("{namespace}", "vendor-a")
        .replace("{webhook}", &hook.id)
        .replace("{delivery}", nobodys);
    // The platform's, of which there are none.
    let is_platforms = path.starts_with("/api/admin/webhooks");
    if is_platforms && path.contains("{webhook}") {
        let body = if method == "PATCH" {
            json!({ "types": ["*"] })
        } else {
            Value::Null
        };
        return Some((place, body, 404, 404));
    }
    let (body, own, others) = match (method, path.rsplit('/').next()?) {
        ("GET", "webhooks") => (Value::Null, 200, 200),
        // Not TLS, to an address of the world: each caller would make one.
        ("POST", "webhooks") => (json!({ "url": "http://1.1.1.1/" }), 422, 422),
        ("GET", "{webhook}" | "deliveries") => (Value::Null, 200, 404),
        ("PATCH", "{webhook}") => (json!({ "types": ["*"] }), 200, 404),
        ("DELETE", "{webhook}") => {
            let gone = place.replace(&hook.id, "wh0000000000000001");
            return Some((gone, Value::Null, 404, 404));
        }
        ("POST", "secret") => (Value::Null, 201, 404),
        ("POST", "test") => (Value::Null, 202, 404),
        ("POST", "replay") => (Value::Null, 404, 404),
        _ => return None,
    };
    Some((place, body, own, others))
}

async fn call(
    test: &TestApp,
    vendor: &TestVendor,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    let call = test.call(method, &format!("/api/webhooks{path}"));
    call.bearer(&vendor.private_key).json(&body).send().await
}

#[tokio::test]
async fn webhooks_are_made_shown_changed_and_removed() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let url = "http://127.0.0.1:9/hook?key=canary-in-the-url";
    let made = call(&test, &vendor, Method::POST, "", json!({ "url": url })).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.text_of("signingSecret").starts_with("whsec_"));
    let id = made.json["webhook"]["id"].as_str().unwrap();
    let one = format!("/{id}");
    let shown = call(&test, &vendor, Method::GET, &one, json!({})).await;
    assert_eq!(shown.json, made.json["webhook"]);
    assert_eq!(
        (&shown.json["url"], &shown.json["types"]),
        (&json!(url), &json!(["*"]))
    );
    let listed = call(&test, &vendor, Method::GET, "", json!({})).await;
    assert_eq!(listed.json["items"], json!([shown.json]));
    let to = json!({ "types": ["token.ends_soon"], "enabled": false });
    let changed = call(&test, &vendor, Method::PATCH, &one, to).await;
    assert_eq!(changed.json["types"], json!(["token.ends_soon"]));
    assert_eq!(
        (&changed.json["enabled"], &changed.json["url"]),
        (&json!(false), &json!(url))
    );
    let gone = call(&test, &vendor, Method::DELETE, &one, json!({})).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let gone = call(&test, &vendor, Method::GET, &one, json!({})).await;
    gone.expect_problem(404, "not_found");
    let sql = "SELECT action, details::text FROM events WHERE action LIKE 'webhook.%' ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let actions: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        actions,
        ["webhook.created", "webhook.updated", "webhook.removed"]
    );
    assert!(
        rows.iter()
            .all(|row| !row.get::<_, &str>(1).contains("canary"))
    );
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let long = format!("https://example.com/{}", "x".repeat(2048));
    let good = "http://127.0.0.1:9/";
    for body in [
        json!({}),
        json!({ "url": "" }),
        json!({ "url": "ftp://example.com/" }),
        json!({ "url": "https://user:word@example.com/" }),
        json!({ "url": "https://user@example.com/" }),
        json!({ "url": long }),
        json!({ "url": "https://169.254.169.254/latest/meta-data" }),
        json!({ "url": "http://1.1.1.1/" }),
        json!({ "url": good, "types": [] }),
        json!({ "url": good, "types": ["test"] }),
        json!({ "url": good, "types": ["*", "token.ends_soon"] }),
        json!({ "url": good, "secret": "whsec_mine" }),
    ] {
        let refused = call(&test, &vendor, Method::POST, "", body.clone()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "invalid_field"),
            "{body}"
        );
    }
    for _ in 0..10 {
        test.hook(&vendor, good).await;
    }
    let eleventh = call(&test, &vendor, Method::POST, "", json!({ "url": good })).await;
    eleventh.expect_problem(409, "webhook_limit");
    let hooks = call(&test, &vendor, Method::GET, "?limit=4", json!({})).await;
    let id = hooks.json["items"][0]["id"].as_str().unwrap();
    let path = format!("/{id}");
    let moved = json!({ "url": "http://169.254.169.254/" });
    let refused = call(&test, &vendor, Method::PATCH, &path, moved).await;
    refused.expect_problem(422, "invalid_field");
    let path = format!("/{id}/secret");
    let long = json!({ "overlap": 86_401 });
    let refused = call(&test, &vendor, Method::POST, &path, long).await;
    refused.expect_problem(422, "invalid_field");
}

#[tokio::test]
async fn another_vendors_webhook_is_not_there() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let receiver = Receiver::start().await;
    let hook = test.hook(&b, &receiver.url).await;
    // Of A, so that a message of B's is not found below it.
    let own = test.hook(&a, &receiver.url).await;
    let message = test.knock(&b, &hook).await;
    let id = &hook.id;
    for (method, path) in [
        (Method::GET, format!("/{id}")),
        (Method::PATCH, format!("/{id}")),
        (Method::DELETE, format!("/{id}")),
        (Method::POST, format!("/{id}/secret")),
        (Method::POST, format!("/{id}/test")),
        (Method::GET, format!("/{id}/deliveries")),
        (Method::POST, format!("/{id}/deliveries/{message}/replay")),
        (
            Method::POST,
            format!("/{}/deliveries/{message}/replay", own.id),
        ),
        (Method::GET, "/1".to_owned()),
        (Method::POST, format!("/{id}/deliveries/x/replay")),
    ] {
        let answer = call(&test, &a, method.clone(), &path, json!({})).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        answer.expect_problem(404, "not_found");
    }
    let listed = call(&test, &a, Method::GET, "", json!({})).await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), 1);
    // An operator finds it where it belongs.
    let admin = |namespace: &str| format!("/api/admin/vendors/{namespace}/webhooks/{id}");
    let found = test.get(&admin("vendor-b")).bearer(&test.operator).send();
    assert_eq!(found.await.status, 200);
    let found = test.get(&admin("vendor-a")).bearer(&test.operator).send();
    found.await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn guard_looks_again_before_anything_is_sent() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.egress.allow.clear();
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("media-vendor").await;
    // A name that leads elsewhere by the time something is sent.
    let receiver = Receiver::start().await;
    let hook = test.hook(&vendor, "https://1.1.1.1/").await;
    let _held = test.hold_deliveries().await;
    let inside = receiver.url.replace("127.0.0.1", "localhost");
    let with_tls = inside.replace("http://", "https://");
    for url in [&inside, &with_tls, "http://169.254.169.254/"] {
        let sql = "UPDATE webhook_endpoints SET url = $1";
        test.sql().await.execute(sql, &[&url]).await.unwrap();
        let id = test.knock(&vendor, &hook).await;
        assert_eq!(test.deliver().await.put_off, 1, "{url}");
        let noted = test.deliveries(&vendor, &hook).await;
        assert_eq!(
            (&noted[0]["id"], &noted[0]["lastProblem"]),
            (&json!(id), &json!("address_refused"))
        );
    }
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn deliveries_come_in_pages_newest_first() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let receiver = Receiver::start().await;
    let hook = test.hook(&vendor, &receiver.url).await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(test.knock(&vendor, &hook).await);
    }
    sent.reverse();
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let path = format!("/{}/deliveries?{query}", hook.id);
        let page = call(&test, &vendor, Method::GET, &path, json!({})).await;
        let items = page.json["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page.json["nextCursor"].as_str() else {
            break;
        };
        query = format!("limit=2&cursor={next}");
    }
    assert_eq!(seen, sent);
}
