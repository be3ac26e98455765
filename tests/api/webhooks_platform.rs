//! Webhooks of the platform, which operators manage. What they hear: `webhooks_accounts.rs`.

use std::collections::HashMap;

use gatehouse::webhooks::retry::PAUSES;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::{json_of, refusal};
use crate::support::TestApp;
use crate::support::http::Answer;
use crate::support::receiver::{Receiver, Reply, TestHook};

async fn call(test: &TestApp, method: Method, path: &str, body: Value) -> Answer {
    let call = test.call(method, &format!("/api/admin/webhooks{path}"));
    call.bearer(&test.operator).json(&body).send().await
}

async fn start() -> (TestApp, Receiver, TestHook) {
    let test = TestApp::start().await;
    let receiver = Receiver::start().await;
    let hook = test.platform_hook(&receiver.url).await;
    (test, receiver, hook)
}

async fn actions(test: &TestApp) -> Vec<String> {
    let sql =
        "SELECT action FROM events WHERE action LIKE 'webhook.%' AND vendor_id IS NULL ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn operators_manage_the_platforms_webhooks() {
    let test = TestApp::start().await;
    let receiver = Receiver::start().await;
    let _held = test.hold_deliveries().await;
    let url = format!("{}?key=canary-in-the-url", receiver.url);
    let hook = test.platform_hook(&url).await;
    let one = format!("/{}", hook.id);
    let shown = call(&test, Method::GET, &one, json!({})).await;
    assert_eq!(
        (&shown.json["url"], &shown.json["types"]),
        (&json!(url), &json!(["*"]))
    );
    let listed = call(&test, Method::GET, "", json!({})).await;
    assert_eq!(listed.json["items"], json!([shown.json]));
    let to = json!({ "types": ["account.renewed", "account.created"] });
    let changed = call(&test, Method::PATCH, &one, to).await;
    assert_eq!(
        changed.json["types"],
        json!(["account.created", "account.renewed"])
    );
    let queued = call(&test, Method::POST, &format!("{one}/test"), json!({})).await;
    assert_eq!(queued.status, 202, "{queued:?}");
    assert_eq!(test.deliver().await.delivered, 1);
    assert!(receiver.got()[0].is_signed_by(&hook.secret));
    let rotated = call(
        &test,
        Method::POST,
        &format!("{one}/secret"),
        json!({ "overlap": 0 }),
    )
    .await;
    assert_eq!(rotated.status, 201, "{rotated:?}");
    let noted = call(&test, Method::GET, &format!("{one}/deliveries"), json!({})).await;
    assert_eq!(noted.json["items"][0]["state"], "delivered");
    let again = format!("{one}/deliveries/{}/replay", queued.text_of("id"));
    let replayed = call(&test, Method::POST, &again, json!({})).await;
    assert_eq!(replayed.status, 202, "{replayed:?}");
    assert_eq!(test.deliver().await.delivered, 1);
    let second = &receiver.got()[1];
    assert_eq!(second.header("webhook-id"), queued.text_of("id"));
    assert!(
        second.is_signed_by(&rotated.text_of("signingSecret"))
            && !second.is_signed_by(&hook.secret)
    );
    let gone = call(&test, Method::DELETE, &one, json!({})).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let gone = call(&test, Method::GET, &one, json!({})).await;
    gone.expect_problem(404, "not_found");
    let right = ["created", "updated", "secret_made", "replayed", "removed"];
    assert_eq!(
        actions(&test).await,
        right.map(|one| format!("webhook.{one}"))
    );
    let sql = "SELECT count(*) FROM events WHERE details::text LIKE '%canary%' OR actor NOT LIKE 'operator:%' \
               AND action LIKE 'webhook.%'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn rules_are_those_of_vendors_but_for_the_types() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let good = "http://127.0.0.1:9/";
    for (body, field) in [
        (json!({ "url": "http://1.1.1.1/" }), "/url"),
        (json!({ "url": "https://169.254.169.254/" }), "/url"),
        (json!({ "url": good, "types": [] }), "/types"),
        (json!({ "url": good, "types": ["site.created"] }), "/types"),
        (
            json!({ "url": good, "types": ["account.created", "*"] }),
            "/types",
        ),
        (
            json!({ "url": good, "types": ["account.created", "site.created"] }),
            "/types",
        ),
    ] {
        let refused = call(&test, Method::POST, "", body.clone()).await;
        refused.expect_problem(422, "invalid_field");
        assert_eq!(refused.json["errors"][0]["pointer"], field, "{refused:?}");
    }
    // Each hears which types there are for it.
    let known = |answer: &Answer| {
        answer.json["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let body = json!({ "url": good, "types": ["user.created"] });
    let refused = known(&call(&test, Method::POST, "", body).await);
    assert!(
        refused.ends_with("known: account.created, account.renewed, account.cancelled"),
        "{refused}"
    );
    let body = json!({ "url": good, "types": ["account.created"] });
    let refused = test
        .post("/api/webhooks")
        .bearer(&vendor.private_key)
        .json(&body)
        .send()
        .await;
    refused.expect_problem(422, "invalid_field");
    assert!(known(&refused).contains("site.created") && !known(&refused).contains("account"));
    for path in ["/api/admin/vendors/media-vendor/webhooks", "/api/webhooks"] {
        let call = test.post(path).bearer(&vendor.private_key);
        assert!(call.json(&body).send().await.status >= 400);
    }
    let vendors = test.hook(&vendor, good).await;
    let path = format!("/api/webhooks/{}", vendors.id);
    let call_of_vendor = test.call(Method::PATCH, &path).bearer(&vendor.private_key);
    let body = json!({ "types": ["account.renewed"] });
    call_of_vendor
        .json(&body)
        .send()
        .await
        .expect_problem(422, "invalid_field");
    // Ten, whatever vendors have, and however many ask at once.
    let asked = (0..12).map(|_| call(&test, Method::POST, "", json!({ "url": good })));
    let mut made: Vec<u16> = futures_util::future::join_all(asked)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    made.sort_unstable();
    assert_eq!(made, [[201; 10].as_slice(), &[409; 2]].concat());
    assert_eq!(test.hook(&vendor, good).await.id.len(), 18);
}

#[tokio::test]
async fn platforms_and_vendors_webhooks_are_not_each_others() {
    let (test, receiver, platforms) = start().await;
    let vendor = test.vendor("media-vendor").await;
    let vendors = test.hook(&vendor, &receiver.url).await;
    let message = test.knock(&vendor, &vendors).await;
    let parts = |id: &str| {
        [
            (Method::GET, format!("/{id}")),
            (Method::PATCH, format!("/{id}")),
            (Method::POST, format!("/{id}/secret")),
            (Method::POST, format!("/{id}/test")),
            (Method::GET, format!("/{id}/deliveries")),
            (Method::POST, format!("/{id}/deliveries/{message}/replay")),
            (Method::DELETE, format!("/{id}")),
        ]
    };
    for (method, path) in parts(&vendors.id) {
        let answer = call(&test, method, &path, json!({})).await;
        answer.expect_problem(404, "not_found");
    }
    let below = format!("/{}/deliveries/{message}/replay", platforms.id);
    call(&test, Method::POST, &below, json!({}))
        .await
        .expect_problem(404, "not_found");
    for (base, key) in [
        ("/api/webhooks", &vendor.private_key),
        ("/api/admin/vendors/media-vendor/webhooks", &test.operator),
    ] {
        for (method, path) in parts(&platforms.id) {
            let call = test.call(method, &format!("{base}{path}")).bearer(key);
            call.json(&json!({}))
                .send()
                .await
                .expect_problem(404, "not_found");
        }
        let listed = test.get(base).bearer(key).send().await;
        assert_eq!(listed.json["items"].as_array().unwrap().len(), 1);
        assert_eq!(listed.json["items"][0]["id"], vendors.id);
    }
    // An operator is no vendor, and a vendor no operator.
    let listed = test
        .get("/api/webhooks")
        .bearer(&test.operator)
        .send()
        .await;
    listed.expect_problem(403, "caller_not_allowed");
    let listed = test
        .get("/api/admin/webhooks")
        .bearer(&vendor.private_key)
        .send()
        .await;
    listed.expect_problem(403, "caller_not_allowed");
}

#[tokio::test]
async fn platforms_receiver_that_is_gone_or_never_answers_well_is_told_of() {
    let (test, receiver, hook) = start().await;
    let _held = test.hold_deliveries().await;
    let knock = async || {
        let queued = call(
            &test,
            Method::POST,
            &format!("/{}/test", hook.id),
            json!({}),
        )
        .await;
        queued.text_of("id")
    };
    receiver.always(Reply::status(500));
    let id = knock().await;
    for pause in PAUSES {
        assert_eq!(test.deliver().await.put_off, 1);
        test.app.clock.advance(pause + pause / 10 + 1);
    }
    assert_eq!(test.deliver().await.dead, 1);
    let sql = "SELECT details FROM events WHERE action = 'webhook.gave_up' AND vendor_id IS NULL";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    let right = json!({ "webhook": hook.id, "delivery": id, "type": "test" });
    assert_eq!(row.get::<_, Value>(0), right);
    receiver.always(Reply::status(410));
    knock().await;
    assert_eq!(test.deliver().await.dead, 1);
    let shown = call(&test, Method::GET, &format!("/{}", hook.id), json!({})).await;
    assert_eq!(shown.json["enabled"], false);
    assert_eq!(actions(&test).await.last().unwrap(), "webhook.disabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_works_on_webhooks_from_the_command_line() {
    let test = TestApp::start().await;
    let receiver = Receiver::start().await;
    let _held = test.hold_deliveries().await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let webhook = |args: &[&str]| json_of(&env, &[&["webhook"], args].concat());
    let made = webhook(&["create", &receiver.url, "--type", "account.created"]);
    test.keep_secret(made["signingSecret"].as_str().unwrap());
    let id = made["webhook"]["id"].as_str().unwrap();
    assert_eq!(made["webhook"]["types"], json!(["account.created"]));
    assert_eq!(webhook(&["list"])["items"], json!([made["webhook"]]));
    let queued = webhook(&["test", id]);
    assert_eq!(test.deliver().await.delivered, 1);
    let page = webhook(&["deliveries", id, "--limit", "1"]);
    assert_eq!(page["items"][0]["state"], "delivered");
    webhook(&["replay", id, queued["id"].as_str().unwrap()]);
    assert_eq!(test.deliver().await.delivered, 1);
    let card = ["vendor", "create", "gravityview", "--has-card", "true"];
    assert_eq!(json_of(&env, &card)["vendor"]["hasCard"], true);
    assert_eq!(test.deliver().await.delivered, 1);
    assert_eq!(receiver.got()[2].json()["type"], "account.created");
    assert_eq!(webhook(&["remove", id])["deleted"], true);
    assert!(refusal(&env, &["webhook", "test", id]).contains("404 not_found"));
    assert!(refusal(&env, &["webhook", "test", "1"]).contains("must be a webhook's id"));
    let said = refusal(
        &env,
        &["webhook", "create", &receiver.url, "--type", "site.created"],
    );
    assert!(said.contains("known: account.created"), "{said}");
}
