//! How long tokens live and how many calls they are good for: what is asked for is granted to the letter, or refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger::{ask, live_tokens};
use crate::ledger_events::events;
use crate::support::http::Answer;
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
/// Routes that hand out tokens, with the longest life of theirs in seconds.
const ROUTES: [(&str, u32); 3] = [
    ("/api/site", 2_419_200),
    ("/sites/token", 604_800),
    ("/api/credentials/token", 2_419_200),
];

async fn post(test: &TestApp, vendor: &TestVendor, path: &str, body: &Value) -> Answer {
    let call = test.post(path).bearer(&vendor.private_key);
    call.json(body).send().await
}

async fn look_up(test: &TestApp, accessor: &str) -> Value {
    let call = test.bao_root(Method::POST, "auth/token/lookup-accessor");
    let looked = call.json(&json!({ "accessor": accessor })).send().await;
    assert_eq!(looked.status, 200, "{looked:?}");
    looked.json["data"].clone()
}

#[tokio::test]
async fn openbao_enforces_what_was_asked_for() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    for (path, _) in ROUTES {
        for wrap in [None, Some(60)] {
            let mut body = json!({ "ttl": 120, "maxTtl": 3600, "uses": 3 });
            if let Some(seconds) = wrap {
                body["wrapTtl"] = json!(seconds);
            }
            let before = test.app.clock.now().as_second();
            let answer = post(&test, &vendor, path, &body).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            assert_eq!(answer.json["ttl"], 120);
            assert_eq!(answer.json["maxTtl"], 3600);
            assert_eq!(answer.json["uses"], 3);
            let inside = look_up(&test, &answer.text_of("accessor")).await;
            assert_eq!(inside["creation_ttl"], 120, "{path}");
            assert_eq!(inside["explicit_max_ttl"], 3600, "{path}");
            assert_eq!(inside["num_uses"], 3, "{path}");
            // K-12: the end that is told is OpenBao's, or a moment before it.
            let told: jiff::Timestamp = answer.text_of("expiresAt").parse().unwrap();
            let theirs: jiff::Timestamp = inside["expire_time"].as_str().unwrap().parse().unwrap();
            assert!(told <= theirs, "{told} after {theirs}");
            assert!((120..=122).contains(&(told.as_second() - before)));
            let row = format!("/api/issuances/{}", answer.text_of("issuanceId"));
            let row = test.get(&row).bearer(&vendor.private_key).send().await;
            assert_eq!(row.json["ttl"], 120, "{row:?}");
            assert_eq!(row.json["uses"], 3);
        }
    }
    let told = events(&test, "token.issued").await;
    assert!(
        told.iter()
            .all(|e| e["details"]["ttl"] == 120 && e["details"]["uses"] == 3)
    );
}

#[tokio::test]
async fn what_is_out_of_range_is_refused_and_never_cut() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    for (path, longest) in ROUTES {
        let cases = [
            // K-02 and K-03.
            ("ttl", json!(59)),
            ("ttl", json!(0)),
            ("ttl", json!(-1)),
            ("ttl", json!(longest + 1)),
            ("ttl", json!(35_996_400)),
            ("maxTtl", json!(59)),
            ("maxTtl", json!(longest + 1)),
            // K-04: no other form than seconds is documented.
            ("ttl", json!("9999h")),
            ("ttl", json!("1e9")),
            ("ttl", json!("1.5h")),
            ("ttl", json!("1d")),
            ("ttl", json!("1w")),
            ("ttl", json!("P1D")),
            ("ttl", json!(" 1h")),
            ("ttl", json!("1H")),
            ("ttl", json!("1h1h")),
            ("ttl", json!("3600")),
            ("ttl", json!(3600.5)),
            ("ttl", json!(true)),
            ("ttl", json!([3600])),
            // K-05.
            ("ttl", json!(2_147_483_648_u64)),
            ("ttl", json!(9_223_372_036_854_775_807_i64)),
            ("maxTtl", json!(18_446_744_073_709_551_615_u64)),
            // K-08.
            ("uses", json!(0)),
            ("uses", json!(-1)),
            ("uses", json!(1_000_000_000)),
            ("uses", json!(1.0e9)),
            ("uses", json!("3")),
            ("wrapTtl", json!(29)),
            ("wrapTtl", json!(3601)),
            ("wrapTtl", json!(-60)),
        ];
        for (field, value) in cases {
            let answer = post(&test, &vendor, path, &json!({ field: value })).await;
            answer.expect_problem(422, "invalid_field");
            assert_eq!(
                answer.json["errors"][0]["pointer"],
                format!("/{field}"),
                "{path} {value}"
            );
        }
        // Twenty digits are a number in JSON, and none of ours.
        for number in ["99999999999999999999", "1e400", "1e9"] {
            let call = test.post(path).bearer(&vendor.private_key);
            let call = call.header("content-type", "application/json");
            let answer = call
                .body(format!("{{\"ttl\":{number}}}").into_bytes())
                .send()
                .await;
            assert!(matches!(answer.status, 400 | 422), "{number}: {answer:?}");
        }
        let crossed = post(&test, &vendor, path, &json!({ "ttl": 121, "maxTtl": 120 })).await;
        crossed.expect_problem(422, "invalid_field");
        assert_eq!(crossed.json["errors"][0]["detail"], "must be 60 to 120");
        // Not its name: see `bound_networks.rs`.
        let bound = post(&test, &vendor, path, &json!({ "cidrs": ["10.0.0.0/8"] })).await;
        bound.expect_problem(422, "invalid_field");
    }
    assert!(live_tokens(&test).await.is_empty());
    for (path, longest) in ROUTES {
        for body in [
            json!({ "ttl": longest }),
            json!({ "ttl": 60, "uses": 10_000 }),
        ] {
            let answer = post(&test, &vendor, path, &body).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            assert_eq!(answer.json["ttl"], body["ttl"]);
        }
    }
}

#[tokio::test]
async fn uses_and_lives_end_at_openbao() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let twice = ask(&test, &vendor, &json!({ "uses": 2 }))
        .await
        .text_of("token");
    let write = |token: &str| {
        let path = format!("vendor-a-store/{SITE}");
        test.bao(Method::POST, &path, token)
            .json(&json!({ "a": "b" }))
    };
    assert_eq!(write(&twice).send().await.status, 204);
    assert_eq!(write(&twice).send().await.status, 204);
    assert_eq!(write(&twice).send().await.status, 403);
    // K-10: OpenBao lets nobody renew a token whose first life is its longest.
    let renew = async |token: &str| {
        let call = test.bao(Method::POST, "auth/token/renew-self", token);
        call.json(&json!({ "increment": "28d" })).send().await
    };
    let once = ask(&test, &vendor, &json!({ "maxTtl": 90 })).await;
    assert_eq!(
        (&once.json["ttl"], &once.json["renewable"]),
        (&json!(90), &json!(false))
    );
    assert_eq!(renew(&once.text_of("token")).await.status, 400);
    // Another may be renewed, and the service ends it.
    let again = ask(&test, &vendor, &json!({ "ttl": 60, "maxTtl": 90 })).await;
    let token = again.text_of("token");
    assert_eq!(renew(&token).await.status, 200);
    test.app.clock.advance(88);
    test.pass("revoke_tokens").await;
    assert!(test.is_alive(&token).await);
    test.app.clock.advance(3);
    until("its longest life is over", || async {
        test.pass("revoke_tokens").await;
        !test.is_alive(&token).await
    })
    .await;
    let told = events(&test, "token.revoked").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["details"]["reason"], "longest life over");
    // K-09: what OpenBao will not renew is not renewed by the service either.
    let body = json!({ "keepAlive": true, "ttl": 600, "maxTtl": 600 });
    let kept = post(&test, &vendor, "/api/credentials/token", &body).await;
    assert_eq!(kept.json["renewable"], false, "{kept:?}");
    test.app.clock.advance(400);
    assert_eq!(test.pass("renew_tokens").await["failed"], 0);
    // The service renews none beyond what was agreed on.
    let body = json!({ "keepAlive": true, "ttl": 600, "maxTtl": 700 });
    let kept = post(&test, &vendor, "/api/credentials/token", &body).await;
    test.app.clock.advance(400);
    until("it is renewed", || async {
        test.pass("renew_tokens").await;
        let left = look_up(&test, &kept.text_of("accessor")).await["ttl"].as_i64();
        left.is_some_and(|left| left <= 300)
    })
    .await;
}

#[tokio::test]
async fn token_that_openbao_gives_another_life_is_revoked() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    // As where an operator of OpenBao lowers what its mounts allow.
    let role = json!({
        "allowed_policies_glob": ["*-write-policy"], "orphan": true, "token_type": "service", "renewable": true,
        "token_explicit_max_ttl": 3600,
    });
    let path = "auth/token/roles/gatehouse-write";
    let set = test.bao_root(Method::POST, path).json(&role).send().await;
    assert_eq!(set.status, 204, "{set:?}");
    for body in [json!({}), json!({ "wrapTtl": 60 })] {
        let answer = ask(&test, &vendor, &body).await;
        answer.expect_problem(503, "openbao_unexpected");
    }
    assert!(live_tokens(&test).await.is_empty());
    let short = ask(&test, &vendor, &json!({ "ttl": 60, "maxTtl": 3600 })).await;
    assert_eq!(short.status, 200, "{short:?}");
}
