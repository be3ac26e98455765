//! The token roles of sets of networks: made when they are needed, made whole, and removed when no live token needs them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bound_networks::{NEAR, ask, at, bound, roles, rows, works};
use crate::ledger::{live_tokens, recorded};
use crate::support::TestApp;

async fn root(test: &TestApp, method: Method, path: &str, body: Value) {
    let done = test.bao_root(method, path).json(&body).send().await;
    assert!(matches!(done.status, 200 | 204), "{path}: {done:?}");
}

#[tokio::test]
async fn roles_stay_while_a_live_token_needs_them_and_go_then() {
    let test = TestApp::start().await;
    let replica = test.replica().await;
    let vendor = test.vendor("vendor-a").await;
    let networks = ["127.0.0.2/32"];
    let lives = bound(&test, &vendor, &networks).await;
    let body = json!({ "boundCidrs": ["10.0.0.0/8"], "ttl": 60, "maxTtl": 60 });
    let short = ask(&test, &vendor.private_key, "/sites/token", &body).await;
    assert_eq!((lives.status, short.status), (200, 200));
    assert_eq!(roles(&test).await.len(), 2);
    // Neither is removed while it was used a moment ago.
    assert_eq!(test.pass("remove_bound_roles").await["removed"], 0);
    test.app.clock.advance(3700);
    assert_eq!(test.pass("remove_bound_roles").await["removed"], 1);
    let left = roles(&test).await;
    assert_eq!((rows(&test).await, left.len()), (1, 1));
    let token = lives.text_of("token");
    let (status, renewed) = at(&test, NEAR, Method::POST, "auth/token/renew-self", &token).await;
    assert_eq!(status, 200, "{renewed}");
    // Both replicas held the one that is gone to stand: a token of it is minted by a new one.
    let again = ask(&test, &vendor.private_key, "/sites/token", &body).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(roles(&test).await.len(), 2);

    let path = format!("/api/issuances/{}", lives.text_of("issuanceId"));
    let ended = test.delete(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(ended.status, 200, "{ended:?}");
    // A replica that thinks it stands goes on: the ledger refuses what was minted by it, and it is made anew.
    let there = ask(
        &replica,
        &vendor.private_key,
        "/sites/token",
        &json!({ "boundCidrs": networks }),
    )
    .await;
    assert_eq!(there.status, 200, "{there:?}");
    let path = format!("/api/issuances/{}", there.text_of("issuanceId"));
    let ended = test.delete(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(ended.status, 200, "{ended:?}");
    test.app.clock.advance(3700);
    assert_eq!(test.pass("remove_bound_roles").await["removed"], 2);
    assert_eq!((rows(&test).await, roles(&test).await.len()), (0, 0));
    for app in [&replica, &test] {
        let anew = ask(
            app,
            &vendor.private_key,
            "/sites/token",
            &json!({ "boundCidrs": networks }),
        )
        .await;
        assert_eq!(anew.status, 200, "{anew:?}");
        assert!(works(&test, NEAR, &anew.text_of("token")).await);
    }
    assert_eq!((rows(&test).await, roles(&test).await.len()), (1, 1));
    assert_ne!(roles(&test).await, left);
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
}

#[tokio::test]
async fn no_token_is_recorded_of_a_role_that_is_being_removed() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let networks = ["127.0.0.2/32"];
    assert_eq!(bound(&test, &vendor, &networks).await.status, 200);
    // Marked, and still there, as in the midst of a removal.
    let sql = test.sql().await;
    let mark = "UPDATE bound_roles SET removing_at = now()";
    sql.batch_execute(mark).await.unwrap();
    let former = roles(&test).await;
    let answer = bound(&test, &vendor, &networks).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let by = "SELECT count(*) FROM issuances i JOIN bound_roles b ON b.id = i.bound_role_id \
              WHERE b.removing_at IS NOT NULL AND i.revoked_at IS NULL";
    let by: i64 = sql.query_one(by, &[]).await.unwrap().get(0);
    assert_eq!(by, 1, "only the one from before");
    assert_eq!(roles(&test).await.len(), 2);
    assert_eq!(test.pass("remove_bound_roles").await["removed"], 1);
    let left = roles(&test).await;
    assert!(left.len() == 1 && left != former, "{left:?}");
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
}

#[tokio::test]
async fn lost_and_changed_roles_are_made_whole_and_strays_are_deleted() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let networks = ["127.0.0.2/32", "10.0.0.0/8"];
    let lives = bound(&test, &vendor, &networks).await;
    assert_eq!(lives.status, 200, "{lives:?}");
    let names = roles(&test).await;
    let path = format!("auth/token/roles/{}", names[0]);
    let repair = async || test.operate(Method::POST, "vendor-a", "/repair").await;
    assert_eq!(repair().await.json["found"], json!([]));

    // Deleted by hand: the next token makes it again.
    root(&test, Method::DELETE, &path, json!({})).await;
    let next = bound(&test, &vendor, &networks).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert_eq!(roles(&test).await, names);
    let token = lives.text_of("token");
    let (status, renewed) = at(&test, NEAR, Method::POST, "auth/token/renew-self", &token).await;
    assert_eq!(status, 200, "{renewed}");
    // Or the reconciler does, as a token can be renewed only while its role is there.
    root(&test, Method::DELETE, &path, json!({})).await;
    let mended = repair().await;
    let found =
        |state: &str| json!([{ "what": "role", "name": names[0], "state": state, "mended": true }]);
    assert_eq!(mended.json["found"], found("missing"), "{mended:?}");
    assert_eq!(repair().await.json["found"], json!([]));
    // Changed by hand: what was added goes too.
    for body in [
        json!({ "token_bound_cidrs": [] }),
        json!({ "token_bound_cidrs": ["127.0.0.2/32", "10.0.0.0/8", "127.0.0.1/32"] }),
        json!({ "allowed_policies": ["root"] }),
        json!({ "token_period": "1h" }),
    ] {
        root(&test, Method::POST, &path, body.clone()).await;
        let mended = repair().await;
        assert_eq!(mended.json["found"], found("changed"), "{body}: {mended:?}");
        assert_eq!(repair().await.json["found"], json!([]), "{body}");
    }

    // What no row names is nobody's.
    let role = test.bao_root(Method::GET, &path).send().await.json["data"].clone();
    for stray in [
        "gatehouse-bound.read.vendor-a.99-ab",
        "gatehouse-bound.stray",
    ] {
        let body = json!({ "allowed_policies_glob": role["allowed_policies_glob"] });
        root(
            &test,
            Method::POST,
            &format!("auth/token/roles/{stray}"),
            body,
        )
        .await;
    }
    let report = test.pass("reconcile_roles").await;
    assert_eq!(
        report,
        json!({ "roles": 1, "foreignPolicies": 0, "strayRoles": 1 })
    );
    let mut left = vec!["gatehouse-bound.stray".to_owned(), names[0].clone()];
    left.sort();
    assert_eq!(roles(&test).await, left);
    let list = test.get("/api/admin/findings").bearer(&test.operator);
    let list = list.send().await;
    assert_eq!(
        list.json["items"][0]["name"], "gatehouse-bound.stray",
        "{list:?}"
    );
}

#[tokio::test]
async fn roles_of_a_cancelled_vendor_go() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let other = test.vendor("vendor-b").await;
    let mine = bound(&test, &vendor, &["127.0.0.2/32"]).await;
    let theirs = bound(&test, &other, &["127.0.0.2/32"]).await;
    assert_eq!((mine.status, theirs.status), (200, 200));
    assert_eq!(test.cancel("vendor-a").await.status, 202);
    test.until_gone("vendor-a").await;
    let left = roles(&test).await;
    assert_eq!((rows(&test).await, left.len()), (1, 1));
    assert!(left[0].contains(".vendor-b."), "{left:?}");
    assert!(!works(&test, NEAR, &mine.text_of("token")).await);
    assert!(works(&test, NEAR, &theirs.text_of("token")).await);
}

#[tokio::test]
async fn token_of_a_role_of_networks_that_is_on_no_record_is_swept() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    assert_eq!(bound(&test, &vendor, &["127.0.0.2/32"]).await.status, 200);
    let name = roles(&test).await.remove(0);
    let path = format!("auth/token/create/{name}");
    let body = json!({ "policies": ["vendor-a-read-policy"] });
    let made = test.bao_root(Method::POST, &path).json(&body).send().await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(live_tokens(&test).await.len(), 2);
    test.app.clock.advance(61);
    test.pass("sweep_tokens").await;
    assert_eq!(live_tokens(&test).await, recorded(&test).await);
    assert_eq!(live_tokens(&test).await.len(), 1);
}
