//! The log of a site tells the whole story of a token: who asked for it, what it did in OpenBao, and its end.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::access_logs::shipping;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const STORY: [&str; 5] = [
    "gatehouse token.issued done",
    "openbao store.create done",
    "openbao store.read refused",
    "gatehouse token.revocation_asked done",
    "gatehouse token.revoked done",
];

/// The log of the site, the oldest first.
async fn log(test: &TestApp, vendor: &TestVendor) -> Vec<Value> {
    let path = format!("/sites/{SITE}/access-logs?order=asc");
    let answer = test.get(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["items"].as_array().unwrap().clone()
}

fn line(item: &Value) -> String {
    let said = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}", said("source"), said("action"), said("outcome"))
}

/// Asks for a token with `body`, writes, is refused a read, and is revoked; then the log must tell exactly that.
async fn told(body: Value) {
    let test = shipping().await;
    let vendor = test.vendor("gravityview").await;
    let asked = test.post("/api/site").bearer(&vendor.public_key);
    let asked = asked
        .header("user-agent", "plugin/1.2")
        .json(&body)
        .send()
        .await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let token = asked.text_of("token");
    let issuance = asked.text_of("issuanceId");
    let path = format!("gravityview-store/{SITE}");
    let write = test.bao(Method::POST, &path, &token);
    let written = write
        .json(&json!({ "identifier": "canary-envelope" }))
        .send()
        .await;
    assert_eq!(written.status, 204, "{written:?}");
    let read = test.bao(Method::GET, &path, &token).send().await;
    assert_eq!(read.status, 403, "{read:?}");
    let revoke = test.delete(&format!("/api/issuances/{issuance}"));
    let revoked = revoke.bearer(&vendor.private_key).send().await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let done = Instant::now();
    let items = loop {
        let items = log(&test, &vendor).await;
        if items.len() >= STORY.len() || done.elapsed() > Duration::from_secs(2) {
            break items;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let lines: Vec<String> = items.iter().map(line).collect();
    assert_eq!(lines, STORY, "after {:?}: {items:?}", done.elapsed());
    for item in &items {
        assert_eq!(item["token"]["issuanceId"], issuance.as_str(), "{item}");
    }
    let [issued, create, read, _, revoked] = &items[..] else {
        panic!("{items:?}");
    };
    assert_eq!(issued["caller"]["kind"], "public-key");
    assert_eq!(issued["address"], "127.0.0.1");
    assert_eq!(issued["userAgent"], "plugin/1.2");
    assert_eq!(
        issued["requestId"].as_str(),
        asked.headers["x-request-id"].to_str().ok()
    );
    for of_token in [create, read] {
        assert_eq!(of_token["caller"]["kind"], "public-key", "{of_token}");
        assert_eq!(of_token["secretId"], SITE);
    }
    assert_eq!(revoked["caller"]["kind"], "vendor");
    assert!(!test.dump().await.contains("canary-envelope"));
}

#[tokio::test]
async fn token_for_a_site_writes_is_refused_and_revoked_and_the_log_says_so_within_two_seconds() {
    told(json!({ "secretId": SITE })).await;
}

#[tokio::test]
async fn token_for_the_whole_store_is_in_the_log_of_the_site_it_touched() {
    told(json!({})).await;
}
