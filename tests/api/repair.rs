//! Vendors compared with what OpenBao has of them.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{json_of, refusal, run};
use crate::support::http::Answer;
use crate::support::valve::Valve;
use crate::support::{Place, TestApp};

const HOURS: i64 = 3600;

async fn root(test: &TestApp, method: Method, path: &str, body: Value) -> Answer {
    let answer = test.bao_root(method, path).json(&body).send().await;
    assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    answer
}

async fn gone(test: &TestApp, path: &str) {
    root(test, Method::DELETE, path, Value::Null).await;
}

async fn policy(test: &TestApp, name: &str) -> Option<String> {
    let path = format!("sys/policies/acl/{name}");
    let answer = test.bao_root(Method::GET, &path).send().await;
    answer.json["data"]["policy"].as_str().map(str::to_owned)
}

async fn repair(test: &TestApp, method: Method) -> Value {
    let answer = test.operate(method, "media-a", "/repair").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

/// What was found, as `what name state mended`.
fn found(answer: &Value) -> Vec<String> {
    let line = |drift: &Value| {
        let text = |field: &str| drift[field].as_str().unwrap();
        let mended = drift["mended"].as_bool().unwrap();
        format!(
            "{} {} {} {mended}",
            text("what"),
            text("name"),
            text("state")
        )
    };
    answer["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect()
}

async fn findings(test: &TestApp) -> Vec<Value> {
    let list = test
        .get("/api/admin/findings")
        .bearer(&test.operator)
        .send()
        .await;
    assert_eq!(list.status, 200, "{list:?}");
    list.json["items"].as_array().unwrap().clone()
}

/// Events of an action: the actor, and the details.
async fn events(test: &TestApp, action: &str) -> Vec<(String, Value)> {
    let sql = "SELECT actor, details FROM events WHERE action = $1 ORDER BY id";
    let rows = test.sql().await.query(sql, &[&action]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn what_was_deleted_or_changed_by_hand_is_made_whole() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    let worker = test.worker(&vendor, &["ftp.*"]).await;
    test.credential(&vendor, "k", json!({ "type": "generic", "value": "v" }))
        .await;
    let one = test
        .credentials_token(&vendor.private_key, json!({ "key": "k" }))
        .await;
    assert_eq!(one.status, 200, "{one:?}");
    let of_one = one.json["policies"].as_array().unwrap()[1]
        .as_str()
        .unwrap()
        .to_owned();
    let of_worker = format!(
        "media-a.{}.credentials-read",
        worker.login.split_once('@').unwrap().0
    );
    assert_eq!(
        repair(&test, Method::GET).await,
        json!({ "namespace": "media-a", "whole": true, "found": [] })
    );

    test.pass("reconcile_vendors").await;
    let write = policy(&test, "media-a-write-policy").await.unwrap();
    let open = json!({ "policy": "path \"*\" { capabilities = [\"read\"] }" });
    root(
        &test,
        Method::PUT,
        "sys/policies/acl/media-a-write-policy",
        open.clone(),
    )
    .await;
    root(
        &test,
        Method::PUT,
        &format!("sys/policies/acl/{of_worker}"),
        open,
    )
    .await;
    gone(&test, "sys/policies/acl/media-a.site-read").await;
    gone(&test, &format!("sys/policies/acl/{of_one}")).await;
    gone(&test, "sys/mounts/media-a-store").await;
    let drift = |mended: bool| {
        [
            "engine media-a-store missing".to_owned(),
            "policy media-a-write-policy changed".to_owned(),
            "policy media-a.site-read missing".to_owned(),
            format!("policy {of_worker} changed"),
            format!("policy {of_one} missing"),
        ]
        .map(|line| format!("{line} {mended}"))
    };
    // To look changes nothing.
    for _ in 0..2 {
        let looked = repair(&test, Method::GET).await;
        assert_eq!(found(&looked), drift(false));
        assert_eq!(looked["whole"], false);
    }
    assert!(events(&test, "vendor.repaired").await.is_empty());

    // It is compared when its turn has come.
    assert_eq!(test.pass("reconcile_vendors").await["checked"], 0);
    test.app.clock.advance(7 * HOURS);
    assert_eq!(
        test.pass("reconcile_vendors").await,
        json!({ "checked": 1, "mended": 1, "failed": 0 })
    );
    assert_eq!(policy(&test, "media-a-write-policy").await.unwrap(), write);
    assert!(policy(&test, &of_worker).await.unwrap().contains("ftp."));
    assert!(found(&repair(&test, Method::GET).await).is_empty());
    let told = events(&test, "vendor.repaired").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "task:reconcile_vendors");
    assert_eq!(found(&told[0].1), drift(true));
    let token = test.write_token(&vendor, "0123456789abcdef").await;
    assert!(test.is_alive(&token).await);

    // Not before it is due again, and nothing is told where nothing was wrong.
    assert_eq!(test.pass("reconcile_vendors").await["checked"], 0);
    test.app.clock.advance(7 * HOURS);
    assert_eq!(test.pass("reconcile_vendors").await["checked"], 1);
    assert_eq!(events(&test, "vendor.repaired").await.len(), 1);
}

#[tokio::test]
async fn what_is_somebody_elses_is_reported_until_it_is_gone() {
    let test = TestApp::start().await;
    test.vendor("media-a").await;
    gone(&test, "sys/mounts/media-a-store").await;
    let foreign = json!({ "type": "kv", "description": "Mine", "options": { "version": "1" } });
    root(&test, Method::POST, "sys/mounts/media-a-store", foreign).await;
    for _ in 0..2 {
        let left = repair(&test, Method::POST).await;
        assert_eq!(left["whole"], false);
        assert_eq!(found(&left), ["engine media-a-store foreign false"]);
    }
    let list = findings(&test).await;
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(
        (&list[0]["what"], &list[0]["namespace"]),
        (&json!("engine"), &json!("media-a"))
    );
    assert_eq!(events(&test, "openbao.found").await.len(), 1);
    gone(&test, "sys/mounts/media-a-store").await;
    let mended = repair(&test, Method::POST).await;
    assert_eq!(found(&mended), ["engine media-a-store missing true"]);
    assert_eq!(
        (&mended["whole"], findings(&test).await.len()),
        (&json!(true), 0)
    );
    assert_eq!(events(&test, "vendor.repaired").await.len(), 3);
}

#[tokio::test]
async fn foreign_policies_and_changed_roles_are_found_and_vendors_own_are_not() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-a").await;
    test.vendor("media-b").await;
    test.worker(&vendor, &["*"]).await;
    test.credential(&vendor, "k", json!({ "type": "generic", "value": "v" }))
        .await;
    test.credentials_token(&vendor.private_key, json!({ "key": "k" }))
        .await;
    assert_eq!(test.cancel("media-b").await.status, 202);
    assert_eq!(
        test.pass("reconcile_roles").await,
        json!({ "roles": 0, "foreignPolicies": 0, "strayRoles": 0 })
    );
    assert!(findings(&test).await.is_empty());

    let foreign = [
        "evil-write-policy",
        "media-a.evil.credentials-read",
        "media-a.k99.credentials-read",
        "media-a.w00000000000000ff.credentials-read",
        "nobody.site-write",
    ];
    for name in foreign {
        let body = json!({ "policy": "path \"*\" { capabilities = [\"read\"] }" });
        root(
            &test,
            Method::PUT,
            &format!("sys/policies/acl/{name}"),
            body,
        )
        .await;
    }
    let role = "auth/token/roles/gatehouse-read";
    root(
        &test,
        Method::POST,
        role,
        json!({ "token_explicit_max_ttl": 60, "orphan": false }),
    )
    .await;
    for _ in 0..2 {
        let report = test.pass("reconcile_roles").await;
        assert_eq!(
            report,
            json!({ "roles": 1, "foreignPolicies": 5, "strayRoles": 0 })
        );
    }
    let list = findings(&test).await;
    let of = |what: &str| {
        let some = list.iter().filter(|finding| finding["what"] == what);
        some.map(|finding| finding["name"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("policy"), foreign);
    assert_eq!(of("role"), ["gatehouse-read"]);
    let says = list
        .iter()
        .find(|finding| finding["what"] == "role")
        .unwrap()["says"]
        .as_str()
        .unwrap();
    for part in [
        "token_explicit_max_ttl is 60 and should be 604800",
        "orphan is false and should be true",
    ] {
        assert!(says.contains(part), "{says}");
    }
    assert_eq!(events(&test, "openbao.found").await.len(), 6);
    // By pages too.
    let first = test
        .get("/api/admin/findings?limit=4")
        .bearer(&test.operator)
        .send()
        .await;
    let rest = format!("/api/admin/findings?cursor={}", first.text_of("nextCursor"));
    let rest = test.get(&rest).bearer(&test.operator).send().await;
    assert_eq!(rest.json["items"].as_array().unwrap().len(), 2, "{rest:?}");

    for name in &foreign[1..] {
        gone(&test, &format!("sys/policies/acl/{name}")).await;
    }
    gone(&test, role).await;
    test.pass("reconcile_roles").await;
    let left = findings(&test).await;
    let left: Vec<_> = left
        .iter()
        .map(|finding| (&finding["name"], &finding["says"]))
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(left[0], (&json!("gatehouse-read"), &json!("it is missing")));
}

#[tokio::test]
async fn right_that_an_earlier_version_did_not_need_is_named_and_nothing_else_fails() {
    let test = TestApp::start().await;
    test.vendor("media-a").await;
    let whole = policy(&test, "provisioner-policy").await.unwrap();
    let less = whole
        .replace("\"sys/policies/acl\" {", "\"sys/policies/none\" {")
        .replace(
            "\"auth/token/roles/gatehouse-*\"",
            "\"auth/token/roles/none\"",
        )
        .replace("\"auth/token/roles\" {", "\"auth/token/none\" {");
    assert_ne!(whole, less);
    root(
        &test,
        Method::PUT,
        "sys/policies/acl/provisioner-policy",
        json!({ "policy": less }),
    )
    .await;
    let report = test.pass("reconcile_roles").await;
    assert_eq!(report["foreignPolicies"], 1, "{report}");
    let list = findings(&test).await;
    assert!(!list.is_empty());
    for finding in list {
        assert!(
            finding["says"]
                .as_str()
                .unwrap()
                .contains("bootstrap --update"),
            "{finding}"
        );
    }
    assert_eq!(test.pass("reconcile_vendors").await["checked"], 1);
}

#[tokio::test]
async fn comparing_waits_for_openbao() {
    let place = Place::shared().await;
    let valve = Valve::to(&place.bao.addr).await;
    let mut config = place.config().await;
    config.bao.server.addr.clone_from(&valve.url);
    let test = TestApp::start_at(place, config).await;
    test.vendor("media-a").await;
    test.pass("reconcile_vendors").await;
    test.app.clock.advance(7 * HOURS);
    gone(&test, "sys/policies/acl/media-a-read-policy").await;
    valve.shut();
    assert_eq!(
        test.pass("reconcile_vendors").await,
        json!({ "checked": 0, "mended": 0, "failed": 1 })
    );
    let refused = test.operate(Method::POST, "media-a", "/repair").await;
    refused.expect_problem(503, "openbao_unavailable");
    valve.open();
    assert_eq!(test.pass("reconcile_vendors").await["mended"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_repairs_from_the_command_line() {
    let test = TestApp::start().await;
    test.vendor("media-a").await;
    test.vendor("media-b").await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    gone(&test, "sys/policies/acl/media-b-read-policy").await;
    let looked = refusal(&env, &["vendor", "repair", "media-b", "--dry-run"]);
    assert!(looked.contains("not as it should be"), "{looked}");
    assert!(policy(&test, "media-b-read-policy").await.is_none());
    let all = run(&env, &["vendor", "repair", "--all"]);
    assert!(all.status.success(), "{all:?}");
    let lines = String::from_utf8(all.stdout).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        found(&lines[1]),
        ["policy media-b-read-policy missing true"]
    );
    assert_eq!(json_of(&env, &["vendor", "findings"])["items"], json!([]));
    let neither = refusal(&env, &["vendor", "repair"]);
    assert!(neither.contains("NAMESPACE"), "{neither}");
}
