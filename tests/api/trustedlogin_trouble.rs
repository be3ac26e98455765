//! TrustedLogin's v1: what is stored while something else happens.

use reqwest::Method;
use serde_json::json;

use crate::faults;
use crate::support::TestApp;
use crate::support::trustedlogin::{ACCESS_KEY, SECRET_ID, envelope};
use crate::support::wait::until;
use crate::trustedlogin_sites::{find, in_openbao, remove, store};

#[tokio::test]
async fn sealed_openbao_loses_nothing() {
    let (own, test, vendor) = faults::start().await;
    let other = "fedcba9876543210fedcba9876543210";
    assert_eq!(
        store(&test, &vendor, &envelope(&vendor, SECRET_ID, ACCESS_KEY))
            .await
            .status,
        201
    );
    let seal = test.bao_root(Method::PUT, "sys/seal").send().await;
    assert_eq!(seal.status, 204);
    store(&test, &vendor, &envelope(&vendor, other, ACCESS_KEY))
        .await
        .expect_refusal(503, "openbao_sealed");
    let removed = remove(&test, &vendor, SECRET_ID).await;
    assert_eq!(
        (removed.status, removed.json),
        (202, json!({ "deleted": false, "queued": true }))
    );
    assert_eq!(find(&test, &vendor, json!([ACCESS_KEY])).await.status, 204);
    own.unseal(&test).await;
    test.until_ready().await;
    test.app.clock.advance(120);
    until("the removal", async || {
        test.pass("remove_sites").await;
        in_openbao(&test, SECRET_ID).await.status == 404
    })
    .await;
    let ends = "SELECT count(*) FROM events WHERE action = 'site.removed' AND secret_id = $1";
    let ends: i64 = test
        .sql()
        .await
        .query_one(ends, &[&SECRET_ID])
        .await
        .unwrap()
        .get(0);
    assert_eq!(ends, 1);
    // What was refused can be stored now, with whatever key comes first.
    let again = envelope(&vendor, other, &"c".repeat(64));
    assert_eq!(store(&test, &vendor, &again).await.status, 201);
}

#[tokio::test]
async fn storing_that_was_begun_and_never_ended_is_cleared_up() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let path = format!("gravityview-store/{SECRET_ID}");
    let left = test
        .bao_root(Method::POST, &path)
        .json(&json!({ "identifier": "left behind" }));
    assert_eq!(left.send().await.status, 204);
    let sql = format!(
        "INSERT INTO sites (vendor_id, secret_id, generation, state, created_at, touched_at, storing_by, storing_until) \
         VALUES ({}, '{SECRET_ID}', nextval('site_generations'), 'reserved', now(), now(), gen_random_uuid(), now() + interval '40 s')",
        vendor.id
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
    // Another access key waits until the first one's time is over.
    let body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    store(&test, &vendor, &body)
        .await
        .expect_refusal(409, "conflict");
    test.pass("remove_sites").await;
    assert_eq!(in_openbao(&test, SECRET_ID).await.status, 200);
    test.app.clock.advance(60);
    until("the removal", async || {
        test.pass("remove_sites").await;
        in_openbao(&test, SECRET_ID).await.status == 404
    })
    .await;
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    test.app.clock.advance(60);
    test.pass("remove_sites").await;
    assert_eq!(in_openbao(&test, SECRET_ID).await.status, 200);
}

#[tokio::test]
async fn storing_and_removing_at_once_leave_what_the_record_says() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let ids: Vec<String> = (0..16).map(|n| format!("{n:032}")).collect();
    let racing = ids.iter().map(async |id| {
        let body = envelope(&vendor, id, ACCESS_KEY);
        let direct = format!("/sites/{id}");
        let removing = async {
            remove(&test, &vendor, id).await;
            test.delete(&direct).bearer(&vendor.public_key).send().await
        };
        let (first, _, second) = tokio::join!(
            store(&test, &vendor, &body),
            removing,
            store(&test, &vendor, &body)
        );
        for answer in [first, second] {
            assert!([201, 409, 503].contains(&answer.status), "{answer:?}");
        }
    });
    futures_util::future::join_all(racing).await;
    test.app.clock.advance(120);
    for _ in 0..3 {
        test.pass("remove_sites").await;
    }
    for id in &ids {
        let shown = test.get(&format!("/sites/{id}"));
        let shown = shown.bearer(&vendor.private_key).send().await.status;
        assert_eq!(in_openbao(&test, id).await.status, shown, "{id}");
    }
}

#[tokio::test]
async fn removal_does_not_end_before_storing_has() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    // Another request is storing it anew, and its write comes late.
    let storing =
        "UPDATE sites SET storing_by = gen_random_uuid(), storing_until = now() + interval '40 s'";
    test.sql().await.batch_execute(storing).await.unwrap();
    let meanwhile = store(&test, &vendor, &body).await;
    meanwhile.expect_refusal(409, "conflict");
    let removed = remove(&test, &vendor, SECRET_ID).await;
    assert_eq!(removed.status, 202, "{removed:?}");
    let path = format!("gravityview-store/{SECRET_ID}");
    let late = test.bao_root(Method::POST, &path);
    let late = late.json(&json!({ "identifier": "late" })).send().await;
    assert_eq!(late.status, 204);
    test.app.clock.advance(120);
    until("the removal", async || {
        test.pass("remove_sites").await;
        in_openbao(&test, SECRET_ID).await.status == 404
    })
    .await;
    assert_eq!(find(&test, &vendor, json!([ACCESS_KEY])).await.status, 204);
}

#[tokio::test]
async fn extension_that_was_written_and_never_noted_is_noted_later() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let now = test.app.clock.now().as_second();
    let path = format!("gravityview-store/{SECRET_ID}");
    let mut body = envelope(&vendor, SECRET_ID, ACCESS_KEY);
    body["expiresAt"] = json!(now + 7200);
    body["siteUrl"] = json!("https://moved.example/");
    body["metaData"] = json!({ "ticket": "2" });
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    let later = test.bao_root(Method::GET, &path).send().await.json["data"].clone();
    body["expiresAt"] = json!(now + 3600);
    body["siteUrl"] = json!("https://former.example/");
    body["metaData"] = json!([]);
    assert_eq!(store(&test, &vendor, &body).await.status, 201);
    let shown = async || {
        let site = test.get(&format!("/sites/{SECRET_ID}"));
        let site = site.bearer(&vendor.private_key).send().await.json;
        let end: jiff::Timestamp = site["expiresAt"].as_str().unwrap().parse().unwrap();
        (end.as_second() - now, site["siteUrl"].clone())
    };
    let abandon =
        "UPDATE sites SET storing_by = gen_random_uuid(), storing_until = now() + interval '40 s'";
    // The service dies before OpenBao has got anything, and after it has.
    for (written, end, url) in [
        (None, 3600, "https://former.example/"),
        (Some(&later), 7200, "https://moved.example/"),
    ] {
        test.sql().await.batch_execute(abandon).await.unwrap();
        if let Some(fields) = written {
            let write = test.bao_root(Method::POST, &path).json(fields);
            assert_eq!(write.send().await.status, 204);
        }
        test.app.clock.advance(60);
        test.pass("remove_sites").await;
        assert_eq!(shown().await, (end, json!(url)));
    }
    let sql = "SELECT metadata FROM sites";
    let kept: serde_json::Value = test.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(kept, json!({ "ticket": "2" }));
    // Its access key is the one that it had.
    assert_eq!(find(&test, &vendor, json!([ACCESS_KEY])).await.status, 200);
}
