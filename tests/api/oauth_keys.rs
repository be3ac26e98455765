//! The key that access tokens are signed with: rotation with overlap, and what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::{TestApp, users, wait};

fn kid(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn kids(test: &TestApp) -> Vec<String> {
    let set = test.get("/.well-known/jwks.json").send().await;
    let keys = set.json["keys"].as_array().unwrap().clone();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}

/// A machine that stood still for seconds cannot see its database, and says so.
fn is_short_of_breath(answer: &Answer) -> bool {
    answer.status == 503 && answer.json["code"] == "database_out_of_sight"
}

async fn rotate(test: &TestApp) -> Answer {
    let call = test.post("/api/admin/token-keys").bearer(&test.operator);
    call.send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_fails_no_valid_request() {
    let (one, other) = users::two_replicas().await;
    let vendor = one.vendor("vendor-a").await;
    let (one, other) = (Arc::new(one), Arc::new(other));
    let old = one.vendor_token(&vendor).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (one, other) = (Arc::clone(&one), Arc::clone(&other));
        let (stop, vendor) = (Arc::clone(&stop), vendor.clone());
        tokio::spawn(async move {
            let mut served = 0;
            while !stop.load(Ordering::Relaxed) {
                for (by, at) in [(&one, &other), (&other, &one)] {
                    let made = by.grant(&vendor.namespace, &vendor.private_key).await;
                    if is_short_of_breath(&made) {
                        continue;
                    }
                    assert_eq!(made.status, 200, "{made:?}");
                    let token = made.text_of("access_token");
                    let shown = at.get("/sites").bearer(&token).send().await;
                    assert!(
                        shown.status == 200 || is_short_of_breath(&shown),
                        "{shown:?}"
                    );
                    served += 1;
                }
            }
            served
        })
    };
    let rotated = rotate(&one).await;
    assert_eq!(rotated.status, 201, "{rotated:?}");
    // Published before it signs, on both.
    let first = kid(&old);
    wait::until("the other replica publishes it", async || {
        kids(&other).await.len() == 2
    })
    .await;
    assert_eq!(kid(&other.vendor_token(&vendor).await), first);
    rotate(&other).await.expect_problem(409, "conflict");
    // The clocks of replicas are never moved at the same moment, nor are they ever a minute apart.
    one.app.clock.advance(50);
    other.app.clock.advance(50);
    one.app.clock.advance(45);
    let second = kid(&one.vendor_token(&vendor).await);
    assert_ne!(second, first);
    other.app.clock.advance(45);
    assert_eq!(kid(&other.vendor_token(&vendor).await), second);
    assert_eq!(other.status_as("/sites", &old).await, 200);
    stop.store(true, Ordering::Relaxed);
    assert!(load.await.unwrap() > 0);
    // The old one goes when the last token it signed is over.
    let shown = one.call(Method::GET, "/api/admin/token-keys");
    let shown = shown.bearer(&one.operator).send().await.json;
    assert_eq!(shown["keys"][0]["signs"], true, "{shown}");
    assert_eq!(
        (&shown["keys"][0]["endsAt"], &shown["keys"][1]["kid"]),
        (&Value::Null, &json!(first))
    );
    one.app.clock.advance(2 * 3600);
    one.app.token_keys.wake.notify_one();
    wait::until("the old key is gone", async || {
        kids(&one).await == [second.clone()]
    })
    .await;
}

#[tokio::test]
async fn old_key_is_replaced_by_itself() {
    let test = TestApp::start().await;
    let first = kids(&test).await;
    assert_eq!(test.pass("rotate_token_key").await["rotated"], false);
    test.app.clock.advance(91 * 24 * 3600);
    assert_eq!(test.pass("rotate_token_key").await["rotated"], true);
    // Nothing that the old one signed can still be good, by this clock.
    let now = kids(&test).await;
    assert!(now.len() == 1 && now != first, "{now:?}");
    let sql = "SELECT actor FROM events WHERE action = 'token_key.rotated'";
    let actor: String = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(actor, "task:rotate_token_key");
}

#[tokio::test]
async fn key_that_was_destroyed_is_good_for_nothing() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let token = test.vendor_token(&vendor).await;
    assert_eq!(rotate(&test).await.status, 201);
    let path = "gatehouse-keys/destroy/token-signing";
    let gone = test
        .bao_root(Method::POST, path)
        .json(&json!({ "versions": [1] }));
    assert_eq!(gone.send().await.status, 204);
    test.app.token_keys.wake.notify_one();
    wait::until("the old key is refused", async || {
        test.status_as("/sites", &token).await == 401
    })
    .await;
    let new = test.vendor_token(&vendor).await;
    assert_eq!(test.status_as("/sites", &new).await, 200);
}
