//! What goes wrong with the service's own tokens and rights while it runs.

use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::keeper::{as_root, states, traffic};
use crate::support::process::{serve, settings};
use crate::support::wire::Wire;
use crate::support::{Place, TestApp, logs};

const ISSUER: &str = "auth/approle/role/gatehouse-issuer";
const POLICY: &str = "sys/policies/acl/issuer-policy";

/// The issuer's policy with some text in the place of another.
async fn change_policy(test: &TestApp, from: &str, to: &str) -> String {
    let found = test.bao_root(Method::GET, POLICY).send().await;
    let before = found.json["data"]["policy"].as_str().unwrap().to_owned();
    let policy = before.replacen(from, to, 1);
    assert_ne!(policy, before);
    write_policy(test, &policy).await;
    before
}

async fn write_policy(test: &TestApp, policy: &str) {
    let body = json!({ "policy": policy });
    let call = test.bao_root(Method::POST, POLICY).json(&body);
    assert_eq!(call.send().await.status, 204);
}

#[tokio::test]
async fn token_that_lives_and_may_not_be_renewed_is_replaced_before_its_end_and_told_of() {
    let place = Place::shared().await;
    let config = place.config().await;
    let life = json!({ "token_ttl": 10, "token_max_ttl": 600 });
    as_root(&place, Method::POST, ISSUER, life).await;
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let renewing = "path \"auth/token/renew-self\" {\n  capabilities = [\"update\"]";
    let denied = renewing.replace("update", "deny");
    change_policy(&test, renewing, &denied).await;
    let before = states(&test).await[0].clone();
    let (wrong, all) = traffic(&test, &vendor, Duration::from_secs(16)).await;
    assert_eq!(wrong, Vec::<u16>::new(), "of {all} requests");
    let after = states(&test).await[0].clone();
    let more = |name: &str| after[name].as_u64().unwrap() - before[name].as_u64().unwrap();
    assert!(more("failures") >= 2, "{after}");
    // At half of each life at the earliest.
    assert!((2..=8).contains(&more("logins")), "{after}");
    assert_eq!(test.get("/readyz").send().await.status, 200);
}

#[tokio::test]
async fn right_that_is_taken_away_is_missed_by_its_calls_alone_and_found_when_it_is_back() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    let line = "path \"auth/token/create/gatehouse-write\" {";
    let before = change_policy(&test, line, "path \"auth/token/create/nobodys\" {").await;
    wire.forget();
    let log_start = logs::len();
    let logins = states(&test).await[0]["logins"].clone();
    let started = Instant::now();
    for _ in 0..20 {
        let refused = test.post("/api/site").bearer(&vendor.public_key);
        let refused = refused.send().await;
        refused.expect_problem(503, "openbao_denied");
        test.read_token(&vendor).await;
    }
    // Nothing is tried again and again, and no other token is fetched.
    let tried = wire.calls_to("auth/token/create/gatehouse-write").len();
    assert_eq!(tried, 20, "one call each");
    let looked = wire.calls_to("auth/token/lookup-self").len();
    let most = 2 + usize::try_from(started.elapsed().as_millis() / 100).unwrap();
    assert!(looked <= most, "{looked} in {:?}", started.elapsed());
    assert_eq!(states(&test).await[0]["logins"], logins);
    // Once a minute, not with each call; other tests log there too.
    let told = logs::lines_with(log_start, "a right is missing");
    assert!((1..10).contains(&told.len()), "{told:?}");
    write_policy(&test, &before).await;
    let served = test.post("/api/site").bearer(&vendor.public_key);
    assert_eq!(served.send().await.status, 200);
}

#[tokio::test]
async fn service_that_was_stopped_longer_than_its_tokens_live_goes_on() {
    let place = Place::shared().await;
    let config = place.config().await;
    let settings = settings(&place).await;
    for role in ["issuer", "revoker", "provisioner"] {
        let life = json!({ "token_ttl": 3, "token_max_ttl": 600 });
        let path = format!("auth/approle/role/gatehouse-{role}");
        as_root(&place, Method::POST, &path, life).await;
    }
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    // The service closes connections that were idle while it was stopped.
    let http = reqwest::Client::builder().no_proxy();
    let http = http.pool_max_idle_per_host(0).build().unwrap();
    let process = serve(&settings, &http).await;
    let pid = Pid::from_child(&process.child);
    for _ in 0..2 {
        kill_process(pid, Signal::STOP).unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        kill_process(pid, Signal::CONT).unwrap();
        let started = Instant::now();
        loop {
            let call = http.post(format!("{}/api/site", process.url));
            let answer = call.bearer_auth(&vendor.public_key).send().await.unwrap();
            let status = answer.status().as_u16();
            if status == 200 {
                break;
            }
            let body: Value = answer.json().await.unwrap();
            assert_eq!(status, 503, "{body}");
            assert!(started.elapsed() < Duration::from_secs(15), "{body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
