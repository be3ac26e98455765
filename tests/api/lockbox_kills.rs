//! The process is killed while a lockbox's password or data key is changed. `DRILL_KILLS` says how often, 6 by itself;
//! `make drill` does it 50 times.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::support::process::{Process, serve, settings};
use crate::support::{Place, TestApp, TestUser};

/// A process, and who uses the lockbox in it.
struct Killed {
    settings: Vec<(String, String)>,
    http: reqwest::Client,
    admin: TestUser,
    entries: i64,
}

impl Killed {
    /// A lockbox of some entries, made by a service that has stopped since.
    async fn new(password: &str, entries: i64) -> Self {
        let place = Place::shared().await;
        let config = place.config().await;
        let mut settings = settings(&place).await;
        let argon2 = ("GATEHOUSE_LOCKBOX_ARGON2", "19456/2/1");
        settings.push((argon2.0.to_owned(), argon2.1.to_owned()));
        let mut test = TestApp::start_at(place, config).await;
        let vendor = test.vendor("vendor-a").await;
        let admin = test.administrator(&vendor).await;
        test.init(&admin, password).await;
        for n in 1..=entries {
            assert_eq!(
                test.stored(&admin, &format!("k{n}"), &format!("canary-{n}"))
                    .await,
                n
            );
        }
        test.stop().await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            settings,
            http,
            admin,
            entries,
        }
    }

    fn call(
        &self,
        process: &Process,
        method: reqwest::Method,
        path: &str,
    ) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", process.url))
            .header(
                "authorization",
                crate::support::users::basic(&self.admin.login, &self.admin.password),
            )
    }

    async fn unlock(&self, process: &Process, password: &str) -> bool {
        let path = "/api/v1/vault-admin/sesame";
        let call = self.call(process, reqwest::Method::POST, path);
        let answer = call.json(&json!({ "password": password })).send().await;
        match answer.unwrap().status().as_u16() {
            201 => true,
            401 => false,
            other => panic!("unlocking answers {other}"),
        }
    }

    async fn lock(&self, process: &Process) {
        let path = "/api/v1/vault-admin/sesame";
        let call = self.call(process, reqwest::Method::DELETE, path);
        assert_eq!(call.send().await.unwrap().status(), 204);
    }

    async fn every_entry_is_there(&self, process: &Process) {
        for n in 1..=self.entries {
            let path = format!("/api/v1/vault/{n}");
            let read = self.call(process, reqwest::Method::GET, &path).send().await;
            let read: serde_json::Value = read.unwrap().json().await.unwrap();
            assert_eq!(read["data"]["value"], format!("canary-{n}"), "{read}");
        }
    }

    /// Sends something, and kills the process a moment later, answered or not.
    async fn kill_during(&self, mut process: Process, call: reqwest::RequestBuilder, within: u64) {
        let sent = tokio::spawn(call.send());
        let moment = Duration::from_millis(rand::random_range(0..within));
        tokio::time::sleep(moment).await;
        process.kill();
        sent.await.unwrap().ok();
    }
}

fn kills() -> usize {
    let kills = std::env::var("DRILL_KILLS").map(|text| text.parse().unwrap());
    kills.unwrap_or(6)
}

#[tokio::test]
async fn killed_during_a_password_change_exactly_one_password_works() {
    let passwords = [
        "correct horse battery staple",
        "another horse, 9 other staples",
    ];
    let killed = Killed::new(passwords[0], 20).await;
    let (mut changed, mut kept) = (0, 0);
    let mut current = 0;
    for _ in 0..kills() {
        let process = serve(&killed.settings, &killed.http).await;
        assert!(killed.unlock(&process, passwords[current]).await);
        let body = json!({ "current": passwords[current], "new": passwords[1 - current] });
        let call = killed.call(&process, reqwest::Method::PUT, "/api/lockbox/password");
        killed.kill_during(process, call.json(&body), 400).await;
        let process = serve(&killed.settings, &killed.http).await;
        let old = killed.unlock(&process, passwords[current]).await;
        if old {
            killed.lock(&process).await;
        }
        let new = killed.unlock(&process, passwords[1 - current]).await;
        assert!(old != new, "old works: {old}, new works: {new}");
        if old {
            kept += 1;
            assert!(killed.unlock(&process, passwords[current]).await);
        } else {
            changed += 1;
            current = 1 - current;
        }
        killed.every_entry_is_there(&process).await;
    }
    writeln!(
        std::io::stderr(),
        "killed: {changed} had changed the password, {kept} had not"
    )
    .unwrap();
}

#[tokio::test]
async fn killed_during_a_key_rotation_no_entry_is_lost() {
    let password = "1234";
    let killed = Killed::new(password, 240).await;
    let mut rotated = 0;
    for round in 0..kills() {
        let process = serve(&killed.settings, &killed.http).await;
        assert!(killed.unlock(&process, password).await, "round {round}");
        let call = killed.call(&process, reqwest::Method::POST, "/api/lockbox/rotate");
        killed
            .kill_during(process, call.json(&json!({ "password": password })), 3000)
            .await;
        let process = serve(&killed.settings, &killed.http).await;
        assert!(killed.unlock(&process, password).await, "round {round}");
        killed.every_entry_is_there(&process).await;
        rotated += 1;
    }
    writeln!(
        std::io::stderr(),
        "killed {rotated} times during a rotation"
    )
    .unwrap();
}
