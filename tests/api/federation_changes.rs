//! What hands out no more, or once only.

use std::sync::Arc;

use gatehouse::error::Error;
use gatehouse::tokens::{self, Grant, Kind, Workload};
use gatehouse::types::{TrustPolicyId, VendorId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::issuer::Federated;
use crate::support::wait;

#[tokio::test]
async fn token_that_counts_once_is_exchanged_once_across_replicas() {
    let set = Federated::up().await;
    let policy = set.policy(json!({ "once": true })).await;
    let other = set.issuer.beside(set.test.place()).await;
    let subject = set.subject();
    let tries = (0..8).map(|n| {
        let at = if n % 2 == 0 { &set.test } else { &other };
        at.exchange("vendor-a", &subject, &[])
    });
    let answers = futures_util::future::join_all(tries).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == 200);
    assert_eq!(done.len(), 1, "{answers:?}");
    for answer in refused {
        answer.expect_oauth(400, "subject_token_spent");
    }
    // Another of the same workload is another one.
    assert_eq!(set.exchange().await.status, 200);
    // One that was refused for another reason is not spent.
    let read = json!({ "grant": { "kind": "read" } });
    assert_eq!(
        set.test.change_policy(&set.a, &policy, read).await.status,
        200
    );
    let pause = async |method: Method, body: Value| {
        let call = set.test.call(method, "/api/support-pause");
        let answer = call.bearer(&set.a.private_key).json(&body).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let until = set.test.app.clock.now() + jiff::SignedDuration::from_hours(1);
    pause(Method::PUT, json!({ "until": until })).await;
    let subject = set.subject();
    let answer = set.test.exchange("vendor-a", &subject, &[]).await;
    answer.expect_oauth(423, "support_paused");
    pause(Method::DELETE, json!({})).await;
    let answer = set.test.exchange("vendor-a", &subject, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn what_ended_hands_out_nothing() {
    let set = Federated::up().await;
    let (test, a) = (&set.test, &set.a);
    let worker = test.worker(a, &["*"]).await;
    let grant = json!({ "kind": "credentials", "worker": worker.login });
    let policy = set.policy(json!({ "grant": grant })).await;
    assert_eq!(set.exchange().await.status, 200);
    let path = format!("/api/workers/{}", worker.login);
    // Where the worker's tokens live shorter now, so do these.
    let call = test.call(Method::PATCH, &path).bearer(&a.private_key);
    call.json(&json!({ "tokenTtl": 120 })).send().await;
    assert_eq!(set.exchange().await.json["expires_in"], 120);
    test.delete(&path).bearer(&a.private_key).send().await;
    set.exchange()
        .await
        .expect_oauth(400, "trust_policy_worker_removed");
    let read = json!({ "grant": { "kind": "read" } });
    assert_eq!(test.change_policy(a, &policy, read).await.status, 200);
    assert_eq!(set.exchange().await.status, 200);
    let pause = test
        .call(Method::PUT, "/api/support-pause")
        .bearer(&a.private_key);
    let until = test.app.clock.now() + jiff::SignedDuration::from_hours(1);
    let paused = pause.json(&json!({ "until": until })).send().await;
    assert_eq!(paused.status, 200, "{paused:?}");
    set.exchange().await.expect_oauth(423, "support_paused");
    test.delete("/api/support-pause")
        .bearer(&a.private_key)
        .send()
        .await;
    assert_eq!(set.exchange().await.status, 200);
    let end = test.app.clock.now() + jiff::SignedDuration::from_secs(30);
    test.change_policy(a, &policy, json!({ "endsAt": end }))
        .await;
    assert_eq!(set.exchange().await.status, 200);
    test.app.clock.advance(31);
    let ended = set.exchange().await;
    ended.expect_oauth(400, "trust_policy_mismatch");
    assert_eq!(ended.json["reasons"][0]["problem"], "ended");
    test.change_policy(a, &policy, json!({ "endsAt": null }))
        .await;
    assert_eq!(set.exchange().await.status, 200);
    wait::suspend(test, a).await;
    set.exchange().await.expect_oauth(403, "vendor_suspended");
}

#[tokio::test]
async fn nothing_is_handed_out_by_an_edition_that_changed_meanwhile() {
    let set = Federated::up().await;
    let (test, a) = (&set.test, &set.a);
    let id = set.policy(json!({})).await;
    let policy = TrustPolicyId::parse(&id).unwrap();
    let vendor = test.app.directory.by_id(VendorId(a.id)).unwrap();
    let by_edition = async |edition: i32| {
        let workload = Workload {
            policy,
            edition,
            issuer: set.issuer.url.clone(),
            subject: "s".to_owned(),
        };
        let grant = Grant {
            workload: Some(workload),
            ..Grant::new(&vendor, Kind::Write, format!("workload:{id}"))
        };
        tokens::issue(&Arc::clone(&test.app), grant)
            .await
            .map(|_| ())
    };
    assert!(by_edition(1).await.is_ok());
    assert_eq!(
        test.change_policy(a, &id, json!({ "ttl": 300 }))
            .await
            .status,
        200
    );
    assert!(matches!(by_edition(1).await, Err(Error::ScopeChanged)));
    assert!(by_edition(2).await.is_ok());
    // A change of the issuer is a change of what it is trusted for.
    let path = format!("/api/admin/issuers/{}", set.listed);
    let call = test.call(Method::PATCH, &path).bearer(&test.operator);
    assert_eq!(
        call.json(&json!({ "enabled": false })).send().await.status,
        200
    );
    assert!(matches!(by_edition(2).await, Err(Error::ScopeChanged)));
    let sql = "SELECT count(*) FROM issuances WHERE vendor_id = $1";
    let row = test.sql().await.query_one(sql, &[&a.id]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2);
}
