//! The plugins of 2019: a public key in the body, delete keys, and the account with its read key.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";
const ACCESS: &str = "Customer_access-key_0001";

async fn start() -> (TestApp, TestVendor) {
    let test = TestApp::start().await;
    test.keep_secret(ACCESS);
    let vendor = test.vendor("gravityview").await;
    (test, vendor)
}

fn as_sent(vendor: &TestVendor, id: &str) -> Value {
    json!({
        "publicKey": vendor.public_key, "accessKey": ACCESS,
        "siteUrl": "https://customer.example", "keyStoreID": id,
    })
}

async fn register(test: &TestApp, body: &Value) -> Answer {
    test.post("/api/sites").json(body).send().await
}

async fn remove(test: &TestApp, path_key: &str, header: &str) -> Answer {
    let call = test.delete(&format!("/api/sites/{path_key}"));
    call.header("authorization", header).send().await
}

#[tokio::test]
async fn plugin_registers_writes_and_revokes() {
    let (test, vendor) = start().await;
    let answer = register(&test, &as_sent(&vendor, SITE)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let (token, key) = (answer.text_of("token"), answer.text_of("deleteKey"));
    let secret = json!({
        "siteurl": "https://customer.example", "endpoint": "e", "identifier": "i",
        "user_id": 7, "expiry": 0,
    });
    let path = format!("gravityview-store/{SITE}");
    let call = test.bao(Method::POST, &path, &token).json(&secret);
    assert_eq!(call.send().await.status, 204);
    let removed = remove(&test, &key, &key).await;
    assert_eq!(
        (removed.status, removed.json),
        (200, json!({ "deleted": true }))
    );
    let stored = test.bao_root(Method::GET, &path).send().await;
    assert_eq!(stored.status, 404);
    assert!(!test.is_alive(&token).await);
    // The delete key died with its site, and stays dead when the site is stored anew.
    let again = remove(&test, &key, &key).await;
    again.expect_problem(401, "credentials_invalid");
    assert_eq!(register(&test, &as_sent(&vendor, SITE)).await.status, 201);
    let again = remove(&test, &key, &key).await;
    again.expect_problem(401, "credentials_invalid");
}

#[tokio::test]
async fn delete_key_is_good_for_its_own_site_only() {
    let (test, vendor) = start().await;
    let first = register(&test, &as_sent(&vendor, SITE))
        .await
        .text_of("deleteKey");
    let second = register(&test, &as_sent(&vendor, OTHER))
        .await
        .text_of("deleteKey");
    assert_ne!(first, second);
    for (path, header) in [
        (first.as_str(), second.as_str()),
        (SITE, &first),
        (OTHER, &first),
        (&first, &format!("Bearer {first}")),
        (&first, "gdk_0000"),
        (&first, "nonsense"),
    ] {
        let refused = remove(&test, path, header).await;
        refused.expect_problem(401, "credentials_invalid");
    }
    let bare = test.delete(&format!("/api/sites/{first}")).send().await;
    bare.expect_problem(401, "credentials_missing");
    for id in [SITE, OTHER] {
        let path = format!("/sites/{id}");
        let shown = test.get(&path).bearer(&vendor.private_key).send().await;
        assert_eq!(shown.status, 200, "{shown:?}");
    }
    assert_eq!(remove(&test, &second, &second).await.status, 200);
    assert_eq!(remove(&test, &first, &first).await.status, 200);
}

#[tokio::test]
async fn public_key_in_the_body_is_no_more_than_one_in_the_header() {
    let (test, vendor) = start().await;
    test.site(&vendor, SITE, ACCESS).await;
    let mut body = as_sent(&vendor, SITE);
    body["accessKey"] = json!("another_access-key_0002");
    let refused = register(&test, &body).await;
    refused.expect_problem(403, "access_key_required");
    // Not even for what is there already, as the answer holds a token.
    let refused = json!({ "publicKey": vendor.public_key, "keyStoreID": SITE });
    let refused = register(&test, &refused).await;
    refused.expect_problem(403, "access_key_required");
    for key in ["pk_0000", &vendor.private_key, "", &test.operator] {
        let mut body = as_sent(&vendor, OTHER);
        body["publicKey"] = json!(key);
        let refused = register(&test, &body).await;
        refused.expect_problem(401, "credentials_invalid");
    }
    let mut body = as_sent(&vendor, OTHER);
    body.as_object_mut().unwrap().remove("publicKey");
    let refused = register(&test, &body).await;
    refused.expect_problem(401, "credentials_missing");
}

#[tokio::test]
async fn header_makes_no_delete_key() {
    let (test, vendor) = start().await;
    let body = json!({ "keyStoreID": SITE });
    let call = test.post("/api/sites").bearer(&vendor.public_key);
    let answer = call.json(&body).send().await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.json.get("deleteKey").is_none());
    assert!(answer.json.get("token").is_none());
}

#[tokio::test]
async fn account_has_a_read_key_that_reads_the_store() {
    let (test, vendor) = start().await;
    test.site(&vendor, SITE, ACCESS).await;
    let path = format!("/api/v1/accounts/{}", vendor.id);
    for call in [
        test.get(&path).bearer(&vendor.private_key),
        test.get(&path).trusted_login(&vendor),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json["name"], "A Vendor");
        assert_eq!(answer.json["status"], "active");
        let key = answer.text_of("readKey");
        let secret = format!("gravityview-store/{SITE}");
        let read = test.bao(Method::GET, &secret, &key).send().await;
        assert_eq!(read.json["data"]["identifier"], "canary", "{read:?}");
        let delete = test.bao(Method::DELETE, &secret, &key).send().await;
        assert_eq!(delete.status, 403);
    }
}

#[tokio::test]
async fn wrong_keys_say_the_same_whether_the_account_exists() {
    let (test, vendor) = start().await;
    let mut wrong = vendor.clone();
    wrong.private_key = vendor.private_key.replace("sk_", "sk_0");
    let mut bodies = Vec::new();
    for id in [vendor.id, vendor.id + 1000] {
        let path = format!("/api/v1/accounts/{id}");
        for call in [
            test.get(&path),
            test.get(&path).bearer(&wrong.private_key),
            test.get(&path).trusted_login(&wrong),
            // The bearer alone, without its pair.
            test.get(&path).bearer(&"a".repeat(64)),
        ] {
            let mut answer = call.send().await;
            answer.expect_refusal(403, "credentials_invalid");
            answer.json["request_id"] = Value::Null;
            bodies.push(answer.json);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn right_keys_find_no_account_but_their_own() {
    let (test, vendor) = start().await;
    let other = test.vendor("gravityforms").await;
    let ids = [
        other.id.to_string(),
        (other.id + 1000).to_string(),
        format!("0{}", vendor.id),
        format!("+{}", vendor.id),
        format!("%20{}", vendor.id),
        "0".to_owned(),
        "-1".to_owned(),
        "9223372036854775808".to_owned(),
        "gravityview".to_owned(),
    ];
    for id in ids {
        let path = format!("/api/v1/accounts/{id}");
        let answer = test.get(&path).bearer(&vendor.private_key).send().await;
        answer.expect_refusal(404, "not_found");
    }
}
