//! Handing out tokens.

use reqwest::Method;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn store_wide_write_token_writes_and_cannot_read() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let answer = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["ttl"], 604_800);
    assert_eq!(
        answer.json["policies"],
        json!(["default", "gravityview-write-policy"])
    );
    let token = answer.text_of("token");
    let path = "gravityview-store/0123456789abcdef";
    let written = test
        .bao(Method::POST, path, &token)
        .json(&json!({ "a": "b" }))
        .send()
        .await;
    assert_eq!(written.status, 204);
    assert_eq!(test.bao(Method::GET, path, &token).send().await.status, 403);
}
