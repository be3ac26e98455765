//! The sign-up webhook.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::valve::Valve;
use crate::support::{Place, TestApp};

fn message(kind: &str, timestamp: &str, data: &Value) -> Value {
    json!({ "type": kind, "timestamp": timestamp, "data": data })
}

fn created(namespace: &str) -> Value {
    let data = json!({
        "namespace": namespace, "name": "GravityView", "ownerName": "Zack Katz",
        "ownerEmail": "zack@gravityview.example", "plan": "all-access",
    });
    message("vendor.created", "2026-11-01T00:00:00Z", &data)
}

fn updated(namespace: &str, timestamp: &str, plan: &str) -> Value {
    let data = json!({ "namespace": namespace, "plan": plan });
    message("vendor.updated", timestamp, &data)
}

async fn count(test: &TestApp, sql: &str) -> i64 {
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    row.get(0)
}

async fn policy(test: &TestApp, name: &str) -> Option<String> {
    let path = format!("sys/policies/acl/{name}");
    let answer = test.bao_root(Method::GET, &path).send().await;
    let said = answer.json["data"]["policy"].as_str();
    said.map(|said| said.trim().to_owned())
}

async fn show(test: &TestApp, namespace: &str) -> Answer {
    let path = format!("/api/admin/vendors/{namespace}");
    test.get(&path).bearer(&test.operator).send().await
}

async fn mount(test: &TestApp, kind: &str, description: &str, version: &str) {
    let mut body = json!({ "type": kind, "description": description });
    if !version.is_empty() {
        body["options"] = json!({ "version": version });
    }
    let path = "sys/mounts/gravityview-store";
    let call = test.bao_root(Method::POST, path).json(&body);
    let mounted = call.send().await;
    assert_eq!(mounted.status, 204, "{mounted:?}");
}

#[tokio::test]
async fn created_vendor_has_keys_store_and_policies() {
    let test = TestApp::start().await;
    let answer = test.webhook("msg_1", &created("gravityview")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let vendor = &answer.json["vendor"];
    assert_eq!(vendor["namespace"], "gravityview");
    assert_eq!(vendor["name"], "GravityView");
    assert_eq!(vendor["plan"], "all-access");
    assert_eq!(vendor["provisioned"], true);
    assert!(vendor["publicKey"].as_str().unwrap().starts_with("pk_"));
    assert!(answer.text_of("claimToken").starts_with("gct_"));

    let path = "sys/mounts/gravityview-store";
    let mount = test.bao_root(Method::GET, path).send().await.json;
    assert_eq!(mount["data"]["type"], "kv");
    assert_eq!(mount["data"]["options"], json!({ "version": "1" }));
    let description = "Key Store for client gravityview";
    assert_eq!(mount["data"]["description"], description);
    for (kind, rights) in [
        ("write", r#""create", "update", "delete""#),
        ("delete", r#""delete""#),
        ("read", r#""read""#),
    ] {
        let said = format!(r#"path "gravityview-store/*" {{ capabilities = [{rights}]}}"#);
        let name = format!("gravityview-{kind}-policy");
        assert_eq!(policy(&test, &name).await, Some(said), "{name}");
    }
    for name in ["gravityview.site-write", "gravityview.site-read"] {
        assert!(policy(&test, name).await.is_some(), "{name}");
    }
}

#[tokio::test]
async fn repeated_webhook_gets_the_same_answer_and_has_one_effect() {
    let test = TestApp::start().await;
    let body = created("gravityview");
    let at_once = join_all((0..5).map(|_| test.webhook("msg_1", &body))).await;
    let later = test.webhook("msg_1", &body).await;
    assert_eq!(later.status, 200, "{later:?}");
    for answer in at_once {
        assert_eq!((answer.status, &answer.text), (200, &later.text));
    }
    assert_eq!(count(&test, "SELECT count(*) FROM vendors").await, 1);
    let events = "SELECT count(*) FROM events WHERE action = 'vendor.created'";
    assert_eq!(count(&test, events).await, 1);
    // A repeat says what was said, even after a change.
    let update = updated("gravityview", "2026-11-02T00:00:00Z", "basic");
    assert_eq!(test.webhook("msg_2", &update).await.status, 200);
    assert_eq!(test.webhook("msg_1", &body).await.text, later.text);
}

#[tokio::test]
async fn webhook_id_cannot_carry_another_body() {
    let test = TestApp::start().await;
    let first = test.webhook("msg_1", &created("gravityview")).await;
    assert_eq!(first.status, 200);
    let other = test.webhook("msg_1", &created("gravityforms")).await;
    other.expect_problem(409, "webhook_id_reused");
    assert_eq!(count(&test, "SELECT count(*) FROM vendors").await, 1);
}

#[tokio::test]
async fn second_created_of_a_namespace_has_no_claim_token() {
    let test = TestApp::start().await;
    let first = test.webhook("msg_1", &created("gravityview")).await;
    let second = test.webhook("msg_2", &created("gravityview")).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(second.json["vendor"]["id"], first.json["vendor"]["id"]);
    assert!(second.json.get("claimToken").is_none());
    // It counts as an update: a message of one time with a lesser id changes nothing.
    let third = test.webhook("msg_0", &created("gravityview")).await;
    assert_eq!(third.status, 200, "{third:?}");
    let events = "SELECT count(*) FROM events WHERE action = 'vendor.updated'";
    assert_eq!(count(&test, events).await, 1);
}

#[tokio::test]
async fn bad_namespace_is_refused_with_a_suggestion() {
    let test = TestApp::start().await;
    for bad in ["GravityView", "../sys", "abcd", "admin", "gravity-store"] {
        let answer = test.webhook("msg_1", &created(bad)).await;
        answer.expect_problem(422, "invalid_namespace");
        assert_eq!(answer.json["suggestion"], "gravityview");
        assert_eq!(answer.json["errors"][0]["pointer"], "/data/namespace");
    }
    assert_eq!(count(&test, "SELECT count(*) FROM vendors").await, 0);
    // A refusal does not use up the id.
    let again = test.webhook("msg_1", &created("gravityview")).await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn updates_apply_in_the_order_of_their_timestamps() {
    let test = TestApp::start().await;
    test.webhook("msg_1", &created("gravityview")).await;
    let plan = async || show(&test, "gravityview").await.json["plan"].clone();
    for (id, at, sent, shown) in [
        ("m3", "2026-11-03T00:00:00Z", "third", "third"),
        ("m2", "2026-11-02T00:00:00Z", "second", "third"),
        ("m5", "2026-11-05T00:00:00Z", "fifth", "fifth"),
        // At the same time the greater id counts.
        ("m4", "2026-11-05T00:00:00Z", "fourth", "fifth"),
        ("m6", "2026-11-05T00:00:00Z", "sixth", "sixth"),
    ] {
        let answer = test.webhook(id, &updated("gravityview", at, sent)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(plan().await, shown, "after {sent}");
    }
    // What is left out stays.
    assert_eq!(show(&test, "gravityview").await.json["name"], "GravityView");
}

#[tokio::test]
async fn unknown_type_is_refused() {
    let test = TestApp::start().await;
    let mut body = created("gravityview");
    body["type"] = json!("vendor.exploded");
    let answer = test.webhook("msg_2", &body).await;
    answer.expect_problem(422, "invalid_field");
    assert_eq!(answer.json["errors"][0]["pointer"], "/type");
    let receipts = "SELECT count(*) FROM webhook_receipts";
    assert_eq!(count(&test, receipts).await, 0);
}

#[tokio::test]
async fn store_made_beforehand_counts_as_ours() {
    let test = TestApp::start().await;
    mount(&test, "kv", "Key Store for client gravityview", "1").await;
    let answer = test.webhook("msg_1", &created("gravityview")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let read = policy(&test, "gravityview-read-policy").await;
    assert!(read.is_some());
}

#[tokio::test]
async fn missing_policy_is_made_again() {
    let test = TestApp::start().await;
    let body = created("gravityview");
    let first = test.webhook("msg_1", &body).await;
    let path = "sys/policies/acl/gravityview-read-policy";
    let delete = async || {
        let deleted = test.bao_root(Method::DELETE, path).send().await;
        assert_eq!(deleted.status, 204);
        assert_eq!(policy(&test, "gravityview-read-policy").await, None);
    };
    delete().await;
    // As it is after a crash between two policies.
    let half = "UPDATE vendors SET provisioned_level = 0";
    test.sql().await.batch_execute(half).await.unwrap();
    assert_eq!(test.webhook("msg_1", &body).await.text, first.text);
    assert!(policy(&test, "gravityview-read-policy").await.is_some());
    delete().await;
    let path = "/api/admin/vendors/gravityview/repair";
    let repaired = test.post(path).bearer(&test.operator).send().await;
    assert_eq!(repaired.status, 200, "{repaired:?}");
    assert!(policy(&test, "gravityview-read-policy").await.is_some());
}

#[tokio::test]
async fn foreign_mount_at_the_path_is_left_alone() {
    let test = TestApp::start().await;
    for (kind, description, version) in [
        ("kv", "Somebody else's", "1"),
        ("kv", "Key Store for client gravityview", "2"),
        ("transit", "Key Store for client gravityview", ""),
    ] {
        mount(&test, kind, description, version).await;
        let answer = test.webhook("msg_1", &created("gravityview")).await;
        answer.expect_problem(503, "store_conflict");
        let shown = show(&test, "gravityview").await;
        assert_eq!(shown.json["provisioned"], false, "{shown:?}");
        assert_eq!(policy(&test, "gravityview-read-policy").await, None);
        let key = shown.text_of("publicKey");
        let token = test.post("/api/site").bearer(&key).send().await;
        token.expect_problem(503, "not_provisioned");
        let path = "sys/mounts/gravityview-store";
        let gone = test.bao_root(Method::DELETE, path).send().await;
        assert_eq!(gone.status, 204);
    }
    let answer = test.webhook("msg_1", &created("gravityview")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn vendor_signed_up_without_openbao_is_finished_by_a_repeat() {
    let place = Place::shared().await;
    let valve = Valve::to(&place.bao.addr).await;
    let mut config = place.config().await;
    config.bao.server.addr.clone_from(&valve.url);
    let test = TestApp::start_at(place, config).await;
    valve.shut();
    let body = created("gravityview");
    for _ in 0..2 {
        let answer = test.webhook("msg_1", &body).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        answer.expect_problem(503, "openbao_unavailable");
    }
    valve.open();
    let answer = test.webhook("msg_1", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["vendor"]["provisioned"], true);
    assert!(answer.text_of("claimToken").starts_with("gct_"));
    assert!(policy(&test, "gravityview-write-policy").await.is_some());
}
