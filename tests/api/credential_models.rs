//! The models of the seed: its examples, their rules, and many values that break them.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const CANARY: &str = "canary-5b1f";

async fn post(test: &TestApp, vendor: &TestVendor, key: &str, value: &Value) -> Answer {
    let body = json!({ "key": key, "value": value });
    let call = test.post("/api/credentials").bearer(&vendor.private_key);
    call.json(&body).send().await
}

async fn stored(test: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM credentials";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    row.get(0)
}

#[tokio::test]
async fn examples_of_the_seed_are_taken_as_the_contract_says() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let examples = [
        (
            json!({ "type": "ftp", "hostname": "ftp.media-cloud.ai", "username": "username", "password": "password" }),
            json!({ "port": 21, "secure": false }),
        ),
        (
            json!({ "type": "s3", "access_key_id": "ACCESS_KEY", "secret_access_key": "SECRET" }),
            json!({ "hostname": null, "region": "us-east-1" }),
        ),
        (
            json!({ "type": "http", "endpoint": "http://example.com/api", "method": "POST",
                    "headers": "{\"Content-Type\": \"application/json\"}", "body": "{}" }),
            json!({}),
        ),
        (
            json!({ "type": "generic", "custom_key": "Custom Value" }),
            json!({}),
        ),
    ];
    for (number, (sent, defaults)) in examples.into_iter().enumerate() {
        let key = format!("example-{number}");
        let made = post(&test, &vendor, &key, &sent).await;
        assert_eq!(made.status, 201, "{made:?}");
        let path = format!("/api/credentials/{key}");
        let found = test.get(&path).bearer(&vendor.private_key).send().await;
        let mut right = sent.as_object().unwrap().clone();
        right.extend(defaults.as_object().unwrap().clone());
        assert_eq!(found.json["data"]["value"], Value::Object(right));
    }
    let seed = json!({ "type": "http", "access_key_id": "http://example.com/api", "method": "POST",
                       "headers": "{\"Content-Type\": \"application/json\"}", "body": "{}" });
    let refused = post(&test, &vendor, "seed-http", &seed).await;
    refused.expect_problem(422, "invalid_field");
    let error = &refused.json["errors"][0];
    assert_eq!(error["pointer"], "/value/access_key_id");
    assert!(
        error["detail"]
            .as_str()
            .unwrap()
            .contains("endpoint is meant")
    );
    assert_eq!(stored(&test).await, 4);
}

#[tokio::test]
async fn each_rule_is_said_with_field_and_type() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    for (value, pointer, value_type) in [
        (json!({ "type": "ftp" }), "/value", Some("object")),
        (
            json!({ "type": "ftp", "hostname": "" }),
            "/value/hostname",
            Some("string"),
        ),
        (
            json!({ "type": "ftp", "hostname": "h", "port": 0 }),
            "/value/port",
            Some("integer"),
        ),
        (
            json!({ "type": "ftp", "hostname": "h", "username": 1 }),
            "/value/username",
            Some("integer"),
        ),
        (
            json!({ "type": "s3", "access_key_id": "a" }),
            "/value",
            Some("object"),
        ),
        (
            json!({ "type": "s3", "access_key_id": "a", "secret_access_key": null }),
            "/value/secret_access_key",
            Some("null"),
        ),
        (
            json!({ "type": "s3", "access_key_id": "a", "secret_access_key": "s", "region": null }),
            "/value/region",
            Some("null"),
        ),
        (
            json!({ "type": "http", "endpoint": "not a url" }),
            "/value/endpoint",
            Some("string"),
        ),
        (
            json!({ "type": "http", "endpoint": "http://h", "method": "DELETE" }),
            "/value/method",
            Some("string"),
        ),
        (
            json!({ "type": "http", "endpoint": "http://h", "method": "get" }),
            "/value/method",
            Some("string"),
        ),
        (
            json!({ "type": "http", "endpoint": "http://h", "headers": {} }),
            "/value/headers",
            Some("object"),
        ),
        (
            json!({ "type": "http", "endpoint": "http://h", "headers": "[]" }),
            "/value/headers",
            Some("string"),
        ),
        (
            json!({ "type": "http", "endpoint": "http://h", "body": null }),
            "/value/body",
            Some("null"),
        ),
        (
            json!({ "type": "generic", "a": ["b"] }),
            "/value/a",
            Some("array"),
        ),
        (
            json!({ "type": "generic", "a/b~c": {} }),
            "/value/a~1b~0c",
            Some("object"),
        ),
        (json!([]), "/value", Some("array")),
        (json!("ftp"), "/value", Some("string")),
        (json!({ "type": null }), "/value/type", Some("null")),
        (json!({}), "/value/type", None),
    ] {
        let answer = post(&test, &vendor, "k", &value).await;
        answer.expect_problem(422, "invalid_field");
        let error = &answer.json["errors"][0];
        assert_eq!(error["pointer"], pointer, "{value}: {answer:?}");
        assert_eq!(
            error["value_type"].as_str(),
            value_type,
            "{value}: {answer:?}"
        );
    }
    let twice = r#"{"key":"k","value":{"type":"generic","a":"1","a":"2"}}"#;
    let call = test.post("/api/credentials").bearer(&vendor.private_key);
    let answer = call
        .header("content-type", "application/json")
        .body(twice)
        .send()
        .await;
    answer.expect_problem(422, "invalid_field");
    assert_eq!(stored(&test).await, 0);
}

/// A good value of each type.
fn good(name: &str) -> Map<String, Value> {
    let value = match name {
        "ftp" => {
            json!({ "hostname": "h", "port": 21, "secure": true, "username": "u", "password": "p" })
        }
        "s3" => {
            json!({ "hostname": "h", "access_key_id": "a", "secret_access_key": "s", "region": "r" })
        }
        "http" => json!({ "endpoint": "http://h", "method": "GET", "headers": "{}", "body": "b" }),
        _ => json!({ "a": "b" }),
    };
    let mut value = value.as_object().unwrap().clone();
    value.insert("type".to_owned(), name.into());
    value
}

/// A good value with one field spoiled: its name, and the value.
fn bad_values() -> impl Strategy<Value = (String, Value)> {
    let names = prop::sample::select(vec!["ftp", "s3", "http", "generic"]);
    let wrong = prop_oneof![
        Just(json!([CANARY])),
        Just(json!({ CANARY: CANARY })),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| json!([n, CANARY])),
        any::<i64>().prop_map(|n| json!({ "n": n, "c": CANARY })),
    ];
    (names, any::<prop::sample::Index>(), wrong, any::<bool>()).prop_map(
        |(name, index, wrong, unknown)| {
            let mut value = good(name);
            let fields: Vec<String> = value.keys().filter(|f| *f != "type").cloned().collect();
            let field = if unknown {
                format!("x-{}", index.index(1000))
            } else {
                index.get(&fields).clone()
            };
            value.insert(field.clone(), wrong);
            (field, Value::Object(value))
        },
    )
}

#[tokio::test]
async fn two_hundred_bad_values_are_refused_and_store_nothing() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    for number in 0..200 {
        let (field, value) = bad_values().new_tree(&mut runner).unwrap().current();
        let answer = post(&test, &vendor, &format!("k{number}"), &value).await;
        answer.expect_problem(422, "invalid_field");
        let error = &answer.json["errors"][0];
        assert_eq!(
            error["pointer"],
            format!("/value/{field}"),
            "{value}: {answer:?}"
        );
        assert!(!error["detail"].as_str().unwrap().is_empty());
        let found = if value[&field].is_array() {
            "array"
        } else {
            "object"
        };
        assert_eq!(error["value_type"], found, "{value}: {answer:?}");
        assert!(!answer.text.contains(CANARY), "{answer:?}");
    }
    assert_eq!(stored(&test).await, 0);
    let list = reqwest::Method::from_bytes(b"LIST").unwrap();
    let path = "media-vendor-credentials/secret/metadata";
    assert_eq!(test.bao_root(list, path).send().await.status, 404);
}

#[tokio::test]
async fn schemas_are_there_for_forms() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let answer = test
        .get("/api/credential-types")
        .bearer(&vendor.private_key)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let types = answer.json["types"].as_object().unwrap();
    let names: Vec<_> = types.keys().map(String::as_str).collect();
    assert_eq!(names, ["ftp", "generic", "http", "s3"]);
    assert_eq!(
        types["s3"]["required"],
        json!(["type", "access_key_id", "secret_access_key"])
    );
    assert_eq!(types["ftp"]["properties"]["password"]["format"], "password");
}
