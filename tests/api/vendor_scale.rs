//! Many vendors cost no more than few: each is provisioned as quickly as the first, the service starts as soon, and takes
//! no more memory than it may. `DRILL_VENDORS` says how many, 40 by itself, 10,000 in `make drill`.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gatehouse::webhooks::SigningSecret;
use serde_json::{Value, json};

use crate::faults::own_servers;
use crate::support::app::{SIGNUP_SECRET, TestVendor, vendor_of};
use crate::support::process::{Process, serve, settings};

/// MiB. A debug build has some thirty more by itself.
const MEMORY: u64 = if cfg!(debug_assertions) { 128 } else { 96 };
const AT_ONCE: usize = 4;

struct Scale {
    http: reqwest::Client,
    process: Process,
    secret: SigningSecret,
}

impl Scale {
    /// Signs a vendor up and claims its keys; how long the first took.
    async fn sign_up(&self, number: usize) -> (TestVendor, Duration) {
        let namespace = format!("vendor-{number:06}");
        let body = json!({
            "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
            "data": { "namespace": namespace, "name": "GravityView" },
        });
        let bytes = serde_json::to_vec(&body).unwrap();
        let id = format!("msg_{number}");
        let now = jiff::Timestamp::now().as_second();
        let signature = self.secret.sign(&id, now, &bytes);
        let call = self
            .http
            .post(format!("{}/webhooks/vendor-signup", self.process.url))
            .header("webhook-id", &id)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", signature)
            .header("content-type", "application/json")
            .body(bytes);
        let started = Instant::now();
        let answer = call.send().await.unwrap();
        let took = started.elapsed();
        assert_eq!(answer.status(), 200, "{number}: {:?}", answer.text().await);
        let answer: Value = answer.json().await.unwrap();
        let claim = json!({ "claimToken": answer["claimToken"] });
        let url = format!("{}/api/vendors/claim", self.process.url);
        let claimed = self.http.post(url).json(&claim).send().await.unwrap();
        (vendor_of(&claimed.json().await.unwrap()), took)
    }

    /// The median of the time that a vendor's own list of sites takes.
    async fn look_up(&self, vendor: &TestVendor) -> Duration {
        let mut times = Vec::new();
        for _ in 0..51 {
            let started = Instant::now();
            let call = self
                .http
                .get(format!("{}/sites?limit=1", self.process.url))
                .bearer_auth(&vendor.private_key);
            assert_eq!(call.send().await.unwrap().status(), 200);
            times.push(started.elapsed());
        }
        median(times)
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn scaled_vendors_are_provisioned_started_with_and_looked_up_as_quickly_as_few() {
    let wanted = std::env::var("DRILL_VENDORS").ok();
    let vendors: usize = wanted.as_ref().map_or(40, |many| many.parse().unwrap());
    let (own, place) = own_servers(Vec::new()).await;
    place.config().await;
    let mut settings = settings(&place).await;
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, SIGNUP_SECRET);
    settings.push((
        "GATEHOUSE_SIGNUP_SECRET".to_owned(),
        format!("whsec_{encoded}"),
    ));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut scale = Scale {
        process: serve(&settings, &http).await,
        secret: SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap(),
        http,
    };

    let next = AtomicUsize::new(0);
    let signing_up = (0..AT_ONCE).map(async |_| {
        let mut signed_up = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= vendors {
                return signed_up;
            }
            let (vendor, took) = scale.sign_up(number).await;
            signed_up.push((number, vendor, took));
        }
    });
    let started = Instant::now();
    let mut signed_up = futures_util::future::join_all(signing_up).await.concat();
    let all = started.elapsed();
    signed_up.sort_by_key(|(number, ..)| *number);
    let tenths: Vec<Duration> = signed_up
        .chunks(vendors.div_ceil(10))
        .map(|tenth| median(tenth.iter().map(|(.., took)| *took).collect()))
        .collect();

    let restarted = Instant::now();
    scale.process.kill();
    scale.process = serve(&settings, &scale.http).await;
    let ready = restarted.elapsed();
    let (first, last) = (&signed_up[0].1, &signed_up[vendors - 1].1);
    let look_ups = [scale.look_up(first).await, scale.look_up(last).await];
    let tokens = signed_up
        .iter()
        .step_by(vendors.div_ceil(2000))
        .map(async |(_, vendor, _)| {
            let call = scale.http.post(format!("{}/api/site", scale.process.url));
            let made = call.bearer_auth(&vendor.public_key).send().await.unwrap();
            assert_eq!(made.status(), 200);
        });
    let tokens = futures_util::stream::iter(tokens);
    tokens.buffer_unordered(32).collect::<Vec<()>>().await;
    let memory = scale.process.memory() / 1024;
    writeln!(
        std::io::stderr(),
        "{vendors} vendors in {all:?}, medians of tenths {tenths:?}; ready again in {ready:?}; \
         look-ups {look_ups:?}; {memory} MiB"
    )
    .unwrap();
    assert!(memory <= MEMORY, "{memory} MiB");
    if wanted.is_some() {
        let (early, late) = tenths.split_at(5);
        assert!(
            median(late.to_vec()) < median(early.to_vec()) * 2,
            "{tenths:?}"
        );
        assert!(ready < Duration::from_secs(2), "{ready:?}");
    }
    drop(own);
}
