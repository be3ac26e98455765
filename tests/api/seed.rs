//! Every call and answer printed in the seed "Working with Vault", in its order, as they really pass to OpenBao.
//! Where a test departs from the print, `contracts/direct-broker.md` does: the role in the path, `meta` for the
//! ignored `metadata`, a longest life, one use for the delete token.

use gatehouse::vault::tokens::TokenInfo;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::wire::{Seen, mark_of};
use crate::support::{TestApp, TestVendor, Wire};

const SITE: &str = "0123456789abcdef0123456789abcdef";
const DAY: u64 = 24 * 3600;

/// The one call to a path below `/v1/`.
#[track_caller]
fn only(wire: &Wire, path: &str) -> Seen {
    let mut calls = wire.calls_to(path);
    assert_eq!(calls.len(), 1, "calls to {path}: {calls:?}");
    calls.remove(0)
}

/// The `meta` of a token request, whose random parts are looked at apart.
#[track_caller]
fn take_meta(body: &mut Value) -> Value {
    let mut meta = body.as_object_mut().unwrap().remove("meta").unwrap();
    let meta_map = meta.as_object_mut().unwrap();
    let issuance = meta_map.remove("issuance_id").unwrap();
    assert_eq!(issuance.as_str().unwrap().len(), 36, "{issuance}");
    assert!(meta_map.remove("request_id").unwrap().is_string());
    meta
}

async fn issue(test: &TestApp, path: &str, key: &str, body: Option<Value>) -> Value {
    let mut call = test.post(path).bearer(key);
    if let Some(body) = &body {
        call = call.json(body);
    }
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

async fn looked_up(test: &TestApp, token: &str) -> Value {
    let answer = test
        .bao(Method::GET, "auth/token/lookup-self", token)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["data"].clone()
}

#[test]
fn printed_lookup_of_a_root_token_parses() {
    let printed = json!({
        "accessor": "X9H1u4IrPFgbUmjhToXtH5mq",
        "creation_time": 1_557_336_326,
        "creation_ttl": 0,
        "display_name": "root",
        "entity_id": "",
        "expire_time": null,
        "explicit_max_ttl": 0,
        "id": "s.KODayxpVxBLBw8MxZdRKTU7r",
        "meta": null,
        "num_uses": 0,
        "orphan": true,
        "path": "auth/token/root",
        "policies": ["root"],
        "ttl": 0,
        "type": "service"
    });
    let info: TokenInfo = serde_json::from_value(printed.clone()).unwrap();
    let shown = serde_json::to_value(&info).unwrap();
    for (field, value) in printed.as_object().unwrap() {
        match field.as_str() {
            "id" => assert_eq!(shown.get("id"), None, "the token itself is never kept"),
            _ => assert_eq!(&shown[field], value, "{field}"),
        }
    }
}

#[tokio::test]
async fn app_tokens_are_looked_up_and_renewed_as_printed() {
    let (test, wire) = Wire::start().await;
    let looked = wire.calls_to("auth/token/lookup-self");
    assert!(
        looked
            .iter()
            .all(|seen| seen.line() == "GET /v1/auth/token/lookup-self")
    );
    assert!(
        looked
            .iter()
            .all(|seen| seen.body.is_empty() && seen.status == Some(200))
    );
    let marks: std::collections::BTreeSet<_> = looked.iter().map(|s| s.token_mark).collect();
    assert_eq!(
        marks.len(),
        3,
        "issuer, revoker and provisioner each know themselves"
    );

    wire.forget();
    let answer = test
        .post("/api/admin/app-token/renew")
        .bearer(&test.operator)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let renewed = wire.calls_to("auth/token/renew-self");
    assert_eq!(renewed.len(), 3);
    for call in &renewed {
        assert_eq!(call.line(), "POST /v1/auth/token/renew-self");
        assert_eq!(call.headers["content-type"], "application/json");
        assert_eq!(call.body, br#"{"increment":"42h"}"#);
        assert_eq!(call.status, Some(200));
        assert_eq!(call.answer()["auth"]["lease_duration"], 151_200);
    }

    let answer = test
        .get("/api/admin/app-token")
        .bearer(&test.operator)
        .send()
        .await;
    let shown = answer.json["tokens"].as_array().unwrap();
    for (name, token) in ["issuer", "revoker", "provisioner"].iter().zip(shown) {
        assert_eq!(token["name"], *name);
        assert_eq!(token["renewals"], 1);
        let left = token["ttl_seconds"].as_u64().unwrap();
        assert!((151_100..=151_200).contains(&left), "{left}");
        for field in [
            "accessor",
            "creation_time",
            "creation_ttl",
            "display_name",
            "entity_id",
            "expire_time",
            "explicit_max_ttl",
            "meta",
            "num_uses",
            "orphan",
            "path",
            "policies",
            "ttl",
            "type",
        ] {
            assert!(token["token"].get(field).is_some(), "{field} of {token}");
        }
        assert_eq!(
            token["token"].get("id"),
            None,
            "the token itself is never shown"
        );
        assert_eq!(
            token["token"]["policies"],
            json!([format!("{name}-policy")])
        );
    }
}

#[tokio::test]
async fn vendor_gets_its_store_then_its_policies_in_the_printed_order() {
    let (test, wire) = Wire::start().await;
    wire.forget();
    test.vendor("gravityview").await;
    let calls: Vec<Seen> = wire
        .deliberate()
        .into_iter()
        .filter(|seen| seen.path.starts_with("/v1/sys/") && seen.method != "GET")
        .collect();
    let lines: Vec<String> = calls.iter().map(Seen::line).collect();
    assert_eq!(
        lines,
        [
            "POST /v1/sys/mounts/gravityview-store",
            "PUT /v1/sys/policies/acl/gravityview-write-policy",
            "PUT /v1/sys/policies/acl/gravityview-delete-policy",
            "PUT /v1/sys/policies/acl/gravityview-read-policy",
            "PUT /v1/sys/policies/acl/gravityview.site-write",
            "PUT /v1/sys/policies/acl/gravityview.site-read",
            "PUT /v1/sys/policies/acl/gravityview.credentials-read",
            "PUT /v1/sys/policies/acl/gravityview.credentials-write",
            "POST /v1/sys/mounts/gravityview-credentials/secret",
        ]
    );
    assert!(
        calls.iter().all(|seen| seen.status == Some(204)),
        "{calls:?}"
    );
    assert!(
        calls
            .iter()
            .all(|seen| seen.headers["content-type"] == "application/json")
    );
    assert_eq!(
        calls[0].json(),
        json!({
            "type": "kv",
            "description": "Key Store for client gravityview",
            "options": { "version": "1" }
        })
    );
    let bodies: Vec<&str> = calls[1..4]
        .iter()
        .map(|seen| std::str::from_utf8(&seen.body).unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            r#"{"policy":"path \"gravityview-store/*\" { capabilities = [\"create\", \"update\", \"delete\"]}"}"#,
            r#"{"policy":"path \"gravityview-store/*\" { capabilities = [\"delete\"]}"}"#,
            r#"{"policy":"path \"gravityview-store/*\" { capabilities = [\"read\"]}"}"#,
        ]
    );
    let mount = test
        .bao_root(Method::GET, "sys/mounts/gravityview-store")
        .send()
        .await;
    assert_eq!(mount.json["data"]["type"], "kv");
    assert_eq!(mount.json["data"]["options"]["version"], "1");
}

#[tokio::test]
async fn write_token_is_asked_for_as_printed() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    let issued = issue(
        &test,
        "/api/site",
        &vendor.public_key,
        Some(json!({ "metadata": { "key": "value" } })),
    )
    .await;
    let call = only(&wire, "auth/token/create");
    assert_eq!(call.line(), "POST /v1/auth/token/create/gatehouse-write");
    assert_eq!(call.headers["content-type"], "application/json");
    assert_eq!(call.status, Some(200));
    let mut body = call.json();
    assert_eq!(
        take_meta(&mut body),
        json!({ "key": "value", "kind": "write", "vendor": "gravityview" })
    );
    assert_eq!(
        body,
        json!({
            "policies": ["gravityview-write-policy"],
            "ttl": "7d",
            "renewable": true,
            "display_name": "Write Token",
            "explicit_max_ttl": "28d"
        })
    );
    let answer = call.answer();
    // The seed's `metadata` would be "ignored" here.
    assert_eq!(
        answer["warnings"],
        json!([
            "Explicit max TTL specified both during creation call and in role; using the lesser value of 2419200 seconds"
        ])
    );
    assert_auth_block(
        &issued["auth"],
        &answer["auth"],
        &json!(["default", "gravityview-write-policy"]),
        7 * DAY,
    );
    assert_eq!(issued["auth"]["metadata"]["key"], "value");
}

/// The block as the seed prints it, and as OpenBao gave it.
#[track_caller]
fn assert_auth_block(shown: &Value, given: &Value, policies: &Value, lease: u64) {
    for field in [
        "client_token",
        "accessor",
        "policies",
        "token_policies",
        "metadata",
        "lease_duration",
        "renewable",
        "entity_id",
        "token_type",
        "orphan",
    ] {
        assert_eq!(shown[field], given[field], "{field}");
    }
    assert_eq!(&shown["policies"], policies);
    assert_eq!(&shown["token_policies"], policies);
    assert_eq!(shown["lease_duration"], lease);
    assert_eq!(shown["renewable"], true);
    assert_eq!(shown["entity_id"], "");
    assert_eq!(shown["token_type"], "service");
    assert_eq!(shown["orphan"], true, "it must outlive the app token");
}

#[tokio::test]
async fn empty_body_is_enough_for_a_write_token() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    issue(&test, "/api/site", &vendor.public_key, None).await;
    let mut body = only(&wire, "auth/token/create").json();
    assert_eq!(
        take_meta(&mut body),
        json!({ "kind": "write", "vendor": "gravityview" })
    );
}

#[tokio::test]
async fn read_token_is_asked_for_as_printed() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    let issued = issue(&test, "/sites/token", &vendor.private_key, None).await;
    let call = only(&wire, "auth/token/create");
    assert_eq!(call.line(), "POST /v1/auth/token/create/gatehouse-read");
    let mut body = call.json();
    assert_eq!(
        take_meta(&mut body),
        json!({ "kind": "read", "vendor": "gravityview" })
    );
    assert_eq!(
        body,
        json!({
            "policies": ["gravityview-read-policy"],
            "ttl": "24h",
            "renewable": true,
            "display_name": "Support-side Token",
            "explicit_max_ttl": "7d"
        })
    );
    assert_auth_block(
        &issued["auth"],
        &call.answer()["auth"],
        &json!(["default", "gravityview-read-policy"]),
        DAY,
    );
}

#[tokio::test]
async fn site_is_removed_with_a_delete_token_that_is_dead_afterwards() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, SITE, "0123456789ABCDEF").await;
    wire.forget();
    let answer = test
        .delete(&format!("/sites/{SITE}"))
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(
        (answer.status, &answer.json),
        (200, &json!({ "deleted": true }))
    );
    assert_removal(&test, &wire, &vendor, SITE).await;
}

#[tokio::test]
async fn unregistered_secret_is_removed_the_same_way() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    let path = format!("gravityview-store/{SITE}");
    let written = test
        .bao_root(Method::POST, &path)
        .json(&json!({ "a": "b" }))
        .send()
        .await;
    assert_eq!(written.status, 204);
    for _ in 0..2 {
        wire.forget();
        let answer = test
            .delete(&format!("/api/sites/{SITE}"))
            .bearer(&vendor.public_key)
            .send()
            .await;
        assert_eq!(
            (answer.status, &answer.json),
            (200, &json!({ "deleted": true }))
        );
        assert_removal(&test, &wire, &vendor, SITE).await;
    }
}

async fn assert_removal(test: &TestApp, wire: &Wire, vendor: &TestVendor, secret_id: &str) {
    let create = only(wire, "auth/token/create");
    assert_eq!(create.line(), "POST /v1/auth/token/create/gatehouse-delete");
    let mut body = create.json();
    assert_eq!(
        take_meta(&mut body),
        json!({ "kind": "delete", "vendor": vendor.namespace })
    );
    assert_eq!(
        body,
        json!({
            "policies": [format!("{}-delete-policy", vendor.namespace)],
            "ttl": "1d",
            "renewable": false,
            "display_name": "Delete Token",
            "num_uses": 1
        })
    );
    let auth = &create.answer()["auth"];
    let token = auth["client_token"].as_str().unwrap();
    test.keep_secret(token);
    assert_eq!(
        auth["renewable"], false,
        "the request rules, not the printed answer"
    );
    assert_eq!(auth["lease_duration"], DAY);

    let path = format!("{}-store/{secret_id}", vendor.namespace);
    let delete = only(wire, &path);
    assert_eq!(delete.line(), format!("DELETE /v1/{path}"));
    assert_eq!(delete.status, Some(204));
    assert!(delete.body.is_empty());
    assert_eq!(
        delete.token_mark,
        Some(mark_of(token)),
        "with the delete token"
    );
    assert!(!test.is_alive(token).await, "the delete token is dead");
    let gone = test.bao_root(Method::GET, &path).send().await;
    assert_eq!(gone.status, 404);
}

/// What the design's table promises of a kind that is handed out.
struct Promise {
    path: &'static str,
    for_site: bool,
    policies: [&'static str; 2],
    first_life: u64,
    longest_life: u64,
}

const PROMISES: [Promise; 4] = [
    Promise {
        path: "/api/site",
        for_site: false,
        policies: ["default", "gravityview-write-policy"],
        first_life: 7 * DAY,
        longest_life: 2_419_200,
    },
    Promise {
        path: "/api/site",
        for_site: true,
        policies: ["gatehouse.self", "gravityview.site-write"],
        first_life: 7 * DAY,
        longest_life: 2_419_200,
    },
    Promise {
        path: "/sites/token",
        for_site: false,
        policies: ["default", "gravityview-read-policy"],
        first_life: DAY,
        longest_life: 604_800,
    },
    Promise {
        path: "/sites/token",
        for_site: true,
        policies: ["gatehouse.self", "gravityview.site-read"],
        first_life: DAY,
        longest_life: 604_800,
    },
];

#[tokio::test]
async fn each_kind_lives_as_promised_and_is_renewed_by_its_holder() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, SITE, "0123456789ABCDEF").await;
    for promise in &PROMISES {
        let new_site = "fedcba9876543210fedcba9876543210";
        let body = match (promise.for_site, promise.path) {
            (false, _) => None,
            (true, "/api/site") => Some(json!({ "secretId": new_site })),
            (true, _) => Some(json!({ "secretId": SITE })),
        };
        let key = if promise.path == "/api/site" {
            &vendor.public_key
        } else {
            &vendor.private_key
        };
        let issued = issue(&test, promise.path, key, body).await;
        assert_eq!(issued["ttl"], promise.first_life, "{issued}");
        assert_eq!(issued["renewable"], true);
        let token = issued["token"].as_str().unwrap();

        let info = looked_up(&test, token).await;
        assert_eq!(info["explicit_max_ttl"], promise.longest_life, "{info}");
        assert_eq!(info["creation_ttl"], promise.first_life, "{info}");
        assert_eq!(info["policies"], json!(promise.policies), "{info}");
        assert_eq!(info["renewable"], true, "{info}");
        assert_eq!(info["orphan"], true, "{info}");
        assert_eq!(info["type"], "service", "{info}");

        let renewed = test
            .bao(Method::POST, "auth/token/renew-self", token)
            .json(&json!({ "increment": promise.first_life }))
            .send()
            .await;
        assert_eq!(renewed.status, 200, "{renewed:?}");
        assert_eq!(renewed.json["auth"]["lease_duration"], promise.first_life);
        assert_eq!(renewed.json["warnings"], Value::Null, "nothing was cut");
        assert!(test.is_alive(token).await);
        // Renewing beyond the longest life is cut to it.
        let greedy = test
            .bao(Method::POST, "auth/token/renew-self", token)
            .json(&json!({ "increment": "9999h" }))
            .send()
            .await;
        let granted = greedy.json["auth"]["lease_duration"].as_u64().unwrap();
        assert!(granted <= promise.longest_life, "{granted}");
    }
}

#[tokio::test]
async fn lost_answer_to_the_delete_leaves_no_live_delete_token() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, SITE, "0123456789ABCDEF").await;
    wire.forget();
    wire.drop_reply(&format!("gravityview-store/{SITE}"));
    let answer = test
        .delete(&format!("/sites/{SITE}"))
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(
        (answer.status, &answer.json),
        (202, &json!({ "deleted": false, "queued": true }))
    );
    // Due five seconds later.
    test.app.clock.advance(10);
    test.pass("remove_sites").await;
    let tokens = wire.calls_to("auth/token/create/gatehouse-delete");
    assert!(tokens.len() >= 2, "the removal was tried again");
    for created in tokens {
        let token = created.answer()["auth"]["client_token"]
            .as_str()
            .unwrap()
            .to_owned();
        test.keep_secret(&token);
        assert!(!test.is_alive(&token).await);
    }
    let again = test
        .delete(&format!("/sites/{SITE}"))
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(again.status, 200);
}
