//! How many tokens may live at once.

use futures_util::future::join_all;
use gatehouse::config::LeaseCaps;
use reqwest::Method;
use serde_json::{Value, json};

use crate::issuances::figure;
use crate::ledger::{ask, live_tokens};
use crate::ledger_events::events;
use crate::support::http::Answer;
use crate::support::wait::until;
use crate::support::{Place, TestApp, TestVendor};

const CAPS: LeaseCaps = LeaseCaps {
    all: 1000,
    vendor: 20,
    address: 1000,
    reserve_percent: 10,
};

async fn start(caps: LeaseCaps) -> TestApp {
    let place = Place::shared().await;
    start_at(place, caps).await
}

async fn start_at(place: Place, caps: LeaseCaps) -> TestApp {
    let mut config = place.config().await;
    config.limits.leases = caps;
    config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    TestApp::start_at(place, config).await
}

/// A store-wide write token by some key, from some address.
async fn from(test: &TestApp, key: &str, address: &str) -> Answer {
    let call = test.post("/api/site").bearer(key);
    call.header("x-forwarded-for", address).send().await
}

fn refused(answer: &Answer, reason: &str) {
    answer.expect_problem(429, "lease_budget_exhausted");
    assert_eq!(answer.json["reason"], reason, "{answer:?}");
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
}

/// Asks until there is room: that is seen by the next count.
async fn served(test: &TestApp, vendor: &TestVendor) {
    until("there is room", || async {
        test.app.clock.advance(2);
        ask(test, vendor, &json!({})).await.status == 200
    })
    .await;
}

async fn cap(test: &TestApp, vendor: &TestVendor, cap: Value) -> Answer {
    let path = format!("/api/admin/vendors/{}/lease-budget", vendor.namespace);
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    call.json(&json!({ "cap": cap })).send().await
}

#[tokio::test]
async fn public_key_shuts_nobody_out() {
    let test = start(CAPS).await;
    let (vendor, other) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    for number in 0..18 {
        let answer = from(&test, &vendor.public_key, &format!("198.51.100.{number}")).await;
        assert_eq!(answer.status, 200, "{number}: {answer:?}");
    }
    refused(
        &from(&test, &vendor.public_key, "203.0.113.1").await,
        "public_key",
    );
    // The reserve is the vendor's; then its own cap holds. What the service uses itself is never refused.
    for _ in 0..2 {
        let call = test.post("/sites/token").bearer(&vendor.private_key);
        assert_eq!(call.send().await.status, 200);
    }
    let call = test.post("/sites/token").bearer(&vendor.private_key);
    refused(&call.send().await, "vendor");
    test.credential(&vendor, "one", json!({ "type": "generic", "a": "b" }))
        .await;
    let call = test
        .delete("/sites/unknown-secret-id-1")
        .bearer(&vendor.public_key);
    assert_eq!(call.send().await.status, 200);
    assert_eq!(
        from(&test, &other.public_key, "203.0.113.1").await.status,
        200
    );
    let budget = test.get("/api/admin/lease-budget").bearer(&test.operator);
    let budget = budget.send().await;
    assert_eq!(
        budget.json["vendors"][0]["vendor"], "vendor-a",
        "{budget:?}"
    );
    assert_eq!(budget.json["vendors"][0]["live"], 20);
    assert_eq!(budget.json["vendors"][0]["publicCap"], 18);
    assert_eq!(budget.json["vendors"][1]["live"], 1);
    let live = budget.json["live"].as_i64().unwrap();
    assert_eq!(live - budget.json["ofService"].as_i64().unwrap(), 21);
    // Every refusal left OpenBao alone.
    assert_eq!(i64::try_from(live_tokens(&test).await.len()).unwrap(), live);
}

#[tokio::test]
async fn one_client_address_has_a_share() {
    let test = start(LeaseCaps { address: 3, ..CAPS }).await;
    let vendor = test.vendor("vendor-a").await;
    // One subscriber has a whole /64 of IPv6, and IPv4 is the same as IPv6 writes it.
    for alike in [
        ["198.51.100.1", "::ffff:198.51.100.1", "198.51.100.1"],
        ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:f::3"],
    ] {
        for address in alike {
            let answer = from(&test, &vendor.public_key, address).await;
            assert_eq!(answer.status, 200, "{address}: {answer:?}");
        }
        refused(&from(&test, &vendor.public_key, alike[1]).await, "address");
        assert_eq!(from(&test, &vendor.private_key, alike[1]).await.status, 200);
    }
    assert_eq!(
        from(&test, &vendor.public_key, "2001:db8:0:2::1")
            .await
            .status,
        200
    );
    // Another one counts anew, from the ledger.
    let replica = start_at(test.place(), LeaseCaps { address: 3, ..CAPS }).await;
    refused(
        &from(&replica, &vendor.public_key, "198.51.100.1").await,
        "address",
    );
}

#[tokio::test]
async fn whole_service_has_a_cap_and_keeps_a_reserve() {
    let test = start(LeaseCaps { all: 10, ..CAPS }).await;
    let (vendor, other) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    for _ in 0..9 {
        assert_eq!(
            from(&test, &vendor.public_key, "198.51.100.1").await.status,
            200
        );
    }
    refused(
        &from(&test, &other.public_key, "203.0.113.1").await,
        "service",
    );
    assert_eq!(
        from(&test, &other.private_key, "203.0.113.1").await.status,
        200
    );
    refused(
        &from(&test, &other.private_key, "203.0.113.1").await,
        "service",
    );
}

#[tokio::test]
async fn revoked_and_expired_tokens_make_room() {
    let test = start(LeaseCaps {
        vendor: 2,
        reserve_percent: 0,
        ..CAPS
    })
    .await;
    let vendor = test.vendor("vendor-a").await;
    let body = json!({ "ttl": 60, "maxTtl": 60, "wrapTtl": 60 });
    let first = ask(&test, &vendor, &body).await;
    assert_eq!(first.status, 200, "{first:?}");
    let second = ask(&test, &vendor, &json!({})).await;
    test.app.clock.advance(2);
    let third = ask(&test, &vendor, &json!({})).await;
    refused(&third, "vendor");
    // When the next one ends.
    assert!(
        third.json["retry_after"].as_i64().unwrap() <= 62,
        "{third:?}"
    );
    let path = format!("/api/issuances/{}", second.text_of("issuanceId"));
    let revoked = test.delete(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(revoked.status, 200);
    served(&test, &vendor).await;
    refused(&ask(&test, &vendor, &json!({})).await, "vendor");
    test.app.clock.advance(61);
    served(&test, &vendor).await;
    // A cap below what lives.
    test.app.clock.advance(2);
    assert_eq!(cap(&test, &vendor, json!(1)).await.json["cap"], 1);
    refused(&ask(&test, &vendor, &json!({})).await, "vendor");
    assert_eq!(cap(&test, &vendor, json!(3)).await.json["live"], 2);
    served(&test, &vendor).await;
    refused(&ask(&test, &vendor, &json!({})).await, "vendor");
    assert_eq!(cap(&test, &vendor, json!(0)).await.json["ownCap"], 0);
    assert_eq!(
        cap(&test, &vendor, Value::Null).await.json["ownCap"],
        Value::Null
    );
    for wrong in [
        json!(-1),
        json!(1.5),
        json!("9"),
        json!(4_294_967_296_u64),
        json!(100_000_001),
    ] {
        cap(&test, &vendor, wrong)
            .await
            .expect_problem(422, "invalid_field");
    }
    let told = events(&test, "vendor.lease_cap_changed").await;
    assert_eq!(told.len(), 4);
    assert_eq!(told[0]["details"]["cap"], 1);
}

#[tokio::test]
async fn clock_set_back_shuts_nobody_out() {
    let test = start(LeaseCaps {
        vendor: 1,
        reserve_percent: 0,
        ..CAPS
    })
    .await;
    let vendor = test.vendor("vendor-a").await;
    let token = ask(&test, &vendor, &json!({})).await;
    refused(&ask(&test, &vendor, &json!({})).await, "vendor");
    let path = format!("/api/issuances/{}", token.text_of("issuanceId"));
    test.delete(&path).bearer(&vendor.private_key).send().await;
    test.app.clock.advance(-3600);
    served(&test, &vendor).await;
}

/// What one replica hands out is exact. Two exceed a cap by what was left at the last count of one, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn race_for_the_last_places_ends_where_it_is_said_to() {
    let caps = LeaseCaps {
        vendor: 8,
        reserve_percent: 0,
        ..CAPS
    };
    let one = start(caps).await;
    let vendor = one.vendor("vendor-a").await;
    let statuses = join_all((0..64).map(|_| from(&one, &vendor.public_key, "198.51.100.1"))).await;
    let handed_out = statuses
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert_eq!(handed_out, 8);
    for answer in statuses.iter().filter(|answer| answer.status != 200) {
        refused(answer, "vendor");
    }
    let other = one.vendor("vendor-b").await;
    let two = start_at(one.place(), caps).await;
    until("the other replica knows the vendor", || async {
        two.app
            .directory
            .by_id(gatehouse::types::VendorId(other.id))
            .is_some()
    })
    .await;
    let at = |number: usize| if number.is_multiple_of(2) { &one } else { &two };
    let asked = (0..64).map(|number| from(at(number), &other.public_key, "198.51.100.1"));
    let statuses = join_all(asked).await;
    let handed_out = statuses
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert!((8..=16).contains(&handed_out), "{handed_out}");
    for test in [&one, &two] {
        test.app.clock.advance(2);
        refused(
            &from(test, &other.public_key, "198.51.100.1").await,
            "vendor",
        );
    }
}

/// `LEASES` says how many live; eight times as many are over.
#[tokio::test]
async fn live_tokens_are_counted_without_a_look_at_the_rows() {
    let test = start(CAPS).await;
    let vendor = test.vendor("vendor-a").await;
    let live = std::env::var("LEASES").map_or(2000, |many| many.parse::<i64>().unwrap());
    let sql = test.sql().await;
    let rows = format!(
        "INSERT INTO issuances (id, vendor_id, kind, accessor, caller, request_id, issued_at, expires_at, max_expires_at, \
                                client_network) \
         SELECT gen_random_uuid(), {}, 'write', 'a' || n, 'public-key', '', now(), now(), \
                now() + make_interval(secs => CASE WHEN n % 9 = 0 THEN 100000 ELSE -1000 END), \
                '198.51.' || n / 900 % 256 || '.' || n % 256 \
         FROM generate_series(1, {}) n",
        vendor.id,
        9 * live
    );
    sql.batch_execute(&rows).await.unwrap();
    sql.batch_execute("VACUUM ANALYZE issuances").await.unwrap();
    let settings = crate::support::app::db_settings(&test.database_url);
    let pool = gatehouse::db::Pool::new(&settings).unwrap();
    let client = pool.all().await.unwrap();
    let now = test.app.clock.now();
    let began = std::time::Instant::now();
    let own = ["delete"];
    let counts = gatehouse::tokens::budget::store::count(&client, &own, now, 320)
        .await
        .unwrap();
    figure(&format!(
        "{live} live tokens counted in {:?}",
        began.elapsed()
    ));
    assert_eq!(
        i64::from(counts.vendors.values().next().unwrap().tokens),
        live
    );
    let plan = sql
        .query(
            "EXPLAIN SELECT vendor_id, client_network, count(*) FILTER (WHERE kind <> ALL('{delete}'::text[])) \
             FROM issuances WHERE revoked_at IS NULL AND max_expires_at > now() \
             GROUP BY GROUPING SETS ((vendor_id), (vendor_id, client_network))",
            &[],
        )
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(
        plan.concat()
            .contains("Index Only Scan using issuances_live"),
        "{plan:#?}"
    );
}
