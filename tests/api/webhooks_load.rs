//! Webhooks of many messages: days without a receiver, and a receiver that holds up nobody else's. `DRILL_MESSAGES` says
//! of how many, 100 by itself; `make drill` takes 10,000.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use gatehouse::webhooks::retry::PAUSES;

use crate::support::TestApp;
use crate::support::receiver::{Receiver, Reply};

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_three_days_without_a_receiver_all_come_when_it_is_back() {
    let number = std::env::var("DRILL_MESSAGES").map(|text| text.parse().unwrap());
    let number: usize = number.unwrap_or(100);
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let receiver = Receiver::start().await;
    let hook = test.hook(&vendor, &receiver.url).await;
    let _held = test.hold_deliveries().await;
    test.fill(&vendor, i64::try_from(number).unwrap()).await;
    receiver.always(Reply::status(503));
    let (client, began) = (test.sql().await, test.app.clock.now());
    let tries = async || {
        let sql = "SELECT min(attempts), max(attempts) FROM webhook_deliveries";
        let row = client.query_one(sql, &[]).await.unwrap();
        (row.get::<_, i32>(0), row.get::<_, i32>(1))
    };
    // Up to the last pause: one more try is left. Where sending takes longer than a pause, some are ahead.
    for (place, pause) in PAUSES.iter().enumerate() {
        let due = i32::try_from(place).unwrap() + 1;
        while tries().await.0 < due && tries().await.1 < 16 {
            let passed = test.deliver().await;
            assert_eq!((passed.delivered, passed.dead, passed.failed), (0, 0, 0));
        }
        test.app.clock.advance(pause + pause / 10 + 1);
    }
    let down = test.app.clock.now().duration_since(began).as_hours();
    assert!(down >= 2 * 24 + 18, "{down} hours");
    receiver.always(Reply::status(204));
    let mut delivered = 0;
    for _ in 0..1000 {
        delivered += test.deliver().await.delivered;
        if delivered >= number {
            break;
        }
        test.app.clock.advance(7 * 3600);
    }
    // Each under one id, and each try at a time of its own, signed for that time.
    let mut tries: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for one in receiver.got() {
        let at = one.header("webhook-timestamp").parse().unwrap();
        let id = one.header("webhook-id").to_owned();
        tries.entry(id).or_default().push(at);
        assert!(one.is_signed_by(&hook.secret));
    }
    assert_eq!((delivered, tries.len()), (number, number));
    for (id, times) in &tries {
        assert!(times.len() <= PAUSES.len() + 1, "{id}: {times:?}");
        assert!(
            times.is_sorted_by(|one, next| one < next),
            "{id}: {times:?}"
        );
    }
    let most = tries.values().map(Vec::len).max();
    assert_eq!(most, Some(PAUSES.len() + 1));
    let sql = "SELECT count(*) FROM webhook_deliveries WHERE delivered_at IS NOT NULL AND dead_at IS NULL";
    let kept: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(kept).unwrap(), number);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_queue_of_a_dead_endpoint_holds_up_no_other_vendor() {
    let test = TestApp::start().await;
    let live = test.vendor("live-vendor").await;
    let takes = Receiver::start().await;
    let hook = test.hook(&live, &takes.url).await;
    // One that never answers, and one that takes almost as long as it may.
    let (dead, slow) = (
        test.vendor("dead-vendor").await,
        test.vendor("slow-vendor").await,
    );
    let (hangs, drags) = (Receiver::start().await, Receiver::start().await);
    hangs.always(Reply::never());
    drags.always(Reply(500, String::new(), Duration::from_millis(4500)));
    for (vendor, receiver, number) in [(&dead, &hangs, 10_000), (&slow, &drags, 1000)] {
        test.hook(vendor, &receiver.url).await;
        test.fill(vendor, number).await;
    }
    let started = Instant::now();
    let mut sent = BTreeMap::new();
    // Longer than two passes that wait for these.
    while started.elapsed() < Duration::from_secs(24) {
        let before = Instant::now();
        sent.insert(test.knock(&live, &hook).await, before);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut delays: Vec<Duration> = Vec::new();
    for one in takes.got() {
        let sent = sent.remove(one.header("webhook-id")).unwrap();
        delays.push(one.at.duration_since(sent));
    }
    assert!(sent.is_empty(), "{} never came", sent.len());
    delays.sort();
    let (p50, p95) = (delays[delays.len() / 2], delays[delays.len() * 95 / 100]);
    let (hung, dragged) = (hangs.len(), drags.len());
    writeln!(
        std::io::stderr(),
        "{} messages beside {hung} tries that hung and {dragged} that took long: p50 {p50:?}, p95 {p95:?}, most {:?}",
        delays.len(),
        delays[delays.len() - 1]
    )
    .unwrap();
    assert!(hung >= 8 && dragged >= 8, "they must be tried meanwhile");
    assert!(p95 <= Duration::from_secs(2), "{p95:?}");
}

#[tokio::test]
async fn what_is_due_is_found_by_an_index_in_its_order() {
    let test = TestApp::start().await;
    let vendor = test.vendor("media-vendor").await;
    let _held = test.hold_deliveries().await;
    let hook = test.hook(&vendor, "http://127.0.0.1:9/").await;
    test.fill(&vendor, 10_000).await;
    let client = test.sql().await;
    client.batch_execute("ANALYZE").await.unwrap();
    let due = "next_attempt_at <= now() ORDER BY next_attempt_at, id LIMIT 4";
    let sql = format!(
        "EXPLAIN SELECT id FROM webhook_deliveries WHERE owner = {} AND {due}",
        vendor.id
    );
    let plan = client.query(&sql, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("webhook_deliveries_to_send"), "{plan}");
    assert!(
        !plan.contains("Sort") && !plan.contains("Seq Scan"),
        "{plan}"
    );
    // The owner is the vendor, and cannot be said apart from it.
    let sql = "SELECT count(*) FROM webhook_deliveries WHERE owner = vendor_id";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 10_000);
    let other = client.execute("UPDATE webhook_endpoints SET owner = 0", &[]);
    assert!(other.await.is_err(), "{hook:?}");
}
