//! Rate limits: per client address, per vendor, and for refused credentials.

use std::time::Instant;

use futures_util::future::join_all;
use gatehouse::config::{LimitConfig, Rate};
use serde_json::json;

use crate::support::app::limits;
use crate::support::http::Call;
use crate::support::{Place, TestApp};

const BURST: u32 = 4;
const FREE: u32 = 100_000;

fn tight() -> Rate {
    Rate {
        per_second: 1,
        burst: BURST,
    }
}

async fn start(limits: LimitConfig, proxies: &[&str]) -> TestApp {
    let place = Place::shared().await;
    let mut config = place.config().await;
    config.limits = limits;
    config.http.trusted_proxies = proxies.iter().map(|p| p.parse().unwrap()).collect();
    TestApp::start_at(place, config).await
}

/// Sends a dozen of the same at once: exactly the burst passes, and what each second gives back; the rest is told to
/// wait.
async fn expect_burst<'a>(call: impl Fn() -> Call<'a>, passed: u16) {
    let started = Instant::now();
    let answers = join_all((0..12).map(|_| call().send())).await;
    let seconds = u32::try_from(started.elapsed().as_secs()).unwrap();
    let (through, held): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == passed);
    let through = u32::try_from(through.len()).unwrap();
    assert!(
        (BURST..=BURST + seconds).contains(&through),
        "{through} in {seconds} s: {answers:?}"
    );
    assert!(!held.is_empty());
    for answer in held {
        answer.expect_problem(429, "rate_limited");
        let wait = answer.headers["retry-after"].to_str().unwrap();
        let wait: u32 = wait.parse().unwrap();
        assert!((1..=2).contains(&wait), "{wait}");
        assert_eq!(answer.json["retry_after"], wait);
    }
}

#[tokio::test]
async fn passwords_of_an_address_are_looked_at_so_many_a_second() {
    let refused = LimitConfig {
        refused: tight(),
        ..limits(FREE)
    };
    let test = start(refused, &[]).await;
    test.vendor("vendor-a").await;
    let before = test.app.passwords.verified();
    let started = Instant::now();
    let names: Vec<String> = (0..12).map(|n| format!("nobody-{n}@vendor-a")).collect();
    let tries = names.iter().map(|name| test.basic_status(name, "x"));
    let answers = join_all(tries).await;
    let seconds = started.elapsed().as_secs();
    let looked_at = test.app.passwords.verified() - before;
    assert!(looked_at <= u64::from(BURST) + seconds, "{looked_at}");
    assert!(answers.contains(&429), "{answers:?}");
}

#[tokio::test]
async fn an_address_is_held_back_and_machines_that_watch_are_not() {
    let address = LimitConfig {
        address: tight(),
        ..limits(FREE)
    };
    let test = start(address, &[]).await;
    // Nobody behind no proxy is somebody else by saying so.
    let number = std::sync::atomic::AtomicU32::new(0);
    let call = || {
        let n = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let address = format!("198.51.100.{n}");
        test.get("/nowhere").header("x-forwarded-for", &address)
    };
    expect_burst(call, 404).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(test.get(path).send().await.status, 200);
    }
}

#[tokio::test]
async fn each_address_behind_a_trusted_proxy_has_its_own_budget() {
    let address = LimitConfig {
        address: tight(),
        ..limits(FREE)
    };
    let test = start(address, &["127.0.0.0/8"]).await;
    for client in ["198.51.100.7", "198.51.100.8", "2001:db8::1"] {
        expect_burst(
            || test.get("/nowhere").header("x-forwarded-for", client),
            404,
        )
        .await;
    }
    // What a client writes in front of the proxy's own entry changes nothing.
    let forged = || {
        let chain = format!("203.0.113.{}, 198.51.100.9", rand::random_range(0..250));
        test.get("/nowhere").header("x-forwarded-for", &chain)
    };
    expect_burst(forged, 404).await;
    // A /64 is one subscriber.
    let held = test
        .get("/nowhere")
        .header("x-forwarded-for", "2001:db8::2");
    assert!(matches!(held.send().await.status, 404 | 429));
    let other = test
        .get("/nowhere")
        .header("x-forwarded-for", "2001:db8:0:1::1");
    assert_eq!(other.send().await.status, 404);
}

#[tokio::test]
async fn a_vendor_is_held_back_alone_however_it_shows_its_key() {
    let vendor = LimitConfig {
        vendor: tight(),
        ..limits(FREE)
    };
    let test = start(vendor, &[]).await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let c = test.vendor("vendor-c").await;
    expect_burst(|| test.get("/sites").bearer(&a.private_key), 200).await;
    // Another vendor is not.
    expect_burst(|| test.post("/api/site").bearer(&b.public_key), 200).await;
    // Nor may the public key of the plugins of 2019 pass because it stands in the body.
    let body =
        json!({ "publicKey": c.public_key, "keyStoreID": "0123456789abcdef", "expiresAt": 1 });
    expect_burst(|| test.post("/api/sites").json(&body), 422).await;
}

#[tokio::test]
async fn refused_credentials_are_held_back_and_right_ones_are_not() {
    let refused = LimitConfig {
        refused: tight(),
        ..limits(FREE)
    };
    let test = start(refused, &[]).await;
    let vendor = test.vendor("vendor-a").await;
    expect_burst(|| test.get("/sites").bearer("garbage"), 401).await;
    // One budget, however they are wrong.
    let mut held = 0;
    for wrong in ["sk_0000", "gho_0000", "pk_0000"] {
        let answer = test.get("/sites").bearer(wrong).send().await;
        held += u32::from(answer.status == 429);
    }
    assert!(held >= 1);
    for _ in 0..8 {
        let right = test.get("/sites").bearer(&vendor.private_key);
        assert_eq!(right.send().await.status, 200);
    }
}

#[tokio::test]
async fn answers_say_what_is_left_of_each_limit() {
    let wide = LimitConfig {
        address: Rate::new(10, 40),
        vendor: Rate::new(2, 5),
        refused: Rate::new(1, 3),
        ..limits(FREE)
    };
    let test = start(wide, &[]).await;
    let vendor = test.vendor("vendor-a").await;
    let said = |answer: &crate::support::http::Answer| {
        let field = |name| answer.headers[name].to_str().unwrap().to_owned();
        (field("ratelimit-policy"), field("ratelimit"))
    };
    let list = async || test.get("/sites").bearer(&vendor.private_key).send().await;
    let (policy, left) = said(&list().await);
    assert_eq!(policy, "\"address\";q=40;w=4, \"vendor\";q=5;w=3");
    let remaining = |left: &str, of: &str| -> u32 {
        let rest = left.split_once(&format!("\"{of}\";r=")).unwrap().1;
        rest.split_once(';').unwrap().0.parse().unwrap()
    };
    assert!(
        remaining(&left, "address") < 40 && remaining(&left, "vendor") < 5,
        "{left}"
    );
    let mut held = list().await;
    for _ in 0..40 {
        if held.status == 429 {
            break;
        }
        held = list().await;
    }
    held.expect_problem(429, "rate_limited");
    let (_, left) = said(&held);
    assert!(left.contains("\"vendor\";r=0;t=1"), "{left}");
    // A share of its own, and one for wrong credentials.
    let plugin = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert!(said(&plugin).0.contains("\"plugin\";q=5"), "{plugin:?}");
    let wrong = test.get("/sites").bearer("sk_wrong").send().await;
    assert!(
        said(&wrong).1.contains("\"refused-credentials\";r="),
        "{wrong:?}"
    );
    let alive = test.get("/healthz").send().await;
    assert!(alive.headers.get("ratelimit").is_none(), "{alive:?}");
}
