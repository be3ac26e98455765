//! The process is killed at each stage of a cancellation: afterwards it is finished within a minute, nothing is left, and
//! nothing was done twice. `make drill` does it 20 times at each stage.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::life::Full;
use crate::support::process::{Process, serve, settings};
use crate::support::{Place, TestApp};

const STAGES: [&str; 6] = [
    "tokens", "secrets", "engines", "policies", "entities", "records",
];

struct Killed {
    test: TestApp,
    settings: Vec<(String, String)>,
    http: reqwest::Client,
    /// How often the process was dead at which stage.
    at: BTreeMap<String, usize>,
}

impl Killed {
    async fn call(&self, process: &Process, cancel: bool, namespace: &str) -> (u16, Value) {
        let url = format!("{}/api/admin/vendors/{namespace}", process.url);
        let call = if cancel {
            self.http.delete(format!("{url}?confirm={namespace}"))
        } else {
            self.http.get(url)
        };
        let answer = call.bearer_auth(&self.test.operator).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn stage(&self, sql: &tokio_postgres::Client, full: &Full) -> Option<String> {
        let stage = "SELECT stage FROM cancellations WHERE vendor_id = $1";
        let row = sql.query_opt(stage, &[&full.vendor.id]).await.unwrap();
        row.map(|row| row.get(0))
    }

    /// Kills the process when the job has come to a stage, a moment later.
    async fn kill_at(&mut self, mut process: Process, full: &Full, stage: &str) {
        let sql = self.test.sql().await;
        let place = |name: &str| {
            STAGES
                .iter()
                .position(|one| *one == name)
                .unwrap_or(STAGES.len())
        };
        let started = Instant::now();
        loop {
            let now = self.stage(&sql, full).await.unwrap();
            if place(&now) >= place(stage) {
                break;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "still at {now}");
        }
        let most = if stage == "engines" { 4 } else { 40 };
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..most))).await;
        process.kill();
        let dead = self.stage(&sql, full).await.unwrap();
        *self.at.entry(dead).or_default() += 1;
    }

    /// Kills the process while it cancels, answered or not.
    async fn kill_the_call(&self, mut process: Process, full: &Full) {
        let namespace = &full.vendor.namespace;
        let url = format!(
            "{}/api/admin/vendors/{namespace}?confirm={namespace}",
            process.url
        );
        let call = self.http.delete(url).bearer_auth(&self.test.operator);
        let sent = tokio::spawn(call.send());
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..40))).await;
        process.kill();
        sent.await.unwrap().ok();
        // Both or neither.
        let sql = "SELECT v.status = 'cancelled', c.vendor_id IS NOT NULL, \
                   NOT EXISTS (SELECT FROM issuances i WHERE i.vendor_id = v.id AND i.revoke_asked_at IS NULL \
                               AND i.revoked_at IS NULL AND i.max_expires_at > now()) \
                   FROM vendors v LEFT JOIN cancellations c ON c.vendor_id = v.id WHERE v.id = $1";
        let row = self
            .test
            .sql()
            .await
            .query_one(sql, &[&full.vendor.id])
            .await
            .unwrap();
        let found: [bool; 3] = [row.get(0), row.get(1), row.get(2)];
        assert!(found == [true; 3] || found == [false; 3], "{found:?}");
    }

    async fn one(&mut self, full: &Full) {
        let namespace = full.vendor.namespace.clone();
        let process = serve(&self.settings, &self.http).await;
        self.kill_the_call(process, full).await;
        let mut process = serve(&self.settings, &self.http).await;
        let (status, shown) = self.call(&process, true, &namespace).await;
        assert!(matches!(status, 200 | 202), "{shown}");
        for stage in STAGES {
            self.kill_at(process, full, stage).await;
            process = serve(&self.settings, &self.http).await;
        }
        let started = Instant::now();
        loop {
            let (_, shown) = self.call(&process, false, &namespace).await;
            if shown["cancellation"]["stage"] == "done" {
                let removed = shown["cancellation"]["secretsRemoved"].as_i64().unwrap();
                assert!(removed <= full.secrets, "{removed} of {}", full.secrets);
                break;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "{shown}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(self.test.left_of(&full.vendor).await, "");
        let (status, again) = self.call(&process, true, &namespace).await;
        assert_eq!(status, 200, "{again}");
        assert_eq!(self.test.left_of(&full.vendor).await, "");
    }
}

#[tokio::test]
async fn killed_at_each_stage_of_a_cancellation_it_is_finished_and_nothing_is_left() {
    // Each is killed once at each of the six stages.
    let is_long = std::env::var("DRILL_KILLS").is_ok();
    let vendors = if is_long { 20 } else { 1 };
    let place = Place::shared().await;
    let config = place.config().await;
    let settings = settings(&place).await;
    let mut test = TestApp::start_at(place, config).await;
    let mut all = Vec::new();
    for number in 0..vendors {
        all.push(test.full(&format!("vendor-{number:03}"), 300, 12).await);
    }
    test.stop().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut killed = Killed {
        test,
        settings,
        http,
        at: BTreeMap::new(),
    };
    for full in &all {
        killed.one(full).await;
    }
    let found = json!(killed.at);
    writeln!(
        std::io::stderr(),
        "killed while cancelling {vendors} vendors: {found}"
    )
    .unwrap();
}
