//! The claim token, and the key pair it is exchanged for.

use serde_json::json;

use crate::support::TestApp;
use crate::support::app::vendor_of;
use crate::support::http::Answer;

const DAY: i64 = 24 * 3600;

async fn sign_up(test: &TestApp) -> String {
    let body = json!({
        "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
        "data": { "namespace": "gravityview", "name": "GravityView" },
    });
    let answer = test.webhook("msg_1", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text_of("claimToken")
}

async fn claim(test: &TestApp, token: &str) -> Answer {
    let body = json!({ "claimToken": token });
    test.post("/api/vendors/claim").json(&body).send().await
}

async fn list_sites(test: &TestApp, private_key: &str) -> Answer {
    test.get("/sites").bearer(private_key).send().await
}

#[tokio::test]
async fn claim_gives_the_pair_and_claiming_again_replaces_the_private_key() {
    let test = TestApp::start().await;
    let token = sign_up(&test).await;
    let first = claim(&test, &token).await;
    assert_eq!(first.status, 200, "{first:?}");
    let first = vendor_of(&first.json);
    let second = vendor_of(&claim(&test, &token).await.json);
    assert_eq!(first.public_key, second.public_key);
    assert_ne!(first.private_key, second.private_key);
    let old = list_sites(&test, &first.private_key).await;
    old.expect_problem(401, "credentials_invalid");
    let new = list_sites(&test, &second.private_key).await;
    assert_eq!(new.status, 200, "{new:?}");
    claim(&test, &token).await.expect_problem(410, "claim_used");
    assert_eq!(list_sites(&test, &second.private_key).await.status, 200);
    let sql = "SELECT actor, outcome, vendor_id FROM events WHERE action = 'vendor.claimed'";
    let events = test.sql().await.query(sql, &[]).await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].get::<_, &str>("actor"), "claim-token");
    assert_eq!(events[0].get::<_, &str>("outcome"), "done");
    assert_eq!(events[0].get::<_, i64>("vendor_id"), first.id);
}

#[tokio::test]
async fn use_by_trustedlogin_headers_ends_the_claim_too() {
    let test = TestApp::start().await;
    let token = sign_up(&test).await;
    let vendor = vendor_of(&claim(&test, &token).await.json);
    let path = format!("/api/v1/accounts/{}", vendor.id);
    let used = test.get(&path).trusted_login(&vendor).send().await;
    assert_eq!(used.status, 200, "{used:?}");
    claim(&test, &token).await.expect_problem(410, "claim_used");
}

#[tokio::test]
async fn use_of_the_public_key_leaves_the_claim_open() {
    let test = TestApp::start().await;
    let token = sign_up(&test).await;
    let vendor = vendor_of(&claim(&test, &token).await.json);
    test.write_token(&vendor, "0123456789abcdef").await;
    assert_eq!(claim(&test, &token).await.status, 200);
}

#[tokio::test]
async fn claim_token_dies_after_seven_days() {
    let test = TestApp::start().await;
    let token = sign_up(&test).await;
    test.app.clock.advance(7 * DAY - 60);
    assert_eq!(claim(&test, &token).await.status, 200);
    test.app.clock.advance(120);
    let late = claim(&test, &token).await;
    late.expect_problem(410, "claim_expired");
}

#[tokio::test]
async fn forged_claim_tokens_are_refused() {
    let test = TestApp::start().await;
    let token = sign_up(&test).await;
    let other = |at: usize| {
        let digit = if token.as_bytes()[at] == b'0' {
            "1"
        } else {
            "0"
        };
        let mut forged = token.clone();
        forged.replace_range(at..=at, digit);
        forged
    };
    let last = token.len() - 1;
    let forged = [
        String::new(),
        "gct_".to_owned(),
        token[..last].to_owned(),
        format!("{token}0"),
        token.to_uppercase(),
        token.replace("gct_", "sk_"),
        "\u{0}".to_owned(),
        // Key, generation, expiry, and the tag's first and last digit.
        other(10),
        other(27),
        other(40),
        other(44),
        other(last),
    ];
    for text in forged {
        claim(&test, &text)
            .await
            .expect_problem(401, "claim_invalid");
    }
    assert_eq!(claim(&test, &token).await.status, 200);
}

#[tokio::test]
async fn suspended_vendor_cannot_claim() {
    let test = TestApp::start().await;
    let token = sign_up(&test).await;
    let vendor = vendor_of(&claim(&test, &token).await.json);
    crate::support::wait::suspend(&test, &vendor).await;
    let refused = claim(&test, &token).await;
    refused.expect_problem(403, "vendor_suspended");
}

#[tokio::test]
async fn claims_at_once_leave_one_key_that_works() {
    let test = TestApp::start().await;
    let token = sign_up(&test).await;
    let claims = (0..4).map(|_| claim(&test, &token));
    let answers = futures_util::future::join_all(claims).await;
    // Asking ends the claim, so which of them holds is asked one after another.
    let mut working = 0;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        let key = answer.text_of("privateKey");
        working += usize::from(list_sites(&test, &key).await.status == 200);
    }
    assert_eq!(working, 1);
}
