//! Two at once, or one that goes away: what the first review broke, held from now on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use gatehouse::config::{LimitConfig, Rate};
use gatehouse::types::Secret;
use gatehouse::vault::TokenSource;
use reqwest::Method;
use serde_json::json;

use crate::keeper;
use crate::ledger::{live_tokens, recorded};
use crate::support::app::limits;
use crate::support::callers::operator;
use crate::support::{Place, TestApp, Wire, wait};

const SITE: &str = "0123456789abcdef";

#[tokio::test]
async fn of_many_who_register_one_new_site_one_wins() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    for round in 0..3 {
        let id = format!("contested-{round:06}");
        let asked = (0..16).map(|n| {
            let body =
                json!({ "secretId": id, "accessKey": format!("access-key-{round}-of-number-{n:02}") });
            let call = test.post("/sites").bearer(&vendor.public_key).json(&body);
            async move { (n, call.send().await) }
        });
        let answers = join_all(asked).await;
        let won: Vec<_> = answers.iter().filter(|(_, a)| a.status == 201).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        for (_, answer) in answers.iter().filter(|(_, a)| a.status != 201) {
            answer.expect_problem(403, "access_key_required");
        }
        let key = format!("access-key-{round}-of-number-{:02}", won[0].0);
        let found = test.post("/sites/search").bearer(&vendor.private_key);
        let found = found.json(&json!({ "searchKeys": [key] })).send().await;
        assert_eq!(found.json["sites"][0]["secretId"], id);
    }
}

#[tokio::test]
async fn public_key_gets_no_token_for_a_site_that_is_registered_meanwhile() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let mut sql = test.sql().await;
    test.write_token(&vendor, SITE).await;
    let registering = sql.transaction().await.unwrap();
    let set = "UPDATE sites SET state = 'registered', registered_at = now()";
    registering.execute(set, &[]).await.unwrap();
    let body = json!({ "secretId": SITE });
    let asked = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .json(&body)
        .send();
    let (answer, ()) = tokio::join!(asked, async {
        // By then the token is minted, and its row waits for the site's.
        tokio::time::sleep(Duration::from_millis(500)).await;
        registering.commit().await.unwrap();
    });
    answer.expect_problem(403, "access_key_required");
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
}

#[tokio::test]
async fn client_that_goes_away_while_it_registers_leaves_no_stray_token() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    for n in 0..30 {
        let body = json!({ "secretId": format!("leaving-{n:08}"), "withToken": true });
        let asked = test
            .post("/sites")
            .bearer(&vendor.public_key)
            .json(&body)
            .send();
        tokio::time::timeout(Duration::from_millis(n), asked)
            .await
            .ok();
    }
    let sql = test.sql().await;
    let sql = &sql;
    let stray = "SELECT count(*) FROM issuances i JOIN sites s USING (vendor_id, secret_id) \
                 WHERE s.state = 'reserved' AND i.revoked_at IS NULL AND i.revoke_asked_at IS NULL";
    wait::until(
        "no token for a site that is not registered",
        || async move { sql.query_one(stray, &[]).await.unwrap().get::<_, i64>(0) == 0 },
    )
    .await;
}

#[tokio::test]
async fn replaced_private_key_is_no_proof_even_before_the_word_is_out() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    // The digest changes without a notification, as between a commit and its word.
    let sql =
        "ALTER TABLE api_keys DISABLE TRIGGER USER; UPDATE api_keys SET private_digest = '\\x00'";
    test.sql().await.batch_execute(sql).await.unwrap();
    let listed = test.get("/sites").bearer(&vendor.private_key).send().await;
    listed.expect_problem(401, "credentials_invalid");
    let used = "SELECT private_first_used_at IS NULL FROM api_keys";
    assert!(
        test.sql()
            .await
            .query_one(used, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
}

#[tokio::test]
async fn wrapped_token_is_looked_into_before_it_is_handed_out() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let answer = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .json(&json!({ "wrapTtl": 60 }))
        .send()
        .await;
    assert_eq!(
        answer.json["policies"],
        json!(["default", "gravityview-write-policy"])
    );
    assert_eq!(answer.json["ttl"], 604_800);
    // A role that adds a policy to what was asked for.
    let role = test.bao_root(Method::POST, "auth/token/roles/gatehouse-write");
    let role =
        role.json(&json!({ "allowed_policies_glob": ["*"], "token_no_default_policy": true }));
    assert_eq!(role.send().await.status, 204);
    let before = live_tokens(&test).await;
    for body in [json!({ "wrapTtl": 60 }), json!({})] {
        let answer = test
            .post("/api/site")
            .bearer(&vendor.public_key)
            .json(&body)
            .send()
            .await;
        answer.expect_problem(503, "openbao_unexpected");
    }
    assert_eq!(live_tokens(&test).await, before);
}

#[tokio::test]
async fn removal_without_a_store_is_done() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let token = test.site(&vendor, SITE, "accesskey-0123456789").await;
    assert_eq!(
        test.bao_root(Method::DELETE, "sys/mounts/gravityview-store")
            .send()
            .await
            .status,
        204
    );
    let removed = test
        .delete(&format!("/sites/{SITE}"))
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(
        (removed.status, &removed.json),
        (200, &json!({ "deleted": true }))
    );
    assert!(!test.is_alive(&token).await);
}

#[tokio::test]
async fn public_key_cannot_use_up_what_is_the_vendors() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    let vendors = Rate {
        per_second: 1,
        burst: 3,
    };
    config.limits = LimitConfig {
        vendor: vendors,
        ..limits(100_000)
    };
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let flood = || test.get("/sites").bearer(&vendor.public_key).send();
    let codes: BTreeSet<String> = join_all((0..10).map(|_| flood()))
        .await
        .iter()
        .map(|a| a.code().to_owned())
        .collect();
    assert!(codes.contains("rate_limited"), "{codes:?}");
    assert_eq!(
        test.get("/sites")
            .bearer(&vendor.private_key)
            .send()
            .await
            .status,
        200
    );
    let removed = test
        .delete(&format!("/sites/{SITE}"))
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(removed.status, 200, "{removed:?}");
}

#[tokio::test]
async fn cursor_of_another_age_and_forged_keys_are_refused_without_a_look_up() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    // ["-004800-01-02T00:00:00Z","0000000000000000"]
    let cursor = "WyItMDA0ODAwLTAxLTAyVDAwOjAwOjAwWiIsIjAwMDAwMDAwMDAwMDAwMDAiXQ";
    let listed = test
        .get(&format!("/sites?cursor={cursor}"))
        .bearer(&vendor.private_key)
        .send()
        .await;
    listed.expect_problem(400, "invalid_parameter");
    let sql = test.sql().await;
    let scans = "SELECT coalesce(sum(idx_scan), 0)::bigint FROM pg_stat_user_indexes WHERE relname = 'api_keys'";
    let before: i64 = sql.query_one(scans, &[]).await.unwrap().get(0);
    for n in 0..50 {
        let forged = format!("sk_{n:016x}{}00000000", "ab".repeat(32));
        test.get("/sites")
            .bearer(&forged)
            .send()
            .await
            .expect_problem(401, "credentials_invalid");
    }
    let after: i64 = sql.query_one(scans, &[]).await.unwrap().get(0);
    assert!(after - before < 10, "{before} {after}");
}

#[tokio::test]
async fn refused_calls_do_not_put_the_renewal_off() {
    let place = Place::shared().await;
    let config = place.config().await;
    let policy = json!({ "policy": "path \"auth/token/create/gatehouse-read\" { capabilities = [\"deny\"] }" });
    keeper::as_root(&place, Method::PUT, "sys/policies/acl/no-reading", policy).await;
    let life = json!({
        "policies": ["saas-policy", "no-reading"], "no_default_policy": true, "period": "8s"
    });
    let made = keeper::as_root(&place, Method::POST, "auth/token/create-orphan", life).await;
    let token = made["auth"]["client_token"].as_str().unwrap().to_owned();
    let test = TestApp::start_at(
        place,
        keeper::one(config, TokenSource::Token(Secret::new(token))),
    )
    .await;
    let vendor = test.vendor("gravityview").await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(14) {
        let asked = test
            .post("/sites/token")
            .bearer(&vendor.private_key)
            .send()
            .await;
        asked.expect_problem(503, "openbao_denied");
    }
    assert_eq!(
        test.post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await
            .status,
        200
    );
    assert!(keeper::states(&test).await[0]["renewals"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn operators_token_is_good_before_anybody_was_notified_of_it() {
    let test = TestApp::start().await;
    let silence = "DROP TRIGGER operator_tokens_notify ON operator_tokens";
    test.sql().await.batch_execute(silence).await.unwrap();
    let token = operator(&test, "anna").await;
    let first = test.get("/api/admin/tasks").bearer(&token).send().await;
    assert_eq!(first.status, 200, "{first:?}");
    let mut forged = token.clone();
    let last = if forged.ends_with('0') { "1" } else { "0" };
    forged.replace_range(forged.len() - 1.., last);
    let refused = test.get("/api/admin/tasks").bearer(&forged).send().await;
    refused.expect_problem(401, "credentials_invalid");
}

/// One that stood still until its claim was over finds that another has done it.
#[tokio::test]
async fn removal_that_two_finish_is_one_event() {
    let (test, wire) = Wire::start().await;
    let vendor = test.vendor("gravityview").await;
    test.site(&vendor, SITE, "Customer_access-key_0001").await;
    let stored = format!("gravityview-store/{SITE}");
    wire.delay_reply(&stored, Duration::from_secs(2));
    let first = async {
        let path = format!("/sites/{SITE}");
        test.delete(&path).bearer(&vendor.public_key).send().await
    };
    let other = async {
        // The secret is deleted: what is left to do is the record.
        let is_done = || {
            let calls = wire.calls_to(&stored);
            std::future::ready(calls.first().is_some_and(|call| call.status.is_some()))
        };
        wait::until("the secret is deleted", is_done).await;
        test.app.clock.advance(61);
        test.pass("remove_sites").await
    };
    let (first, _) = tokio::join!(first, other);
    assert!(first.status < 300, "{first:?}");
    let events = "SELECT count(*) FROM events WHERE action = 'site.removed'";
    let row = test.sql().await.query_one(events, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    let deleted = wire.calls_to(&stored);
    assert_eq!(
        deleted
            .iter()
            .filter(|call| call.method == "DELETE")
            .count(),
        2
    );
}
