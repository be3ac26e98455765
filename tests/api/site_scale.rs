//! A look-up costs the same however many sites a vendor has. `DRILL_ROWS` says how many, 1,000,000 at most and 100,000 by
//! itself.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{TestApp, TestVendor, fill};

const FEW: i64 = 10_000;
const FOUND: &str = "site-to-be-found-001";
const ACCESS_KEY: &str = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

async fn filled(sites: i64) -> (TestApp, TestVendor) {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    fill::sites(&test.sql().await, vendor.id, sites).await;
    test.site(&vendor, FOUND, ACCESS_KEY).await;
    (test, vendor)
}

async fn taken((test, vendor): &(TestApp, TestVendor)) -> Duration {
    let path = format!("/api/v1/accounts/{}/sites/", vendor.id);
    let call = test.post(&path).trusted_login(vendor);
    let call = call.json(&json!({ "searchKeys": [ACCESS_KEY, "f".repeat(64)] }));
    let began = Instant::now();
    let found = call.send().await;
    let taken = began.elapsed();
    assert_eq!(found.json, json!({ ACCESS_KEY: [FOUND] }));
    taken
}

async fn expect_index((test, vendor): &(TestApp, TestVendor)) {
    let explained = format!(
        "EXPLAIN SELECT secret_id FROM sites WHERE vendor_id = {} AND access_key_digest = ANY(ARRAY[sha256('1'), sha256('2')]) \
         AND state = 'registered' AND (expires_at IS NULL OR expires_at > now()) ORDER BY registered_at, secret_id LIMIT 1000",
        vendor.id
    );
    let plan = test.sql().await.query(&explained, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("sites_by_access_key"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scaled_look_up_takes_no_longer_over_many_sites_than_over_few() {
    let rows: i64 = std::env::var("DRILL_ROWS").map_or(100_000, |text| text.parse().unwrap());
    let many = rows.min(1_000_000);
    let (small, large) = (filled(FEW).await, filled(many).await);
    expect_index(&large).await;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    // By turns, so that what else this machine does weighs on both.
    for _ in 0..30 {
        before.push(taken(&small).await);
        after.push(taken(&large).await);
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (before, after) = (median(before), median(after));
    let said = format!("look-ups: {before:?} over {FEW} sites, {after:?} over {many}");
    writeln!(std::io::stderr(), "{said}").ok();
    assert!(after < before * 3, "{said}");
}
