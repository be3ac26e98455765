//! What the trail says of tokens: that each was handed out, and who asked for its end.

use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger::{ask, live_tokens};
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";

/// The events of an action, oldest first.
pub async fn events(test: &TestApp, action: &str) -> Vec<Value> {
    let sql = "SELECT to_jsonb(e) FROM events e WHERE action = $1 ORDER BY id";
    let rows = test.sql().await.query(sql, &[&action]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Who asked for the end of each token that is dead, and why.
async fn ends(test: &TestApp) -> Vec<(String, String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let events = events(test, "token.revoked").await;
    let end = |event: &Value| {
        assert_eq!(event["outcome"], "done");
        assert!(event["details"]["askedAt"].is_string(), "{event}");
        let details = &event["details"];
        (
            word(&details["kind"]),
            word(&details["reason"]),
            word(&event["actor"]),
        )
    };
    events.iter().map(end).collect()
}

fn end(kind: &str, reason: &str, actor: &str) -> (String, String, String) {
    (kind.to_owned(), reason.to_owned(), actor.to_owned())
}

#[tokio::test]
async fn each_token_is_an_event_written_with_its_row() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let plain = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .header("user-agent", "plugin/2.0")
        .json(&json!({ "secretId": SITE }))
        .send()
        .await;
    assert_eq!(plain.status, 200, "{plain:?}");
    let wrapped = ask(&test, &vendor, &json!({ "wrapTtl": 60 })).await;
    test.credential(&vendor, "one", json!({ "type": "generic", "a": "b" }))
        .await;
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    let single = test
        .credentials_token(&session, json!({ "key": "one" }))
        .await;
    assert_eq!(single.status, 200, "{single:?}");

    let told = events(&test, "token.issued").await;
    let of = |id: &Value| {
        let event = told.iter().find(|event| event["issuance_id"] == *id);
        event.unwrap_or_else(|| panic!("no event of {id}"))
    };
    let event = of(&plain.json["issuanceId"]);
    assert_eq!(event["vendor_id"], vendor.id);
    assert_eq!(event["actor"], "public-key");
    assert_eq!(event["secret_id"], SITE);
    assert_eq!(event["client_address"], "127.0.0.1");
    assert_eq!(event["user_agent"], "plugin/2.0");
    let id = plain.headers["x-request-id"].to_str().unwrap();
    assert_eq!(event["request_id"], id);
    let details = event["details"].as_object().unwrap();
    assert_eq!(details["kind"], "write_site");
    assert_eq!(details["wrapped"], false);
    assert_eq!(details["expiresAt"], plain.json["expiresAt"]);
    assert_eq!(details["ttl"], 604_800);
    assert_eq!(details["uses"], serde_json::Value::Null);
    assert_eq!(details.len(), 6, "{details:?}");
    let details = &of(&wrapped.json["issuanceId"])["details"];
    assert_eq!(details["wrapped"], true);
    let event = of(&single.json["issuanceId"]);
    let name = worker.login.split('@').next().unwrap();
    assert_eq!(event["actor"], format!("worker:{name}"));
    assert_eq!(event["details"]["worker"], name);
    assert!(event["details"]["credential"].is_i64());

    // One of each row, also of those that the service uses itself.
    let sql = test.sql().await;
    let unmatched = "SELECT count(*) FROM issuances i FULL JOIN events e ON e.issuance_id = i.id \
                     AND e.action = 'token.issued' AND e.actor = i.caller AND e.at = i.issued_at \
                     WHERE i.id IS NULL AND e.action = 'token.issued' OR e.id IS NULL";
    assert_eq!(
        sql.query_one(unmatched, &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        0
    );
    let rows = "SELECT client_address, wrap_accessor FROM issuances WHERE kind IN ('write', 'write_site') ORDER BY seq";
    let rows = sql.query(rows, &[]).await.unwrap();
    let row = |n: usize| -> (Option<String>, Option<String>) { (rows[n].get(0), rows[n].get(1)) };
    assert_eq!(row(0), (Some("127.0.0.1".to_owned()), None));
    let wrapping = row(1).1.unwrap();
    let looked = test.bao_root(Method::POST, "auth/token/lookup-accessor");
    let looked = looked.json(&json!({ "accessor": wrapping })).send().await;
    assert_eq!(
        looked.json["data"]["path"],
        "auth/token/create/gatehouse-write"
    );
    assert_eq!(
        looked.json["data"]["policies"],
        json!(["response-wrapping"])
    );
}

#[tokio::test]
async fn no_token_is_handed_out_without_its_event() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let sql = test.sql().await;
    sql.batch_execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await
    .unwrap();
    for body in [json!({}), json!({ "secretId": SITE })] {
        let refused = ask(&test, &vendor, &body).await;
        refused.expect_problem(503, "database_unavailable");
    }
    assert!(live_tokens(&test).await.is_empty());
    let rows = sql.query("SELECT 1 FROM issuances", &[]).await.unwrap();
    assert!(rows.is_empty());
}

async fn remove_site(test: &TestApp, vendor: &TestVendor) {
    let path = format!("/sites/{SITE}");
    let removed = test.delete(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(removed.status, 200, "{removed:?}");
}

#[tokio::test]
async fn end_of_a_token_names_who_asked_for_it_and_why() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    // A newer token, asked for by the vendor; then the removal, by the vendor too.
    test.site(&vendor, SITE, "0123456789ABCDEF").await;
    let newer = test.post("/api/site").bearer(&vendor.private_key);
    let newer = newer.json(&json!({ "secretId": SITE })).send().await;
    assert_eq!(newer.status, 200, "{newer:?}");
    remove_site(&test, &vendor).await;
    assert_eq!(
        ends(&test).await,
        [
            end("write_site", "superseded", "vendor"),
            end("write_site", "site removed", "vendor"),
            end("delete", "used", "task:remove_sites"),
        ]
    );
    let told = events(&test, "token.revoked").await;
    assert_eq!(told[1]["issuance_id"], newer.json["issuanceId"]);
    assert_eq!(told[1]["secret_id"], SITE);
    // Nothing is told twice.
    test.app.clock.advance(120);
    for task in ["remove_sites", "revoke_tokens"] {
        test.pass(task).await;
    }
    assert_eq!(ends(&test).await.len(), 3);
    let removed = events(&test, "site.removed").await;
    assert_eq!(removed[0]["actor"], "task:remove_sites");
}

#[tokio::test]
async fn tokens_of_an_expired_site_end_by_the_task() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let token = test.write_token(&vendor, SITE).await;
    let soon = test.app.clock.now().as_second() + 60;
    let body = json!({ "secretId": SITE, "expiresAt": soon });
    let call = test.post("/sites").bearer(&vendor.public_key);
    assert_eq!(call.json(&body).send().await.status, 201);
    test.app.clock.advance(61);
    test.pass("remove_sites").await;
    assert!(!test.is_alive(&token).await);
    assert_eq!(
        ends(&test).await[0],
        end("write_site", "site expired", "task:expire_sites")
    );
    let expired = events(&test, "site.expired").await;
    assert_eq!(expired[0]["actor"], "task:expire_sites");
}

#[tokio::test]
async fn tokens_of_workers_and_credentials_end_by_who_changed_these() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let generic = json!({ "type": "generic", "a": "b" });
    for key in ["one", "two"] {
        test.credential(&vendor, key, generic.clone()).await;
    }
    let worker = test.worker(&vendor, &["*"]).await;
    let session = test.session(&worker).await;
    for key in ["one", "two"] {
        let answer = test
            .credentials_token(&session, json!({ "key": key }))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let all = test.credentials_token(&session, json!({})).await;
    assert_eq!(all.status, 200, "{all:?}");
    let destroy = test.post("/api/credentials/one/destroy");
    let destroy = destroy.bearer(&vendor.private_key);
    let destroy = destroy.json(&json!({ "all": true })).send().await;
    assert!(destroy.status < 300, "{destroy:?}");
    let path = format!("/api/admin/vendors/gravityview/workers/{}", worker.login);
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    let changed = call.json(&json!({ "keys": ["o*"] })).send().await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let path = format!("/api/workers/{}", worker.login);
    let removed = test.delete(&path).bearer(&vendor.private_key).send().await;
    assert!(removed.status < 300, "{removed:?}");
    assert_eq!(
        ends(&test).await,
        [
            end("credentials", "credential destroyed", "vendor"),
            end("credentials", "worker changed", "operator:test"),
            end("credentials", "worker removed", "vendor"),
        ]
    );
}
