//! Many vendors: how quickly they are provisioned, how soon the service is ready with them, and what memory they take.
//! `BENCH_VENDORS` says how many beside the 500 of the rounds, 1,000 by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatehouse::webhooks::SigningSecret;
use reqwest::Client;
use serde_json::{Value, json};

use crate::load::{load, median};
use crate::place::{Bench, ROUND, ROUNDS};
use crate::report::{Bar, Report};
use crate::support::app::SIGNUP_SECRET;
use crate::support::process::serve;

/// At once.
const CALLERS: usize = 4;
/// Of one side of a round.
const OF_ROUND: usize = 100;

/// The rows of vendors.
pub async fn run(mut bench: Bench, report: &mut Report) {
    let wanted: usize = std::env::var("BENCH_VENDORS").map_or(1_000, |text| text.parse().unwrap());
    assert!(wanted >= 10, "BENCH_VENDORS must be 10 or more");
    let next = AtomicUsize::new(0);
    let script = Arc::new(Script::of(&bench).await);
    let (mut own, mut plain) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let began = Instant::now();
        let made = (0..CALLERS).map(|caller| {
            let script = Arc::clone(&script);
            tokio::spawn(async move {
                for number in 0..OF_ROUND / CALLERS {
                    script
                        .make(&format!("script-{round}-{caller}-{number}"))
                        .await;
                }
            })
        });
        for caller in made.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        plain.push(rate(OF_ROUND, began));
        let began = Instant::now();
        sign_ups(&bench, &next, OF_ROUND * (round + 1)).await;
        own.push(rate(OF_ROUND, began));
    }
    let work = "vendors provisioned by sign-up, against a script that makes the same calls";
    report.row(work, "a second", &own, &plain, Bar::Least(0.8));

    // Beside those of the rounds.
    let (keys, took) = sign_ups(&bench, &next, OF_ROUND * ROUNDS + wanted).await;
    let wanted = OF_ROUND * ROUNDS + wanted;
    let tenth = took.len() / 10;
    let early = median(&mut took[..tenth].to_vec());
    let late = median(&mut took[took.len() - tenth..].to_vec());
    let work =
        format!("sign-up of the last tenth of {wanted} vendors, against the first, median latency");
    report.row(&work, "s", &[late], &[early], Bar::Most(1.5));

    let mut ready = Vec::new();
    for _ in 0..ROUNDS {
        bench.service.kill();
        let began = Instant::now();
        bench.service = serve(&bench.settings, &bench.http).await;
        ready.push(began.elapsed().as_secs_f64());
    }
    let work = format!("ready after a start with {wanted} vendors");
    report.value(&work, "s", &ready, Bar::Most(2.0));

    let call = {
        let (http, turn) = (bench.http.clone(), Arc::<AtomicUsize>::default());
        let (url, keys) = (format!("{}/api/site", bench.service.url), Arc::new(keys));
        move || {
            let key = &keys[turn.fetch_add(1, Ordering::Relaxed) % keys.len()];
            http.post(&url).bearer_auth(key)
        }
    };
    let mut memory = Vec::new();
    for _ in 0..ROUNDS {
        load(32, ROUND, 200, call.clone()).await;
        let kib = u32::try_from(bench.service.memory()).unwrap();
        memory.push(f64::from(kib) / 1024.0);
    }
    let work = format!("resident memory with {wanted} vendors under load");
    report.value(&work, "MiB", &memory, Bar::Most(96.0));
}

fn rate(many: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(many).unwrap()) / began.elapsed().as_secs_f64()
}

/// Signs vendors up until there are so many. Their public keys, and how long each took, in their order.
async fn sign_ups(bench: &Bench, next: &AtomicUsize, until: usize) -> (Vec<String>, Vec<f64>) {
    let secret = SigningSecret::new(SIGNUP_SECRET.to_vec()).unwrap();
    let url = format!("{}/webhooks/vendor-signup", bench.service.url);
    let callers = (0..CALLERS).map(async |_| {
        let mut made = Vec::new();
        loop {
            let number = next.load(Ordering::Relaxed);
            if number >= until {
                return made;
            }
            if next.fetch_add(1, Ordering::Relaxed) >= until {
                next.fetch_sub(1, Ordering::Relaxed);
                return made;
            }
            made.push(sign_up(&bench.http, &url, &secret).await);
        }
    });
    let made = futures_util::future::join_all(callers).await.concat();
    made.into_iter().unzip()
}

async fn sign_up(http: &Client, url: &str, secret: &SigningSecret) -> (String, f64) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let body = json!({
        "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
        "data": { "namespace": format!("vendor-{number:06}"), "name": "Bench" },
    });
    let bytes = serde_json::to_vec(&body).unwrap();
    let (id, now) = (format!("msg_{number}"), jiff::Timestamp::now().as_second());
    let call = http
        .post(url)
        .header("webhook-id", &id)
        .header("webhook-timestamp", now.to_string())
        .header("webhook-signature", secret.sign(&id, now, &bytes))
        .header("content-type", "application/json")
        .body(bytes);
    let began = Instant::now();
    let answer = call.send().await.unwrap();
    let took = began.elapsed().as_secs_f64();
    assert_eq!(answer.status(), 200, "{number}: {:?}", answer.text().await);
    let answer: Value = answer.json().await.unwrap();
    (
        answer["vendor"]["publicKey"].as_str().unwrap().to_owned(),
        took,
    )
}

/// What a vendor has in OpenBao, as a script would make it for another one.
struct Script {
    http: Client,
    addr: String,
    token: String,
    namespace: String,
    mounts: Vec<(String, Value)>,
    policies: Vec<(String, String)>,
}

impl Script {
    async fn of(bench: &Bench) -> Self {
        let token = bench.place.bao_root.clone();
        let namespace = bench.vendor.namespace.clone();
        let read = async |path: &str| -> Value {
            bench
                .bao(&token, path)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap()
        };
        let mut mounts = Vec::new();
        for (path, mount) in read("sys/mounts").await["data"].as_object().unwrap() {
            if path.starts_with(&namespace) {
                let wanted = ["type", "description", "options"]
                    .map(|field| (field.to_owned(), mount[field].clone()));
                let path = path.trim_end_matches('/').to_owned();
                mounts.push((path, wanted.into_iter().collect()));
            }
        }
        let list = bench
            .bao(&token, "sys/policies/acl?list=true")
            .send()
            .await
            .unwrap();
        let list: Value = list.json().await.unwrap();
        let mut policies = Vec::new();
        for name in list["data"]["keys"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            if name.starts_with(&namespace) {
                let policy = read(&format!("sys/policies/acl/{name}")).await;
                let text = policy["data"]["policy"].as_str().unwrap().to_owned();
                policies.push((name.to_owned(), text));
            }
        }
        assert!(
            mounts.len() >= 2 && policies.len() >= 3,
            "{mounts:?} {policies:?}"
        );
        Self {
            http: bench.http.clone(),
            addr: bench.openbao.addr.clone(),
            token,
            namespace,
            mounts,
            policies,
        }
    }

    async fn make(&self, namespace: &str) {
        let of = |text: &str| text.replace(&self.namespace, namespace);
        for (path, mount) in &self.mounts {
            self.write(&format!("sys/mounts/{}", of(path)), mount).await;
        }
        for (name, text) in &self.policies {
            let body = json!({ "policy": of(text) });
            self.write(&format!("sys/policies/acl/{}", of(name)), &body)
                .await;
        }
    }

    async fn write(&self, path: &str, body: &Value) {
        let call = self.http.post(format!("{}/v1/{path}", self.addr));
        let call = call.header("x-vault-token", &self.token).json(body);
        let answer = call.timeout(Duration::from_secs(30)).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{path}: {:?}",
            answer.text().await
        );
    }
}
