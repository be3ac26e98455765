//! The process is killed at any moment while several clients ask for tokens, each with a key, and ask again until they have
//! them: afterwards OpenBao, the ledger and the clients agree. `DRILL_RANDOM` says how often, 3 by itself; `make drill` does
//! it 200 times.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestVendor;
use crate::support::kills::Killing;
use crate::support::process::serve;

const CLIENTS: usize = 6;

/// What the clients know.
#[derive(Default)]
struct Load {
    url: Mutex<String>,
    is_over: AtomicBool,
    served: AtomicUsize,
    /// Requests whose first try was not answered.
    tried_again: AtomicUsize,
    /// Of those, how many were answered with what a dead process had kept.
    replayed: AtomicUsize,
    answers: Mutex<Vec<Value>>,
}

impl Load {
    /// One client after another asks for tokens until it is over, and stays until it has the last.
    async fn ask(&self, http: &reqwest::Client, vendor: &TestVendor, number: usize) {
        let mut round = number;
        while !self.is_over.load(Ordering::Relaxed) {
            round += 1;
            let key = Uuid::new_v4().to_string();
            let (path, bearer, body) = match round % 3 {
                0 => ("/sites/token", &vendor.private_key, json!({})),
                1 => {
                    let site = json!({ "secretId": format!("site-of-{key}") });
                    ("/api/site", &vendor.public_key, site)
                }
                _ => ("/api/site", &vendor.public_key, json!({})),
            };
            let began = Instant::now();
            let mut is_first = true;
            let answer = loop {
                let url = self.url.lock().unwrap().clone();
                let call = http.post(format!("{url}{path}")).bearer_auth(bearer);
                let call = call.header("idempotency-key", &key).json(&body);
                if let Some(answer) = self.answered(call).await {
                    break answer;
                }
                if is_first {
                    self.tried_again.fetch_add(1, Ordering::Relaxed);
                }
                is_first = false;
                assert!(began.elapsed() < Duration::from_mins(2), "{path} {key}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            self.answers.lock().unwrap().push(answer);
            self.served.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The whole answer; `None` where the request is to be made again.
    async fn answered(&self, call: reqwest::RequestBuilder) -> Option<Value> {
        let answer = call.send().await.ok()?;
        let status = answer.status().as_u16();
        let is_replay = answer.headers().contains_key("idempotent-replayed");
        let text = answer.text().await.ok()?;
        if status == 200 {
            self.replayed
                .fetch_add(usize::from(is_replay), Ordering::Relaxed);
            return Some(serde_json::from_str(&text).unwrap());
        }
        let is_later = status == 503 || text.contains("idempotency_in_flight");
        assert!(is_later, "{status} {text}");
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_each_key_makes_one_token_however_often_the_process_dies() {
    let kills = std::env::var("DRILL_RANDOM").map(|text| text.parse().unwrap());
    let kills: usize = kills.unwrap_or(3);
    let killing = Killing::start().await;
    let vendor = killing.test.vendor("gravityview").await;
    let settings = killing.with(&[
        ("GATEHOUSE_LEASES_VENDOR", "250000"),
        ("GATEHOUSE_LEASES_ADDRESS", "250000"),
    ]);
    let load = Load::default();
    let mut process = serve(&settings, &killing.http).await;
    load.url.lock().unwrap().clone_from(&process.url);
    let asking = (0..CLIENTS).map(|number| load.ask(&killing.http, &vendor, number));
    let dying = async {
        for _ in 0..kills {
            let enough = load.served.load(Ordering::Relaxed) + rand::random_range(1..=12);
            while load.served.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(rand::random_range(0..15))).await;
            process.kill();
            let next = serve(&settings, &killing.http).await;
            killing.let_claims_end().await;
            load.url.lock().unwrap().clone_from(&next.url);
            process = next;
        }
        load.is_over.store(true, Ordering::Relaxed);
        process
    };
    let (_, process) = tokio::join!(join_all(asking), dying);
    drop(process);

    killing.follow().await;
    killing.assert_ledger_is_true("at any moment").await;
    let answers = load.answers.into_inner().unwrap();
    let mut held = BTreeSet::new();
    for answer in &answers {
        assert!(held.insert(answer["issuanceId"].as_str().unwrap().to_owned()));
        let token = answer["token"].as_str().unwrap();
        assert!(
            killing.test.is_alive(token).await,
            "{}",
            answer["issuanceId"]
        );
    }
    let live = "SELECT id::text FROM issuances WHERE revoked_at IS NULL";
    let live = killing.test.sql().await.query(live, &[]).await.unwrap();
    let live: BTreeSet<String> = live.iter().map(|row| row.get(0)).collect();
    assert_eq!(live, held, "one for each key, and each client has it");
    let ended = "SELECT count(*) FROM issuances WHERE revoked_at IS NOT NULL";
    let ended = killing
        .test
        .sql()
        .await
        .query_one(ended, &[])
        .await
        .unwrap();
    let (again, replayed) = (load.tried_again.into_inner(), load.replayed.into_inner());
    assert!(again > 0, "no request met a kill");
    writeln!(
        std::io::stderr(),
        "killed {kills} times: {} keys, {again} asked again, {replayed} of them given the kept answer, {} tokens of dead tries revoked",
        answers.len(),
        ended.get::<_, i64>(0)
    )
    .unwrap();
}
