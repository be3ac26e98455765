//! No token without its row, and no row without its token: whatever fails, ends or goes away in between.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ledger_events::events;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";

/// Live tokens that a role of ours made.
pub async fn live_tokens(test: &TestApp) -> Vec<String> {
    let listed = test
        .bao_root(Method::from_bytes(b"LIST").unwrap(), "auth/token/accessors")
        .send()
        .await;
    let accessors: Vec<String> =
        serde_json::from_value(listed.json["data"]["keys"].clone()).unwrap_or_default();
    let mut ours = Vec::new();
    for accessor in accessors {
        let looked = test.bao_root(Method::POST, "auth/token/lookup-accessor");
        let looked = looked.json(&json!({ "accessor": accessor })).send().await;
        if looked.json["data"]["role"]
            .as_str()
            .is_some_and(|role| role.starts_with("gatehouse-"))
        {
            ours.push(accessor);
        }
    }
    ours.sort();
    ours
}

/// Accessors of the ledger that are not known to be dead.
pub async fn recorded(test: &TestApp) -> Vec<String> {
    let rows = test
        .sql()
        .await
        .query(
            "SELECT accessor FROM issuances WHERE revoked_at IS NULL",
            &[],
        )
        .await
        .unwrap();
    let mut accessors: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    accessors.sort();
    accessors
}

pub async fn ask(
    test: &TestApp,
    vendor: &TestVendor,
    body: &Value,
) -> crate::support::http::Answer {
    test.post("/api/site")
        .bearer(&vendor.public_key)
        .json(body)
        .send()
        .await
}

#[tokio::test]
async fn no_token_is_handed_out_without_its_row() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let sql = test.sql().await;
    sql.batch_execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF NEW.request_id <> '' AND coalesce(NEW.secret_id, 'all') NOT LIKE 'good%' THEN \
         RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON issuances FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await
    .unwrap();
    test.post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await
        .expect_problem(503, "database_unavailable");
    test.post("/sites/token")
        .bearer(&vendor.private_key)
        .send()
        .await
        .expect_problem(503, "database_unavailable");
    // Rows of one batch: the bad ones fail, the good ones are written all the same.
    let asked = (0..16).map(|n| {
        let id = if n % 2 == 0 {
            format!("good{n:012}")
        } else {
            format!("evil{n:012}")
        };
        let (test, vendor) = (&test, &vendor);
        async move {
            (
                id.starts_with("good"),
                ask(test, vendor, &json!({ "secretId": id })).await.status,
            )
        }
    });
    for (good, status) in join_all(asked).await {
        assert_eq!(status, if good { 200 } else { 503 });
    }
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
    assert_eq!(recorded(&test).await.len(), 8);
}

#[tokio::test]
async fn concurrent_tokens_are_each_on_record() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let asked = (0..48).map(|n| {
        let body = if n % 3 == 0 {
            json!({})
        } else {
            json!({ "secretId": format!("site-{:011}", n % 5) })
        };
        let (test, vendor) = (&test, &vendor);
        async move { ask(test, vendor, &body).await }
    });
    for answer in join_all(asked).await {
        assert!(matches!(answer.status, 200 | 409), "{answer:?}");
    }
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
    // Of the tokens of one site, only the newest is left.
    let left = "SELECT count(*) FROM issuances WHERE kind = 'write_site' AND revoked_at IS NULL GROUP BY secret_id";
    for row in test.sql().await.query(left, &[]).await.unwrap() {
        assert_eq!(row.get::<_, i64>(0), 1);
    }
}

#[tokio::test]
async fn client_that_goes_away_leaves_nothing_half_done() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let before = "SELECT count(*) FROM issuances";
    for wait in 0..20 {
        let asked = test.post("/api/site").bearer(&vendor.public_key).send();
        tokio::time::timeout(Duration::from_millis(wait), asked)
            .await
            .ok();
    }
    let mut same = false;
    for _ in 0..100 {
        same = live_tokens(&test).await == recorded(&test).await;
        if same {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(same);
    assert!(
        test.sql()
            .await
            .query_one(before, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            > 0
    );
}

#[tokio::test]
async fn vendor_suspended_while_its_token_is_minted_gets_none() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let mut sql = test.sql().await;
    let suspending = sql.transaction().await.unwrap();
    suspending
        .execute("UPDATE vendors SET status = 'suspended'", &[])
        .await
        .unwrap();
    let (answer, ()) = tokio::join!(
        test.post("/api/site").bearer(&vendor.public_key).send(),
        async {
            // By then the token is minted, and its row waits for the vendor's.
            tokio::time::sleep(Duration::from_millis(700)).await;
            suspending.commit().await.unwrap();
        }
    );
    answer.expect_problem(403, "vendor_suspended");
    assert!(live_tokens(&test).await.is_empty());
    assert!(events(&test, "token.issued").await.is_empty());
}

#[tokio::test]
async fn sweeper_revokes_what_is_on_no_record() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let kept = test.write_token(&vendor, SITE).await;
    let mint = |path: &'static str| {
        test.bao_root(Method::POST, path)
            .json(&json!({ "policies": ["gravityview-write-policy"] }))
    };
    let lost = mint("auth/token/create/gatehouse-write").send().await.json["auth"]["client_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let foreign = mint("auth/token/create").send().await.json["auth"]["client_token"]
        .as_str()
        .unwrap()
        .to_owned();
    test.pass("sweep_tokens").await;
    assert!(
        test.is_alive(&lost).await,
        "a young token may still be on its way into the ledger"
    );
    test.app.clock.advance(61);
    test.pass("sweep_tokens").await;
    assert!(!test.is_alive(&lost).await);
    assert!(test.is_alive(&foreign).await);
    assert!(test.is_alive(&kept).await);
}

#[tokio::test]
async fn sweeper_ends_what_is_revoked_on_record_and_lives_again() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let back = test.write_token(&vendor, SITE).await;
    // As after OpenBao was restored from a snapshot of before the revocation.
    test.sql()
        .await
        .execute(
            "UPDATE issuances SET revoke_asked_at = $1, revoked_at = $1",
            &[&test.app.clock.now()],
        )
        .await
        .unwrap();
    let kept = test.write_token(&vendor, SITE).await;
    test.pass("sweep_tokens").await;
    assert!(
        test.is_alive(&back).await,
        "one that was revoked a moment ago may still be listed"
    );
    test.app.clock.advance(61);
    test.pass("sweep_tokens").await;
    assert!(!test.is_alive(&back).await);
    assert!(test.is_alive(&kept).await);
}

#[tokio::test]
async fn sweeper_ends_rows_whose_token_openbao_does_not_have() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let lost = test.write_token(&vendor, SITE).await;
    // As after OpenBao was restored from a snapshot of before it was handed out.
    let path = "auth/token/revoke";
    let ended = test.bao_root(Method::POST, path);
    ended.json(&json!({ "token": lost })).send().await;
    assert!(!test.is_alive(&lost).await);
    let sql = test.sql().await;
    let rows = "SELECT i.revoke_reason FROM issuances i JOIN events e ON e.issuance_id = i.id AND e.action = 'token.lost' \
                WHERE i.revoked_at IS NOT NULL";
    test.pass("sweep_tokens").await;
    let found = sql.query(rows, &[]).await.unwrap();
    assert!(found.is_empty(), "a young one may still be on its way");
    test.app.clock.advance(61);
    let kept = test
        .write_token(&vendor, "0123456789abcdef0123456789abcdee")
        .await;
    test.app.clock.advance(61);
    test.pass("sweep_tokens").await;
    let found = sql.query(rows, &[]).await.unwrap();
    assert_eq!(found.len(), 1, "that one alone, once");
    assert_eq!(found[0].get::<_, &str>(0), "lost");
    assert!(test.is_alive(&kept).await);
    test.pass("sweep_tokens").await;
    assert_eq!(sql.query(rows, &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn token_that_meets_the_deletion_of_its_entity_is_minted_again() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    test.write_token(&vendor, SITE).await;
    let sql = test.sql().await;
    let former: String = sql
        .query_one("SELECT entity_id FROM entities", &[])
        .await
        .unwrap()
        .get(0);
    // As the background pass does: first the mark, then the deletion.
    sql.execute("UPDATE entities SET deleted_at = now()", &[])
        .await
        .unwrap();
    let (token, _) = tokio::join!(test.write_token(&vendor, SITE), async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        test.pass("delete_entities").await
    });
    let live =
        "SELECT entity_id FROM issuances WHERE revoked_at IS NULL AND revoke_asked_at IS NULL";
    let now: String = sql.query_one(live, &[]).await.unwrap().get(0);
    assert_ne!(former, now);
    let path = format!("gravityview-store/{SITE}");
    let written = test
        .bao(Method::POST, &path, &token)
        .json(&json!({ "a": "b" }))
        .send()
        .await;
    assert_eq!(written.status, 204);
    assert_eq!(live_tokens(&test).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_answers_what_is_in_flight_and_leaves_nothing_half_done() {
    let mut test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut asked = Vec::new();
    for _ in 0..24 {
        let call = http
            .post(format!("{}/api/site", test.url))
            .bearer_auth(&vendor.public_key);
        asked.push(tokio::spawn(async move {
            call.send().await.map(|answer| answer.status())
        }));
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    test.stop().await;
    for answer in join_all(asked).await {
        // Answered, or never taken in; nothing is cut off in between.
        if let Ok(status) = answer.unwrap() {
            assert_eq!(status, 200);
        }
    }
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
}
