//! The chain over the trail under load, with several replicas, through crashes and retention.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gatehouse::events::chain::{self, Fault};
use gatehouse::types::VendorId;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::json;

use crate::event_chain::{count, freeze, remembered, tamper, verified};
use crate::support::wait::until;
use crate::support::{TestApp, servers};

const UNCHAINED: &str = "SELECT count(*) FROM events_to_chain";

/// Events of a vendor, added as any statement adds them.
fn events(vendor: i64, number: u32, at: &str) -> String {
    format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome, details) \
         SELECT {at}, {vendor}, 'vendor', 'test.event', 'done', jsonb_build_object('n', n) FROM generate_series(1, {number}) AS n"
    )
}

async fn execute(test: &TestApp, sql: &str) {
    test.sql().await.batch_execute(sql).await.unwrap();
}

async fn all_chained(test: &TestApp) {
    until("an empty queue", async || {
        test.pass("chain_events").await;
        count(test, UNCHAINED).await == 0
    })
    .await;
}

/// All events are chained, once each, and nothing is wrong.
async fn is_whole(test: &TestApp) -> chain::Found {
    all_chained(test).await;
    let found = verified(test).await;
    assert!(found.is_whole(), "{:?}", found.first);
    let events = count(test, "SELECT count(*) FROM events").await;
    assert_eq!(found.events, u64::try_from(events).unwrap());
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_commit_late_and_out_of_order_lose_nothing() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8u32 {
        let (client, id) = (test.sql().await, vendor.id);
        writers.spawn(async move {
            for round in 0..10u32 {
                let sql = events(id, 7, "clock_timestamp()");
                client
                    .batch_execute(&format!("BEGIN; {sql}"))
                    .await
                    .unwrap();
                let pause = (writer * 37 + round * 61) % 150;
                tokio::time::sleep(Duration::from_millis(pause.into())).await;
                let end = if round == 9 { "ROLLBACK" } else { "COMMIT" };
                client.batch_execute(end).await.unwrap();
            }
        });
    }
    while !writers.is_empty() {
        while let Some(done) = writers.try_join_next() {
            done.unwrap();
        }
        test.pass("chain_events").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let found = is_whole(&test).await;
    assert!(found.events >= 8 * 9 * 7, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_chain_side_by_side_and_with_another_key() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    all_chained(&test).await;
    let rotated = test.bao_root(
        Method::POST,
        &format!("gatehouse-keys/data/{}", chain::KEY_NAME),
    );
    let rotated = rotated.json(&json!({ "data": { "key": "42".repeat(32) } }));
    assert_eq!(rotated.send().await.status, 200);
    let second = test.replica().await;
    // Neither minds the lock, as where one lost it in the middle.
    for _ in 0..20 {
        execute(&test, &events(vendor.id, 50, "clock_timestamp()")).await;
        let passes = [&test, &second].map(|one| {
            let app = Arc::clone(&one.app);
            let runtime = &servers::shared().runtime;
            runtime.spawn(async move { chain::pass(&app).await.is_ok() })
        });
        for passed in passes {
            // One of two that meet may give up, and goes on with the next.
            passed.await.unwrap();
        }
    }
    execute(&test, &events(vendor.id, 1, "clock_timestamp()")).await;
    let app = Arc::clone(&second.app);
    let runtime = &servers::shared().runtime;
    until("a head that the second signs", async || {
        let app = Arc::clone(&app);
        let passed = runtime.spawn(async move { chain::pass(&app).await.is_ok() });
        passed.await.unwrap();
        count(
            &test,
            "SELECT count(*) FROM event_checkpoints WHERE key_version = 2",
        )
        .await
            > 0
    })
    .await;
    is_whole(&test).await;
    let versions = "SELECT count(DISTINCT key_version) FROM event_checkpoints";
    assert_eq!(count(&test, versions).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn pass_that_is_killed_leaves_a_valid_chain() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    let killer = test.sql().await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'gatehouse' AND query LIKE '%event%'";
    for round in 0..12u64 {
        execute(&test, &events(vendor.id, 2500, "clock_timestamp()")).await;
        let app = Arc::clone(&test.app);
        let runtime = &servers::shared().runtime;
        let passing = runtime.spawn(async move { chain::pass(&app).await.is_ok() });
        tokio::time::sleep(Duration::from_millis(5 + round * 9)).await;
        killer.query(kill, &[]).await.unwrap();
        passing.await.unwrap();
    }
    let app = Arc::clone(&test.app);
    let runtime = &servers::shared().runtime;
    until("an empty queue", async || {
        let app = Arc::clone(&app);
        runtime
            .spawn(async move { chain::pass(&app).await.is_ok() })
            .await
            .unwrap();
        count(&test, UNCHAINED).await == 0
    })
    .await;
    let found = is_whole(&test).await;
    assert!(found.events >= 12 * 2500);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_events_are_chained_soon() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    execute(&test, &events(vendor.id, 20_000, "clock_timestamp()")).await;
    let began = Instant::now();
    all_chained(&test).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    let found = is_whole(&test).await;
    assert!(found.events >= 20_000 && found.blocks >= 20, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn event_that_goes_before_it_is_chained_is_an_event() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    all_chained(&test).await;
    let frozen = freeze(&test).await;
    execute(&test, &events(vendor.id, 3, "clock_timestamp()")).await;
    let gone = "SELECT max(id) FROM events";
    let gone = count(&test, gone).await;
    tamper(&test, &format!("DELETE FROM events WHERE id = {gone}")).await;
    drop(frozen);
    all_chained(&test).await;
    let said = format!(
        "SELECT count(*) FROM events WHERE action = 'events.vanished' AND (details ->> 'eventId')::bigint = {gone} AND vendor_id = {}",
        vendor.id
    );
    assert_eq!(count(&test, &said).await, 1);
    let first = verified(&test).await.first.unwrap();
    assert_eq!(
        (first.fault, first.event_id),
        (Fault::RowVanished, Some(gone))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn trail_stays_verifiable_when_retention_removes_its_beginning() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    for days in [100, 100, 90, 30, 60, 10] {
        let at = format!("now() - interval '{days} days'");
        execute(&test, &events(vendor.id, 20, &at)).await;
        all_chained(&test).await;
    }
    let bound = test.app.clock.now() - SignedDuration::from_hours(50 * 24);
    let forget = async |bound: Timestamp| {
        let (app, id) = (Arc::clone(&test.app), VendorId(vendor.id));
        let runtime = &servers::shared().runtime;
        let forgetting = runtime.spawn(async move { chain::forget(&app, Some(id), bound).await });
        forgetting.await.unwrap().unwrap()
    };
    // The vendor's own events came first, so nothing is a beginning that lies before it.
    let first = forget(bound).await;
    assert_eq!(first.blocks, 0);
    is_whole(&test).await;
    let sql = format!(
        "DELETE FROM events WHERE vendor_id = {} AND at < now() - interval '50 days'",
        vendor.id
    );
    let sql = format!("BEGIN; SELECT set_config('gatehouse.retention', 'on', true); {sql}; COMMIT");
    execute(&test, &sql).await;
    assert_eq!(is_whole(&test).await.removed, 80);

    // All of it goes, but for what waits.
    let frozen = freeze(&test).await;
    execute(&test, &events(vendor.id, 1, "now() - interval '40 days'")).await;
    let clipped = forget(test.app.clock.now()).await;
    assert!(clipped.removed_before < test.app.clock.now() - SignedDuration::from_hours(39 * 24));
    assert_eq!(clipped.blocks, 0);
    drop(frozen);
    all_chained(&test).await;
    let later = test.app.clock.now() - SignedDuration::from_hours(1);
    assert_eq!(forget(later).await.blocks, 0);
    let now = forget(test.app.clock.now()).await;
    assert!(now.blocks >= 7, "{now:?}");
    let sql = format!(
        "BEGIN; SELECT set_config('gatehouse.retention', 'on', true); DELETE FROM events WHERE vendor_id = {} AND at < '{}'; COMMIT",
        vendor.id, now.removed_before
    );
    execute(&test, &sql).await;
    execute(&test, &events(vendor.id, 5, "clock_timestamp()")).await;
    is_whole(&test).await;

    let last = count(&test, "SELECT max(id) FROM events").await;
    tamper(&test, &format!("DELETE FROM events WHERE id = {last}")).await;
    let place = verified(&test).await.first.unwrap();
    assert_eq!(
        (place.fault, place.event_id),
        (Fault::RowRemoved, Some(last))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_of_more_than_a_year_ago_go_and_what_they_said_stays() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    all_chained(&test).await;
    let before = count(&test, "SELECT max(number) FROM event_checkpoints").await;
    test.app.clock.advance(400 * 24 * 3600);
    execute(&test, "INSERT INTO events (at, actor, action, outcome) VALUES (now(), 'gatehouse', 'test.event', 'done')").await;
    all_chained(&test).await;
    let prune = async || {
        let app = Arc::clone(&test.app);
        let runtime = &servers::shared().runtime;
        let pruned = runtime.spawn(async move { chain::prune(&app).await });
        pruned.await.unwrap().unwrap()
    };
    // Those that name blocks which are there are needed to remove them.
    assert_eq!(prune().await, 0);
    let app = Arc::clone(&test.app);
    let runtime = &servers::shared().runtime;
    let bound = app.clock.now() - SignedDuration::from_hours(30 * 24);
    let forgetting = runtime.spawn(async move { chain::forget_all(&app, bound).await });
    assert!(forgetting.await.unwrap().unwrap().blocks >= 2);
    all_chained(&test).await;
    assert_eq!(prune().await, u64::try_from(before).unwrap());
    assert!(verified(&test).await.is_whole());
    let _frozen = freeze(&test).await;
    remembered(&test).await;
    let vendors = format!("vendor_id = {}", vendor.id);
    tamper(&test, &format!("DELETE FROM event_blocks WHERE {vendors}; DELETE FROM event_chains WHERE {vendors}; DELETE FROM events WHERE {vendors}")).await;
    let place = verified(&test).await.first.unwrap();
    assert_eq!(
        (place.fault, place.vendor_id),
        (Fault::TailCut, Some(vendor.id))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_that_stops_leaves_nothing_unsigned() {
    let mut test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    let frozen = freeze(&test).await;
    execute(&test, &events(vendor.id, 3, "clock_timestamp()")).await;
    test.stop().await;
    drop(frozen);
    assert_eq!(count(&test, UNCHAINED).await, 0);
    let found = verified(&test).await;
    assert!(found.is_whole() && found.unsigned == 0, "{found:?}");
    let newest = count(&test, "SELECT max(number) FROM event_checkpoints").await;
    assert_eq!(found.remembered, Some(newest));
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_signs_no_beginning_it_did_not_sign_before_and_is_an_event() {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    execute(&test, &events(vendor.id, 5, "clock_timestamp()")).await;
    all_chained(&test).await;
    let forget = async || {
        let (app, id) = (Arc::clone(&test.app), VendorId(vendor.id));
        let bound = app.clock.now() - SignedDuration::from_hours(1);
        let runtime = &servers::shared().runtime;
        let forgetting = runtime.spawn(async move { chain::forget(&app, Some(id), bound).await });
        forgetting.await.unwrap()
    };
    let forgotten = forget().await.unwrap();
    all_chained(&test).await;
    let told = format!(
        "SELECT count(*) FROM events WHERE vendor_id = {} AND action = 'events.forgotten' AND actor = 'task:keep_logs'",
        vendor.id
    );
    assert_eq!(count(&test, &told).await, 1);
    let found = is_whole(&test).await;
    let shown = &found.removed_before;
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].vendor_id, vendor.id);
    assert_eq!(shown[0].removed_before, Some(forgotten.removed_before));

    let moved = format!(
        "UPDATE event_chains SET base_seq = head_seq, base_hash = head_hash, removed_before = removed_before - interval '1 day' \
         WHERE vendor_id = {}",
        vendor.id
    );
    tamper(&test, &moved).await;
    assert!(forget().await.is_err());
    let first = verified(&test).await.first.unwrap();
    assert_eq!(first.fault, Fault::BaseForged, "{first}");
}
