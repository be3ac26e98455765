//! TrustedLogin's v1: nobody gets an envelope whose time is over (`reliability.md` F64, F65). `DRILL_TIMES` says how often
//! what is rare is tried; `make drill` sets it.

use std::io::Write;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use crate::support::connector::TestConnector;
use crate::support::http::Answer;
use crate::support::trustedlogin::{ACCESS_KEY, envelope};
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};
use crate::trustedlogin_open::open;
use crate::trustedlogin_sites::{in_openbao, store};

/// How often, `few` times by itself.
pub fn times(few: usize) -> usize {
    std::env::var("DRILL_TIMES").map_or(few, |text| text.parse().unwrap())
}

fn id(number: usize) -> String {
    format!("{number:032x}")
}

async fn stored(test: &TestApp, vendor: &TestVendor, id: &str, seconds: i64) -> Answer {
    let mut body = envelope(vendor, id, ACCESS_KEY);
    body["expiresAt"] = json!(test.app.clock.now().as_second() + seconds);
    store(test, vendor, &body).await
}

async fn opened(
    test: &TestApp,
    vendor: &TestVendor,
    connector: &TestConnector,
    id: &str,
) -> Answer {
    let path = format!("{}/{id}", vendor.id);
    open(test, vendor, &path, connector.nonce()).await
}

#[tokio::test]
async fn repeated_expired_envelopes_are_served_to_nobody() {
    let test = TestApp::start().await;
    let (own, other) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let (theirs, others) = (test.connector(&own).await, test.connector(&other).await);
    let ids: Vec<String> = (0..times(40)).map(id).collect();
    let storing = stream::iter(&ids).for_each_concurrent(4, async |id| {
        assert_eq!(stored(&test, &own, id, 3600).await.status, 201);
    });
    storing.await;
    test.app.clock.advance(3601);
    // No task looks after them: each is removed as it is looked at.
    let opening = stream::iter(&ids).for_each_concurrent(4, async |id| {
        let elsewhere = opened(&test, &other, &others, id).await;
        elsewhere.expect_refusal(404, "not_found");
        let over = opened(&test, &own, &theirs, id).await;
        over.expect_refusal(410, "site_expired");
    });
    opening.await;
    for id in &ids {
        until("the removal", async || {
            in_openbao(&test, id).await.status == 404
        })
        .await;
    }
    let sql = "SELECT count(*) FILTER (WHERE action = 'envelope.opened'), count(*) FILTER (WHERE action = 'site.expired') FROM events";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    let told: (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(told, (0, i64::try_from(ids.len()).unwrap()));
}

#[tokio::test]
async fn envelopes_that_nobody_looks_at_are_removed_too() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    for number in 0..5 {
        let stored = stored(&test, &vendor, &id(number), 3600).await;
        assert_eq!(stored.status, 201);
    }
    test.app.clock.advance(3601);
    // By itself, without a pass that the test asks for: within a minute.
    let listed = async || {
        let list = Method::from_bytes(b"LIST").unwrap();
        test.bao_root(list, "vendor-a-store").send().await.status
    };
    for _ in 0..60 {
        if listed().await == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(listed().await, 404);
}

#[tokio::test]
async fn repeated_envelope_that_expires_as_it_is_read_is_whole_or_gone() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let connector = test.connector(&vendor).await;
    let key = test.get("/api/v1/envelope-signing-pubkey").send().await;
    let key = hex::decode(key.text_of("publicKey")).unwrap();
    let mut whole = 0;
    let times = times(40);
    for number in 0..times {
        let id = id(number);
        assert_eq!(stored(&test, &vendor, &id, 2).await.status, 201);
        let pause = Duration::from_millis(u64::try_from(number % 40).unwrap());
        let passing = async {
            tokio::time::sleep(pause).await;
            test.app.clock.advance(3);
        };
        let (answer, ()) = tokio::join!(opened(&test, &vendor, &connector, &id), passing);
        if answer.status == 200 {
            whole += 1;
            let signature = answer.text_of("signature");
            let signed = answer
                .text
                .replace(&format!(r#""signature":"{signature}","#), "");
            let holds = UnparsedPublicKey::new(&ED25519, &key);
            let signature = hex::decode(signature).unwrap();
            holds.verify(signed.as_bytes(), &signature).unwrap();
        } else {
            answer.expect_refusal(410, "site_expired");
            assert!(!answer.text.contains("identifier"), "{answer:?}");
        }
    }
    let said = format!("{whole} of {times} were read before the end");
    writeln!(std::io::stderr(), "{said}").unwrap();
}

#[tokio::test]
async fn end_in_the_past_is_refused() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    for seconds in [0, -1, -3600] {
        let refused = stored(&test, &vendor, &id(1), seconds).await;
        refused.expect_refusal(422, "invalid_field");
        assert!(
            refused.json["errors"]["expiresAt"].is_array(),
            "{refused:?}"
        );
    }
    assert_eq!(in_openbao(&test, &id(1)).await.status, 404);
}
