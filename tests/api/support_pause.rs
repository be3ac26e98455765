//! Pause mode, by the vendor and by operators. By reports of lockdowns: `reports.rs`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatehouse::tokens::{self, Grant, Kind};
use gatehouse::types::VendorId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::json_of;
use crate::support::http::Answer;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope};
use crate::support::wait::until;
use crate::support::{Place, TestApp, TestVendor, servers};

const PATH: &str = "/api/support-pause";

pub async fn pause(test: &TestApp, vendor: &TestVendor, method: Method, body: Value) -> Answer {
    let call = test.call(method, PATH).bearer(&vendor.private_key);
    call.json(&body).send().await
}

/// What a look-up answers.
pub async fn looked_up(test: &TestApp, vendor: &TestVendor) -> u16 {
    let body = json!({ "searchKeys": [ACCESS_KEY] });
    let call = test.post("/sites/search").bearer(&vendor.private_key);
    let own = call.json(&body).send().await;
    let path = format!("/api/v1/accounts/{}/sites", vendor.id);
    let theirs = test.post(&path).trusted_login(vendor).json(&body).send();
    let theirs = theirs.await;
    if own.status == 423 {
        own.expect_problem(423, "support_paused");
        theirs.expect_refusal(423, "support_paused");
    }
    own.status
}

async fn actions(test: &TestApp) -> Vec<(String, Value)> {
    let sql = "SELECT action || ' by ' || actor, details FROM events WHERE action LIKE 'support.%' ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A token as the service holds it to read a store with.
async fn held(test: &TestApp, vendor: &TestVendor, kind: Kind) -> String {
    let app = Arc::clone(&test.app);
    let vendor = app.directory.by_id(VendorId(vendor.id)).unwrap();
    let issuing = async move {
        let grant = Grant::new(&vendor, kind, "gatehouse");
        let issued = tokens::issue(&app, grant).await.unwrap();
        issued.token().unwrap().expose().to_owned()
    };
    let token = servers::shared().runtime.spawn(issuing).await.unwrap();
    test.keep_secret(&token);
    token
}

#[tokio::test]
async fn vendor_pauses_and_resumes() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let other = test.vendor("vendor-b").await;
    test.site(&vendor, SECRET_ID, ACCESS_KEY).await;
    let read = held(&test, &vendor, Kind::StoreRead).await;
    let write = held(&test, &vendor, Kind::StoreWrite).await;
    let theirs = held(&test, &other, Kind::StoreRead).await;
    let none = json!({ "paused": false, "until": null, "pauseOnLockdown": false, "lockdownPauseMinutes": 20 });
    assert_eq!(
        pause(&test, &vendor, Method::GET, json!({})).await.json,
        none
    );
    let set = pause(&test, &vendor, Method::PUT, json!({ "minutes": 60 })).await;
    assert_eq!(
        (set.status, &set.json["paused"]),
        (200, &json!(true)),
        "{set:?}"
    );
    let until: jiff::Timestamp = set.text_of("until").parse().unwrap();
    let seconds = until.as_second() - test.app.clock.now().as_second();
    assert!((3590..=3600).contains(&seconds), "{seconds}");
    assert_eq!(looked_up(&test, &vendor).await, 423);
    assert_eq!(looked_up(&test, &other).await, 200);
    for path in ["/sites/token", "/api/v1/accounts"] {
        let call = match path {
            "/sites/token" => test.post(path).bearer(&vendor.private_key),
            _ => test
                .get(&format!("{path}/{}", vendor.id))
                .trusted_login(&vendor),
        };
        assert_eq!(call.send().await.status, 423, "{path}");
    }
    // What reads is dead at once; what stores goes on.
    let alive = [&read, &write, &theirs].map(|token| test.is_alive(token));
    let alive = futures_util::future::join_all(alive).await;
    assert_eq!(alive, [false, true, true]);
    let other_site = SECRET_ID.replace('0', "1");
    let body = envelope(&vendor, &other_site, ACCESS_KEY);
    let stored = test.post("/api/v1/sites").bearer(&vendor.public_key);
    assert_eq!(stored.json(&body).send().await.status, 201);
    // Another end replaces the first.
    let later = test.app.clock.now().as_second() + 30;
    let set = pause(&test, &vendor, Method::PUT, json!({ "until": later })).await;
    let until: jiff::Timestamp = set.text_of("until").parse().unwrap();
    assert_eq!(until.as_second(), later);
    for _ in 0..2 {
        let ended = pause(&test, &vendor, Method::DELETE, json!({})).await;
        assert_eq!((ended.status, &ended.json), (200, &none));
    }
    assert_eq!(looked_up(&test, &vendor).await, 200);
    let told = actions(&test).await;
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["support.paused", "support.paused", "support.resumed"];
    assert_eq!(names, expected.map(|name| format!("{name} by vendor")));
    assert_eq!(told[1].1["reason"], "asked for");
    assert_eq!(told[1].1["until"], told[2].1["wasUntil"]);
}

#[tokio::test]
async fn a_pause_ends_by_itself() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    pause(&test, &vendor, Method::PUT, json!({ "minutes": 1 })).await;
    assert_eq!(looked_up(&test, &vendor).await, 423);
    test.app.clock.advance(61);
    assert_eq!(looked_up(&test, &vendor).await, 200);
    let shown = pause(&test, &vendor, Method::GET, json!({})).await;
    assert_eq!(
        (&shown.json["paused"], &shown.json["until"]),
        (&json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn what_breaks_a_rule_pauses_nothing() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let now = test.app.clock.now().as_second();
    for body in [
        json!({}),
        json!({ "minutes": 5, "until": now + 60 }),
        json!({ "minutes": 0 }),
        json!({ "minutes": -5 }),
        json!({ "minutes": 1.5 }),
        json!({ "minutes": "60" }),
        json!({ "minutes": 366 * 24 * 60 }),
        json!({ "minutes": i64::MAX }),
        json!({ "until": now - 1 }),
        json!({ "until": now + 366 * 24 * 3600 }),
        json!({ "until": "soon" }),
        json!({ "until": false }),
        json!({ "minutes": 5, "reason": "x" }),
    ] {
        let refused = pause(&test, &vendor, Method::PUT, body.clone()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "invalid_field"),
            "{body}"
        );
    }
    for body in [
        json!({ "lockdownPauseMinutes": 0 }),
        json!({ "lockdownPauseMinutes": 1441 }),
        json!({ "pauseOnLockdown": "yes" }),
        json!({ "until": now + 60 }),
    ] {
        let refused = pause(&test, &vendor, Method::PATCH, body.clone()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (422, "invalid_field"),
            "{body}"
        );
    }
    assert_eq!(looked_up(&test, &vendor).await, 200);
    assert!(actions(&test).await.is_empty());
}

#[tokio::test]
async fn every_replica_knows_within_a_second() {
    let place = Place::shared().await;
    let config = place.config().await;
    let second = Place {
        bao: place.bao.clone(),
        bao_root: place.bao_root.clone(),
        database_url: place.database_url.clone(),
    };
    let a = TestApp::start_at(place, config.clone()).await;
    let b = TestApp::start_at(second, config).await;
    let vendor = a.vendor("vendor-a").await;
    until("the vendor is known", || async {
        looked_up(&b, &vendor).await == 200
    })
    .await;
    for (method, body, status) in [
        (Method::PUT, json!({ "minutes": 5 }), 423),
        (Method::DELETE, json!({}), 200),
    ] {
        let begun = Instant::now();
        assert_eq!(pause(&a, &vendor, method, body).await.status, 200);
        assert_eq!(looked_up(&a, &vendor).await, status);
        until("the other replica knows", || async {
            looked_up(&b, &vendor).await == status
        })
        .await;
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_pauses_a_vendor_from_the_command_line() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let paused = json_of(&env, &["vendor", "pause", "vendor-a", "--minutes", "60"]);
    assert_eq!(paused["paused"], true);
    assert_eq!(looked_up(&test, &vendor).await, 423);
    let until = [
        "vendor",
        "pause",
        "vendor-a",
        "--until",
        "2026-01-01T00:00:00Z",
    ];
    assert!(crate::cli::refusal(&env, &until).contains("422 invalid_field"));
    let path = "/api/admin/vendors/vendor-a/support-pause";
    let shown = test.get(path).bearer(&test.operator).send().await;
    assert_eq!(shown.json, paused);
    assert_eq!(
        json_of(&env, &["vendor", "unpause", "vendor-a"])["paused"],
        false
    );
    assert_eq!(looked_up(&test, &vendor).await, 200);
    let told = actions(&test).await;
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "support.paused by operator:test",
            "support.resumed by operator:test"
        ]
    );
}
