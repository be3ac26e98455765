//! TrustedLogin's v1: the clients wait 15 seconds, Connectors 5, and for reports of failed log-ins 3. An error that comes
//! in time tells people more than none.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::faults::{self, Hung};
use crate::support::http::Answer;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope, login_attempt};
use crate::support::wait::until;
use crate::support::wire::Wire;
use crate::support::{TestApp, TestVendor};
use crate::trustedlogin_open::{open, own};
use crate::trustedlogin_sites::{in_openbao, remove, store};

/// What became of a call, and how long it took.
async fn timed(call: impl Future<Output = Answer>) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = call.await;
    (answer, began.elapsed())
}

/// Nobody else reads or writes a table while this is held.
async fn held(test: &TestApp, table: &str) -> tokio_postgres::Client {
    let client = test.sql().await;
    let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    client.batch_execute(&lock).await.unwrap();
    client
}

async fn stored(test: &TestApp, vendor: &TestVendor, expires_at: i64) {
    let mut body = envelope(vendor, SECRET_ID, ACCESS_KEY);
    body["expiresAt"] = json!(expires_at);
    assert_eq!(store(test, vendor, &body).await.status, 201);
}

#[tokio::test]
async fn connectors_hear_of_a_slow_openbao_in_time() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    let connector = test.connector(&vendor).await;
    stored(&test, &vendor, 0).await;
    let path = format!("gravityview-store/{SECRET_ID}");
    // Neither is late by itself.
    let late = Duration::from_millis(3500);
    wire.delay("auth/token/create/gatehouse-read", late);
    wire.delay(&path, late);
    let site = own(&vendor);
    let opening = open(&test, &vendor, &site, connector.nonce());
    let (answer, took) = timed(opening).await;
    answer.expect_refusal(503, "request_timeout");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let again = open(&test, &vendor, &own(&vendor), connector.nonce()).await;
    assert_eq!(again.status, 200, "{again:?}");
}

#[tokio::test]
async fn connectors_hear_of_a_slow_database_in_time() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let connector = test.connector(&vendor).await;
    stored(&test, &vendor, 0).await;
    let lock = held(&test, "sites").await;
    let site = own(&vendor);
    let opening = open(&test, &vendor, &site, connector.nonce());
    let path = format!("/api/v1/accounts/{}/sites/", vendor.id);
    let search = test.post(&path).trusted_login(&vendor);
    let search = search.json(&json!({ "searchKeys": [ACCESS_KEY] })).send();
    for (answer, took) in [timed(opening).await, timed(search).await] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    drop(lock);
    until("the envelope", async || {
        let again = open(&test, &vendor, &own(&vendor), connector.nonce()).await;
        again.status == 200
    })
    .await;
}

#[tokio::test]
async fn clients_hear_of_a_slow_database_in_time() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    stored(&test, &vendor, 0).await;
    let lock = held(&test, "login_attempts").await;
    let path = format!("/api/v1/sites/{SECRET_ID}/login-attempts");
    let report = || {
        let call = test.post(&path).bearer(&vendor.public_key);
        call.json(&login_attempt()).send()
    };
    let (answer, took) = timed(report()).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    drop(lock);
    until("the report", async || report().await.status == 201).await;
    let sql = "SELECT count(*) FROM login_attempts";
    let kept: i64 = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(kept, 1, "nothing of the one that was refused");
}

#[tokio::test]
async fn what_is_over_is_said_before_openbao_has_followed() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    let connector = test.connector(&vendor).await;
    let end = test.app.clock.now().as_second() + 60;
    stored(&test, &vendor, end).await;
    let other = "fedcba9876543210fedcba9876543210";
    let body = envelope(&vendor, other, ACCESS_KEY);
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    let gone = test.bao_root(Method::DELETE, &format!("gravityview-store/{other}"));
    assert_eq!(gone.send().await.status, 204);
    test.app.clock.advance(120);
    for id in [SECRET_ID, other] {
        // The token that the secret is deleted with.
        let late = Duration::from_millis(3500);
        wire.delay("auth/token/create/gatehouse-delete", late);
        let path = format!("{}/{id}", vendor.id);
        let (answer, took) = timed(open(&test, &vendor, &path, connector.nonce())).await;
        answer.expect_refusal(410, "site_expired");
        assert!(took < Duration::from_secs(3), "{id}: {took:?}");
        until("the removal", async || {
            in_openbao(&test, id).await.status == 404
                && remove(&test, &vendor, id).await.json["reason"] == "unknown_secret_id"
        })
        .await;
    }
}

#[tokio::test]
async fn database_that_hangs_is_told_of_in_time() {
    let (_own, test, vendor) = faults::start().await;
    let connector = test.connector(&vendor).await;
    stored(&test, &vendor, 0).await;
    let report = format!("/api/v1/sites/{SECRET_ID}/login-attempts");
    let account = format!("/api/v1/accounts/{}", vendor.id);
    let site = own(&vendor);
    for limit in [3, 5, 5] {
        let hung = Hung::all(&test).await;
        let call = async {
            if limit == 3 {
                let call = test.post(&report).bearer(&vendor.public_key);
                return call.json(&login_attempt()).send().await;
            }
            let opening = open(&test, &vendor, &site, connector.nonce());
            let reading = test.get(&account).trusted_login(&vendor).send();
            let (opened, read) = tokio::join!(opening, reading);
            assert_eq!(read.status, 503, "{read:?}");
            opened
        };
        let (answer, took) = timed(call).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(took < Duration::from_secs(limit), "{took:?}");
        drop(hung);
        test.until_ready().await;
    }
}
