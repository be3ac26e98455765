//! Handing out tokens: minted, on record, and only then answered.

use reqwest::Method;
use serde_json::json;

use crate::ledger::{ask, recorded};
use crate::support::TestApp;

const SITE: &str = "0123456789abcdef";

#[tokio::test]
async fn store_wide_write_token_writes_and_cannot_read() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let answer = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.json["ttl"], 604_800);
    assert_eq!(answer.json["renewable"], true);
    assert_eq!(
        answer.json["policies"],
        json!(["default", "gravityview-write-policy"])
    );
    let fence = test.namespace.clone().unwrap();
    assert_eq!(answer.json["store"], format!("{fence}/gravityview-store"));
    assert_eq!(answer.json["vaultUrl"], "https://vault.example");
    assert_eq!(answer.json["auth"]["client_token"], answer.json["token"]);
    assert_eq!(answer.json["auth"]["orphan"], true);
    let token = answer.text_of("token");
    let path = "gravityview-store/0123456789abcdef";
    let written = test
        .bao(Method::POST, path, &token)
        .json(&json!({ "a": "b" }))
        .send()
        .await;
    assert_eq!(written.status, 204);
    assert_eq!(test.bao(Method::GET, path, &token).send().await.status, 403);
    assert_eq!(
        test.bao(Method::DELETE, path, &token).send().await.status,
        204
    );
    assert_eq!(recorded(&test).await, vec![answer.text_of("accessor")]);
}

#[tokio::test]
async fn site_token_reaches_one_site_only() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let answer = ask(&test, &vendor, &json!({ "secretId": SITE })).await;
    let fence = test.namespace.clone().unwrap();
    assert_eq!(
        answer.json["path"],
        format!("{fence}/gravityview-store/{SITE}")
    );
    assert_eq!(
        answer.json["policies"],
        json!(["gatehouse.self", "gravityview.site-write"])
    );
    let token = answer.text_of("token");
    let write = |id: &str| {
        test.bao(Method::POST, &format!("gravityview-store/{id}"), &token)
            .json(&json!({ "a": "b" }))
    };
    assert_eq!(write(SITE).send().await.status, 204);
    assert_eq!(write("fedcba9876543210").send().await.status, 403);
    assert_eq!(
        test.bao(Method::GET, &format!("gravityview-store/{SITE}"), &token)
            .send()
            .await
            .status,
        403
    );
    assert_eq!(
        test.bao(Method::POST, "sys/wrapping/wrap", &token)
            .json(&json!({}))
            .send()
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn labels_reach_the_token_and_ours_win() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let labels = json!({ "plugin": "2.1", "vendor": "somebody-else", "kind": "root" });
    let answer = ask(&test, &vendor, &json!({ "metadata": labels })).await;
    let looked = test
        .bao(
            Method::GET,
            "auth/token/lookup-self",
            &answer.text_of("token"),
        )
        .send()
        .await;
    let meta = &looked.json["data"]["meta"];
    assert_eq!(meta["plugin"], "2.1");
    assert_eq!(meta["vendor"], "gravityview");
    assert_eq!(meta["kind"], "write");
    assert_eq!(meta["issuance_id"], answer.json["issuanceId"]);
    assert_eq!(
        meta["request_id"].as_str(),
        answer.headers["x-request-id"].to_str().ok()
    );
}

#[tokio::test]
async fn wrapped_token_can_be_unwrapped_once() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    for body in [
        json!({ "wrapTtl": 60 }),
        json!({ "wrapTtl": 60, "secretId": SITE }),
    ] {
        let answer = ask(&test, &vendor, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.json.get("token").is_none() && answer.json.get("auth").is_none());
        assert_eq!(answer.json["wrapTtl"], 60);
        let unwrap = || {
            test.bao(
                Method::POST,
                "sys/wrapping/unwrap",
                answer.json["wrapToken"].as_str().unwrap(),
            )
        };
        let unwrapped = unwrap().send().await;
        assert_eq!(
            unwrapped.json["auth"]["accessor"], answer.json["accessor"],
            "{unwrapped:?}"
        );
        assert!(
            test.is_alive(unwrapped.json["auth"]["client_token"].as_str().unwrap())
                .await
        );
        assert_eq!(unwrap().send().await.status, 400);
    }
    assert_eq!(recorded(&test).await.len(), 2);
    ask(&test, &vendor, &json!({ "wrapTtl": 29 }))
        .await
        .expect_problem(422, "invalid_field");
}

#[tokio::test]
async fn newer_site_token_kills_the_former() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let first = test.write_token(&vendor, SITE).await;
    let second = test.write_token(&vendor, SITE).await;
    assert!(!test.is_alive(&first).await);
    assert!(test.is_alive(&second).await);
}

#[tokio::test]
async fn vendor_can_refuse_store_wide_tokens() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    test.sql()
        .await
        .execute("UPDATE vendors SET store_wide_writes = false", &[])
        .await
        .unwrap();
    let mut answer = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    for _ in 0..100 {
        if answer.status != 200 {
            break;
        }
        answer = test
            .post("/api/site")
            .bearer(&vendor.public_key)
            .send()
            .await;
    }
    answer.expect_problem(403, "store_wide_refused");
    assert_eq!(
        ask(&test, &vendor, &json!({ "secretId": SITE }))
            .await
            .status,
        200
    );
}
