//! Services that are killed at a place or at a moment, and what must hold afterwards.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use super::app::SIGNUP_SECRET;
use super::process::{Process, serve, settings, spawn};
use super::{Place, TestApp};

/// A service that stays, beside a process that is killed.
pub struct Killing {
    pub test: TestApp,
    pub settings: Vec<(String, String)>,
    pub http: reqwest::Client,
    pub number: usize,
}

/// How often each place is tried: `DRILL_KILLS`.
pub fn times() -> usize {
    let wanted = std::env::var("DRILL_KILLS").ok();
    wanted.map_or(1, |times| times.parse().unwrap())
}

impl Killing {
    pub async fn start() -> Self {
        let place = Place::shared().await;
        let config = place.config().await;
        let mut settings = settings(&place).await;
        let secret = format!("whsec_{}", STANDARD.encode(SIGNUP_SECRET));
        settings.push(("GATEHOUSE_SIGNUP_SECRET".to_owned(), secret));
        Self {
            test: TestApp::start_at(place, config).await,
            settings,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            number: 0,
        }
    }

    /// A number that no other kill of this test has.
    pub fn number(&mut self) -> usize {
        self.number += 1;
        self.number
    }

    /// Sends a request to a process that ends at a place, and waits for its end. Gives whether an answer had begun.
    pub async fn killed(
        &self,
        place: &str,
        request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> bool {
        let begun = self.killed_or_answered(place, request).await;
        begun.unwrap_or_else(|answer| panic!("{place} was never come to: {answer}"))
    }

    /// The same, where the service that stays may have been quicker: then the answer is given.
    pub async fn killed_or_answered(
        &self,
        place: &str,
        request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
    ) -> Result<bool, String> {
        // Clocks that are apart would take what the other has in hand for left behind.
        let ahead = self.test.app.clock.now();
        let ahead = ahead.duration_since(jiff::Timestamp::now()).as_secs_f64();
        let ahead = format!("{ahead:.0}");
        let own = [
            ("GATEHOUSE_KILL_AT", place),
            ("GATEHOUSE_KILL_AHEAD", &ahead),
        ];
        let process = serve(&self.with(&own), &self.http).await;
        let answer = request(&self.http, &process.url).send().await;
        let begun = answer.is_ok();
        let came = async { answer?.bytes().await }.await;
        if let Ok(body) = came {
            return Err(format!("{body:?}"));
        }
        dies(process, place).await;
        Ok(begun)
    }

    /// Starts a process whose background task begins at once, with a clock that is ahead, and waits until it ends at a
    /// place.
    pub async fn killed_in(&self, task: &str, ahead: usize, place: &str) {
        let process = self.tasked(task, ahead, &[("GATEHOUSE_KILL_AT", place)]);
        dies(process, place).await;
    }

    /// The same process, which lives.
    pub fn tasked(&self, task: &str, ahead: usize, more: &[(&str, &str)]) -> Process {
        let ahead = ahead.to_string();
        let own = [
            ("GATEHOUSE_KILL_IN", task),
            ("GATEHOUSE_KILL_AHEAD", ahead.as_str()),
        ];
        spawn(&self.with(&[&own, more].concat()))
    }

    /// The settings and some more.
    pub fn with(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut settings = self.settings.clone();
        let more = more
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        settings.extend(more);
        settings
    }

    /// Lets the time pass after which what a dead process had in hand is anybody's, and does what is due then.
    pub async fn follow(&self) {
        self.test.app.clock.advance(61);
        for task in ["remove_sites", "revoke_tokens", "sweep_tokens"] {
            let report = self.test.pass(task).await;
            assert_eq!(
                report["failed"].as_u64().unwrap_or(0),
                0,
                "{task}: {report}"
            );
        }
    }

    /// Live tokens of our roles in OpenBao, and those that the ledger takes for alive: the same.
    pub async fn assert_ledger_is_true(&self, place: &str) {
        let method = Method::from_bytes(b"LIST").unwrap();
        let listed = self.test.bao_root(method, "auth/token/accessors");
        let listed = listed.send().await.json["data"]["keys"].clone();
        let looking = listed.as_array().unwrap().iter().map(async |accessor| {
            let path = "auth/token/lookup-accessor";
            let call = self.test.bao_root(Method::POST, path);
            let found = call.json(&json!({ "accessor": accessor })).send().await;
            let is_ours = found.json["data"]["meta"]["vendor"].is_string();
            is_ours.then(|| accessor.as_str().unwrap().to_owned())
        });
        let looked = stream::iter(looking).buffer_unordered(8);
        let alive: BTreeSet<String> = looked.filter_map(std::future::ready).collect().await;
        let sql = self.test.sql().await;
        let rows = sql
            .query(
                "SELECT accessor FROM issuances WHERE revoked_at IS NULL",
                &[],
            )
            .await
            .unwrap();
        let recorded: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(alive, recorded, "killed {place}");
    }

    pub async fn events(&self, action: &str, of: &str) -> i64 {
        let sql = "SELECT count(*) FROM events WHERE action = $1 AND (secret_id = $2 OR details->>'namespace' = $2)";
        let sql_client = self.test.sql().await;
        let row = sql_client.query_one(sql, &[&action, &of]).await.unwrap();
        row.get(0)
    }
}

/// Waits until a process is dead by SIGKILL.
async fn dies(mut process: Process, place: &str) {
    for _ in 0..3000 {
        if let Some(status) = process.child.try_wait().unwrap() {
            assert_eq!(status.signal(), Some(9), "{place}: {status:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{place}: the process lives");
}
