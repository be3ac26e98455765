//! What vendors are told to be, in whatever order. Suspended: `vendor_suspend.rs`; cancelled: `vendor_cancel.rs`.
//! `DRILL_LIVES` says how often each order is tried, once by itself; `make drill` does it 20 times.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::users::two_replicas;

const CREATED: &str = "vendor.created";
const UPDATED: &str = "vendor.updated";
pub const PAUSED: &str = "vendor.paused";
pub const RESUMED: &str = "vendor.resumed";
const CANCELLED: &str = "vendor.cancelled";

/// All orders of some things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, thing) in things.iter().enumerate() {
        let mut rest = things.to_vec();
        rest.remove(place);
        for mut order in orders(&rest) {
            order.insert(0, thing.clone());
            all.push(order);
        }
    }
    all
}

/// An event of a vendor's life, at a day.
pub fn told(namespace: &str, kind: &str, day: usize) -> Value {
    let mut data = json!({ "namespace": namespace });
    match kind {
        CREATED => {
            data["name"] = json!("First");
            data["ownerName"] = json!("Erika");
            data["plan"] = json!("basic");
        }
        UPDATED => {
            data["name"] = json!("Second");
            data["subscription"] = json!("unpaid");
        }
        _ => {}
    }
    json!({ "type": kind, "timestamp": format!("2026-11-{day:02}T00:00:00Z"), "data": data })
}

async fn state(test: &TestApp, namespace: &str) -> [Option<String>; 5] {
    let sql =
        "SELECT status, name, owner_name, plan, subscription FROM vendors WHERE namespace = $1";
    let row = test
        .sql()
        .await
        .query_one(sql, &[&namespace])
        .await
        .unwrap();
    [0, 1, 2, 3, 4].map(|column| row.get(column))
}

/// Tells of events in an order, each twice, and gives what came of it.
async fn lived(test: &TestApp, namespace: &str, order: &[(usize, &str)]) -> [Option<String>; 5] {
    let mut claims = 0;
    for (day, kind) in order {
        let body = told(namespace, kind, *day);
        let id = format!("{namespace}-{day}");
        let first = test.webhook(&id, &body).await;
        assert_eq!(first.status, 200, "{order:?} at {kind}: {first:?}");
        let again = test.webhook(&id, &body).await;
        // Where the job has forgotten the first, the vendor as it is now is told.
        if first.json["vendor"]["status"] != "cancelled"
            && again.json["vendor"]["status"] != "cancelled"
        {
            assert_eq!(
                (again.status, &again.text),
                (200, &first.text),
                "{order:?} at {kind}"
            );
        }
        claims += usize::from(first.json.get("claimToken").is_some());
    }
    let state = state(test, namespace).await;
    let is_cancelled = state[0].as_deref() == Some("cancelled");
    assert!(claims == 1 || is_cancelled, "{order:?}: {claims}");
    state
}

#[tokio::test]
async fn events_in_any_order_and_twice_end_in_the_same_state() {
    let test = TestApp::start().await;
    let lives: [&[&str]; 4] = [
        &[CREATED, UPDATED, PAUSED, RESUMED],
        &[CREATED, UPDATED, RESUMED, PAUSED],
        &[CREATED, PAUSED, UPDATED, RESUMED],
        &[CREATED, UPDATED, PAUSED, CANCELLED],
    ];
    let statuses = ["active", "suspended", "active", "cancelled"];
    let test = &test;
    let times = std::env::var("DRILL_LIVES").map(|text| text.parse().unwrap());
    let tried = (0..times.unwrap_or(1)).flat_map(|_: usize| lives.into_iter().zip(statuses));
    for (number, (life, status)) in tried.enumerate() {
        let days: Vec<(usize, &str)> = (1..).zip(life.iter().copied()).collect();
        let orders = orders(&days);
        assert_eq!(orders.len(), 24);
        let living = orders.iter().enumerate().map(|(place, order)| async move {
            let namespace = format!("life-{number}-{place:03}");
            (order, lived(test, &namespace, order).await)
        });
        let ended: Vec<_> = stream::iter(living).buffer_unordered(6).collect().await;
        for (order, found) in ended {
            let [found_status, rest @ ..] = found;
            assert_eq!(found_status.as_deref(), Some(status), "{order:?}");
            if status != "cancelled" {
                let right = ["Second", "Erika", "basic", "unpaid"];
                assert_eq!(rest.map(Option::unwrap), right, "{order:?}");
            }
        }
    }
}

#[tokio::test]
async fn operators_word_counts_from_the_moment_it_is_given() {
    let test = TestApp::start().await;
    test.webhook("m1", &told("vendor-a", CREATED, 1)).await;
    let set = async |what: &str| {
        let set = test
            .operate(Method::POST, "vendor-a", &format!("/{what}"))
            .await;
        assert_eq!(set.status, 200, "{set:?}");
        set.json["status"].as_str().unwrap().to_owned()
    };
    let status = async || state(&test, "vendor-a").await[0].clone().unwrap();
    assert_eq!(set("suspend").await, "suspended");
    // Said before, and told late.
    test.webhook("m2", &told("vendor-a", RESUMED, 2)).await;
    assert_eq!(status().await, "suspended");
    let mut later = told("vendor-a", RESUMED, 1);
    later["timestamp"] = json!("2100-01-01T00:00:00Z");
    let refused = test.webhook("m3", &later).await;
    refused.expect_problem(422, "invalid_field");
    assert_eq!(status().await, "suspended");
    let ahead = |seconds| test.app.clock.now() + jiff::SignedDuration::from_secs(seconds);
    later["timestamp"] = json!(ahead(120));
    test.webhook("m4", &later).await;
    assert_eq!(status().await, "active");
    // Even where the billing system's clock is ahead.
    assert_eq!(set("suspend").await, "suspended");
    assert_eq!(set("suspend").await, "suspended");
    assert_eq!(set("resume").await, "active");
    // Said by that clock before the operator's word, and told late.
    let mut former = told("vendor-a", PAUSED, 1);
    former["timestamp"] = json!(ahead(60));
    test.webhook("m5", &former).await;
    assert_eq!(status().await, "active");
    let sql =
        "SELECT action || ' by ' || actor FROM events WHERE action LIKE 'vendor.%ed' ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let events: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let right = [
        "vendor.created by billing",
        "vendor.suspended by operator:test",
        "vendor.resumed by billing",
        "vendor.suspended by operator:test",
        "vendor.resumed by operator:test",
    ];
    assert_eq!(events, right);
}

#[tokio::test]
async fn messages_that_break_a_rule_change_nothing() {
    let test = TestApp::start().await;
    for kind in [PAUSED, RESUMED, CANCELLED] {
        let mut body = told("Vendor-A", kind, 1);
        test.webhook("m1", &body)
            .await
            .expect_problem(422, "invalid_namespace");
        body["data"] = json!({});
        test.webhook("m1", &body)
            .await
            .expect_problem(422, "invalid_field");
        let mut body = told("vendor-a", kind, 1);
        body["timestamp"] = json!("yesterday");
        test.webhook("m1", &body)
            .await
            .expect_problem(422, "invalid_field");
    }
    let unsigned = test
        .post("/webhooks/vendor-signup")
        .json(&told("vendor-a", CANCELLED, 1));
    unsigned
        .send()
        .await
        .expect_problem(401, "signature_invalid");
    let count = "SELECT count(*) FROM vendors";
    let count: i64 = test.sql().await.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
    for rest in ["/suspend", "/resume"] {
        let unknown = test.operate(Method::POST, "vendor-x", rest).await;
        unknown.expect_problem(404, "not_found");
        let query = test
            .operate(Method::POST, "vendor-x", &format!("{rest}?force=1"))
            .await;
        query.expect_problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn cancelled_by_several_at_once_it_is_cancelled_once() {
    let (one, other) = two_replicas().await;
    let full = one.full("vendor-a", 120, 3).await;
    let told = told("vendor-a", CANCELLED, 1);
    let by_webhook = async |id: &str| one.webhook(id, &told).await.status;
    let answers = tokio::join!(
        one.cancel("vendor-a"),
        other.cancel("vendor-a"),
        by_webhook("m1"),
        by_webhook("m2"),
        other.cancel("vendor-a"),
    );
    for answer in [answers.0, answers.1, answers.4] {
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
    }
    assert_eq!((answers.2, answers.3), (200, 200));
    other.until_gone("vendor-a").await;
    // No event and no row is there twice: the look at what is left sees to it.
    assert_eq!(one.left_of(&full.vendor).await, "");
    let shown = one.operate(Method::GET, "vendor-a", "").await;
    assert_eq!(shown.json["cancellation"]["secretsRemoved"], full.secrets);
}
