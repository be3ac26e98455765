//! What the platform's webhooks hear of vendors' accounts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::receiver::{Receiver, TestHook};
use crate::support::{TestApp, TestVendor};

async fn start() -> (TestApp, Receiver, TestHook) {
    let test = TestApp::start().await;
    let receiver = Receiver::start().await;
    let hook = test.platform_hook(&receiver.url).await;
    (test, receiver, hook)
}

/// Sends what waits, and gives what the receiver has heard since the last time: types and data.
async fn heard(test: &TestApp, receiver: &Receiver, before: usize) -> Vec<(String, Value)> {
    test.deliver().await;
    let got = receiver.got();
    let said = got.iter().skip(before).map(|one| {
        let said = one.json();
        (
            said["type"].as_str().unwrap().to_owned(),
            said["data"].clone(),
        )
    });
    said.collect()
}

#[tokio::test]
async fn new_account_is_told_with_what_the_contract_says() {
    let (test, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    let before = test.vendor("first-vendor").await;
    let everything = Receiver::start().await;
    test.hook(&before, &everything.url).await;
    assert_eq!(heard(&test, &receiver, 0).await.len(), 1);
    let body = json!({
        "namespace": "gravityview", "name": "Gravity \"View\"", "ownerName": "Zack Katz",
        "ownerEmail": "zack@gravityview.example", "subscription": "trial", "hasCard": true,
    });
    let made = test
        .post("/api/admin/vendors")
        .bearer(&test.operator)
        .json(&body)
        .send()
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    test.keep_secret(made.json["privateKey"].as_str().unwrap());
    assert_eq!(made.json["vendor"]["hasCard"], true);
    let right = json!({
        "id": made.json["vendor"]["id"], "name": "Gravity \"View\"", "publicKey": made.json["publicKey"],
        "namespace": "gravityview", "ownerName": "Zack Katz", "ownerEmail": "zack@gravityview.example",
        "trial": true, "hasCard": true, "isSubscribed": false,
    });
    let told = heard(&test, &receiver, 1).await;
    assert_eq!(told, [("account.created".to_owned(), right)]);
    assert!(receiver.got()[1].is_signed_by(&hook.secret));
    // By the billing system, which sends it twice.
    let data = json!({ "namespace": "gravityforms", "name": "Forms" });
    let message =
        json!({ "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z", "data": data });
    for id in ["msg_1", "msg_1", "msg_2"] {
        let answer = test.webhook(id, &message).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let told = heard(&test, &receiver, 2).await;
    assert_eq!(told.len(), 1, "{told:?}");
    let (about, data) = &told[0];
    assert_eq!(about, "account.created");
    assert_eq!(
        (
            &data["ownerName"],
            &data["trial"],
            &data["hasCard"],
            &data["isSubscribed"]
        ),
        (&Value::Null, &json!(false), &json!(false), &json!(true))
    );
    assert!(data["publicKey"].as_str().unwrap().starts_with("pk_"));
    // One that was refused is not told, and vendors hear of no account, not even who wants to hear of everything.
    let again = json!({ "namespace": "gravityview", "name": "x" });
    let refused = test
        .post("/api/admin/vendors")
        .bearer(&test.operator)
        .json(&again)
        .send()
        .await;
    refused.expect_problem(409, "namespace_taken");
    assert!(heard(&test, &receiver, 3).await.is_empty());
    assert!(everything.got().is_empty());
    // The keys were sent, and are not in the database.
    let dumped = test.dump().await;
    assert!(dumped.contains("account.created"));
    for one in receiver.got() {
        let sent = one.json();
        let key = sent["data"]["publicKey"].as_str().unwrap();
        assert!(key.starts_with("pk_") && !dumped.contains(&key[key.len() - 24..]));
    }
}

async fn patch(test: &TestApp, vendor: &TestVendor, body: Value) -> Answer {
    let path = format!("/api/admin/vendors/{}", vendor.namespace);
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    let changed = call.json(&body).send().await;
    assert_eq!(changed.status, 200, "{changed:?}");
    changed
}

#[tokio::test]
async fn account_is_renewed_when_its_subscription_becomes_active() {
    let (test, receiver, _) = start().await;
    let _held = test.hold_deliveries().await;
    let vendor = test.vendor("media-vendor").await;
    let mut seen = heard(&test, &receiver, 0).await.len();
    assert_eq!(seen, 1);
    for (to, renewed) in [
        (json!({ "subscription": "active" }), false),
        (json!({ "subscription": "unpaid" }), false),
        (json!({ "plan": "gold" }), false),
        (json!({ "subscription": "trial" }), false),
        (json!({ "subscription": "active", "hasCard": true }), true),
        (json!({ "subscription": "active" }), false),
        (json!({ "subscription": "unpaid" }), false),
        (json!({ "subscription": "active" }), true),
    ] {
        patch(&test, &vendor, to.clone()).await;
        let told = heard(&test, &receiver, seen).await;
        seen += told.len();
        assert_eq!(told.len(), usize::from(renewed), "{to}: {told:?}");
        for (about, data) in told {
            assert_eq!(about, "account.renewed");
            assert_eq!(
                (
                    &data["id"],
                    &data["trial"],
                    &data["hasCard"],
                    &data["isSubscribed"]
                ),
                (&json!(vendor.id), &json!(false), &json!(true), &json!(true))
            );
        }
    }
    // Of many at once, one renews it.
    patch(&test, &vendor, json!({ "subscription": "unpaid" })).await;
    let active = || patch(&test, &vendor, json!({ "subscription": "active" }));
    futures_util::future::join_all((0..8).map(|_| active())).await;
    let told = heard(&test, &receiver, seen).await;
    seen += told.len();
    assert_eq!(told.len(), 1, "{told:?}");
    // By the billing system; one that comes out of order changes nothing, and is not told.
    let update = async |id: &str, at: &str, subscription: &str| {
        let data =
            json!({ "namespace": "media-vendor", "subscription": subscription, "hasCard": false });
        let message = json!({ "type": "vendor.updated", "timestamp": at, "data": data });
        let answer = test.webhook(id, &message).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json["vendor"].clone()
    };
    update("msg_3", "2026-11-03T00:00:00Z", "unpaid").await;
    let late = update("msg_2", "2026-11-02T00:00:00Z", "active").await;
    assert_eq!(late["subscription"], "unpaid");
    assert!(heard(&test, &receiver, seen).await.is_empty());
    let renewed = update("msg_4", "2026-11-04T00:00:00Z", "active").await;
    assert_eq!(renewed["hasCard"], false);
    update("msg_4", "2026-11-04T00:00:00Z", "active").await;
    let told = heard(&test, &receiver, seen).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["hasCard"]),
        ("account.renewed", &json!(false))
    );
}

#[tokio::test]
async fn cancelled_account_is_told_once_although_its_vendor_is_shut() {
    let (test, receiver, _) = start().await;
    let _held = test.hold_deliveries().await;
    let vendor = test.vendor("media-vendor").await;
    assert_eq!(heard(&test, &receiver, 0).await.len(), 1);
    test.operate(Method::POST, "media-vendor", "/suspend").await;
    assert!(heard(&test, &receiver, 1).await.is_empty());
    for _ in 0..2 {
        assert!(matches!(
            test.cancel("media-vendor").await.status,
            200 | 202
        ));
    }
    let told = heard(&test, &receiver, 1).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "account.cancelled");
    let found = (&told[0].1["publicKey"], &told[0].1["id"]);
    assert_eq!(found, (&json!(vendor.public_key), &json!(vendor.id)));
    test.until_gone("media-vendor").await;
    assert!(heard(&test, &receiver, 2).await.is_empty());
}

#[tokio::test]
async fn account_is_told_of_when_it_is_created_whatever_came_before() {
    let (test, receiver, _) = start().await;
    let _held = test.hold_deliveries().await;
    let say = async |kind: &str, day: u8, owner: &str| {
        let data = json!({ "namespace": "media-vendor", "name": "Media", "ownerName": owner });
        let at = format!("2026-11-{day:02}T00:00:00Z");
        let message = json!({ "type": kind, "timestamp": at, "data": data });
        let answer = test.webhook(&format!("msg_{day}"), &message).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    say("vendor.updated", 2, "Second").await;
    say("vendor.paused", 3, "Second").await;
    assert!(heard(&test, &receiver, 0).await.is_empty());
    say("vendor.created", 1, "First").await;
    let told = heard(&test, &receiver, 0).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["ownerName"]),
        ("account.created", &json!("Second"))
    );
}
