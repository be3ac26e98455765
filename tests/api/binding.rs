//! Store-wide tokens bound to a site by their issuance id, so that they die with it.

use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";

async fn store_wide(test: &TestApp, vendor: &TestVendor) -> Answer {
    let call = test.post("/api/site").bearer(&vendor.public_key);
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

async fn bind(test: &TestApp, vendor: &TestVendor, id: &str, issuance: &Value) -> Answer {
    let body = json!({ "secretId": id, "issuanceId": issuance });
    let call = test.post("/sites").bearer(&vendor.private_key);
    call.json(&body).send().await
}

#[tokio::test]
async fn bound_store_wide_token_dies_with_the_site() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let (bound, free) = (
        store_wide(&test, &vendor).await,
        store_wide(&test, &vendor).await,
    );
    let issuance = &bound.json["issuanceId"];
    // Twice, as a plugin that got no answer does.
    for _ in 0..2 {
        let answer = bind(&test, &vendor, SITE, issuance).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let path = format!("/sites/{SITE}");
    let removed = test.delete(&path).bearer(&vendor.public_key).send().await;
    assert_eq!(removed.json, json!({ "deleted": true }));
    assert!(!test.is_alive(&bound.text_of("token")).await);
    assert!(test.is_alive(&free.text_of("token")).await);
}

#[tokio::test]
async fn only_a_free_store_wide_token_of_the_vendor_can_be_bound() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let other = test.vendor("gravityforms").await;
    let taken = store_wide(&test, &vendor).await.json["issuanceId"].clone();
    assert_eq!(bind(&test, &vendor, SITE, &taken).await.status, 201);
    let foreign = store_wide(&test, &other).await.json["issuanceId"].clone();
    let read = test.post("/sites/token").bearer(&vendor.private_key);
    let read = read.send().await.json["issuanceId"].clone();
    let unknown = json!("018f0000-0000-7000-8000-000000000000");
    for issuance in [&taken, &foreign, &read, &unknown] {
        let answer = bind(&test, &vendor, OTHER, issuance).await;
        answer.expect_problem(409, "issuance_not_bindable");
    }
    for bad in [json!("no uuid"), json!(1), json!({})] {
        let answer = bind(&test, &vendor, OTHER, &bad).await;
        answer.expect_problem(422, "invalid_field");
    }
    // A refused registration leaves nothing behind.
    let path = format!("/sites/{OTHER}");
    let shown = test.get(&path).bearer(&vendor.private_key).send().await;
    shown.expect_problem(404, "not_found");
    // The other vendor's token is still its own to bind.
    assert_eq!(bind(&test, &other, OTHER, &foreign).await.status, 201);
}
