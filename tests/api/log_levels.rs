//! Operators make the log finer for a while, in all replicas.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::process::{Process, serve, settings};

const CALLED: &str = "OpenBao was called";

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn ask(test: &TestApp, process: &Process, method: Method, body: &Value) -> (u16, Value) {
    let url = format!("{}/api/admin/log-levels", process.url);
    let call = client().request(method, url).bearer_auth(&test.operator);
    let answer = if body.is_null() {
        call
    } else {
        call.json(body)
    };
    let answer = answer.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Waits until the process tells of the levels it has, so and so often.
async fn changed(process: &Process, times: usize) {
    let started = Instant::now();
    while process
        .log()
        .matches("The levels of the log change")
        .count()
        < times
    {
        let log = process.log();
        assert!(started.elapsed() < Duration::from_mins(1), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a call to OpenBao is told in the log.
async fn tells(test: &TestApp, process: &Process) -> bool {
    let before = process.log().matches(CALLED).count();
    let url = format!("{}/api/admin/app-token/renew", process.url);
    let call = client().post(url).bearer_auth(&test.operator);
    assert_eq!(call.send().await.unwrap().status(), StatusCode::OK);
    process.log().matches(CALLED).count() > before
}

#[tokio::test]
async fn the_log_of_all_replicas_is_finer_until_an_operator_says_so() {
    let test = TestApp::start().await;
    let settings = settings(&test.place()).await;
    let http = client();
    let (one, other) = (serve(&settings, &http), serve(&settings, &http));
    let (one, other) = tokio::join!(one, other);
    assert!(!tells(&test, &one).await);

    let finer = json!({ "levels": "gatehouse::vault=debug", "seconds": 600 });
    let (status, shown) = ask(&test, &one, Method::PUT, &finer).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(shown["usual"], "info");
    assert_eq!(shown["levels"], "gatehouse::vault=debug");
    changed(&other, 1).await;
    for process in [&one, &other] {
        assert!(tells(&test, process).await);
        let (_, seen) = ask(&test, process, Method::GET, &Value::Null).await;
        assert_eq!(seen, shown);
    }

    let (status, shown) = ask(&test, &other, Method::DELETE, &Value::Null).await;
    assert_eq!((status, &shown["levels"]), (200, &Value::Null));
    changed(&one, 2).await;
    for process in [&one, &other] {
        assert!(!tells(&test, process).await);
    }
    let sql = test.sql().await;
    let events = "SELECT actor, details->>'levels' FROM events WHERE action = 'log_levels.changed' ORDER BY id";
    let events = sql.query(events, &[]).await.unwrap();
    let events: Vec<(String, Option<String>)> =
        events.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(events.len(), 2);
    assert!(events[0].0.starts_with("operator:"), "{events:?}");
    assert_eq!(events[0].1.as_deref(), Some("gatehouse::vault=debug"));
    assert_eq!(events[1].1, None);
}

#[tokio::test]
async fn finer_levels_end_by_themselves() {
    let test = TestApp::start().await;
    let process = serve(&settings(&test.place()).await, &client()).await;
    let finer = json!({ "levels": "gatehouse=debug", "seconds": 1 });
    let (status, _) = ask(&test, &process, Method::PUT, &finer).await;
    assert_eq!(status, 200);
    changed(&process, 2).await;
    assert!(!tells(&test, &process).await);
    let (_, shown) = ask(&test, &process, Method::GET, &Value::Null).await;
    assert_eq!(
        shown,
        json!({ "usual": "info", "levels": null, "until": null })
    );
}

#[tokio::test]
async fn levels_that_could_show_secrets_are_refused() {
    let test = TestApp::start().await;
    for (body, at) in [
        (json!({}), ""),
        (json!({ "levels": "debug" }), "/levels"),
        (json!({ "levels": "vaultrs=trace" }), "/levels"),
        (json!({ "levels": "info", "seconds": 0 }), "/seconds"),
        (json!({ "levels": "info", "seconds": 3601 }), "/seconds"),
        (json!({ "levels": "info", "minutes": 1 }), ""),
    ] {
        let call = test.call(Method::PUT, "/api/admin/log-levels");
        let answer = call.bearer(&test.operator).json(&body).send().await;
        answer.expect_problem(422, "invalid_field");
        let errors = answer.json["errors"].as_array().unwrap();
        assert!(
            errors
                .iter()
                .any(|e| e["pointer"].as_str().unwrap().starts_with(at)),
            "{body}: {errors:?}"
        );
    }
}
