//! Workloads get tokens of OpenBao for tokens of their own platforms.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::issuer::{Signer, TestIssuer, github, kubernetes};
use crate::support::{TestApp, TestVendor};

async fn status_at(test: &TestApp, method: Method, path: &str, token: &str) -> u16 {
    let call = test.bao(method, path, token);
    call.json(&json!({ "identifier": "x" })).send().await.status
}

/// What OpenBao says of a token.
async fn looked_up(test: &TestApp, token: &str) -> Value {
    let call = test.bao(Method::GET, "auth/token/lookup-self", token);
    call.send().await.json["data"].clone()
}

#[tokio::test]
async fn job_of_github_actions_reads_what_its_worker_may_and_nothing_else() {
    let signer = Signer::new("RS256", "38826b17");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = issuer.service().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    let worker = test.worker(&a, &["deploy-*"]).await;
    let value = json!({ "type": "generic", "a": "b" });
    for (vendor, key) in [(&a, "deploy-key"), (&a, "other-key"), (&b, "deploy-key")] {
        test.credential(vendor, key, value.clone()).await;
    }
    test.issuer(&issuer.url, &["RS256"]).await;
    let policy = test
        .policy(
            &a,
            &issuer.url,
            json!({
                "claims": {
                    "sub": "repo:acme/app:ref:refs/heads/main",
                    "job_workflow_ref": "acme/app/.github/workflows/deploy.yml@refs/heads/*",
                    "environment": ["staging", "production"],
                },
                "grant": { "kind": "credentials", "worker": worker.login },
            }),
        )
        .await;
    let subject = signer.sign(&github(&test, &issuer.url));
    let answer = test.exchange("vendor-a", &subject, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = &answer.json;
    let kind = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(
        (&body["issued_token_type"], &body["token_type"]),
        (&json!(kind), &json!("Bearer"))
    );
    assert_eq!(
        (&body["expires_in"], &body["trustPolicy"]),
        (&json!(600), &json!(policy))
    );
    let path = test.app.config.bao.below_v1("vendor-a-credentials/secret");
    assert_eq!(body["path"], path);
    let token = answer.text_of("access_token");
    for (path, expected) in [
        ("vendor-a-credentials/secret/data/deploy-key", 200),
        ("vendor-a-credentials/secret/data/other-key", 403),
        ("vendor-b-credentials/secret/data/deploy-key", 403),
        ("vendor-a-store/site-of-a-0123456789", 403),
    ] {
        assert_eq!(
            status_at(&test, Method::GET, path, &token).await,
            expected,
            "{path}"
        );
    }
    let write = "vendor-a-credentials/secret/data/deploy-key";
    assert_eq!(status_at(&test, Method::POST, write, &token).await, 403);

    let known = looked_up(&test, &token).await;
    assert_eq!(known["explicit_max_ttl"], 600, "{known}");
    let renewed = test.bao(Method::POST, "auth/token/renew-self", &token);
    let renewed = renewed.json(&json!({ "increment": "1h" })).send().await;
    let left = renewed.json["auth"]["lease_duration"].as_u64();
    assert!(renewed.status == 400 || left <= Some(600), "{renewed:?}");
    assert_eq!(
        known["meta"]["subject"],
        "repo:acme/app:ref:refs/heads/main"
    );
    assert_eq!(known["meta"]["trust_policy"], json!(policy));
    let told = test.told(&a, "token.issued").await;
    assert_eq!(told[0]["actor"], format!("workload:{policy}"));
    let workload = &told[0]["details"]["workload"];
    assert_eq!(workload["subject"], "repo:acme/app:ref:refs/heads/main");
    assert_eq!(
        (&workload["issuer"], &workload["policy"]),
        (&json!(issuer.url), &json!(policy))
    );
    // The same workload comes again, with the same token too.
    assert_eq!(test.exchange("vendor-a", &subject, &[]).await.status, 200);
    let path = format!("/api/trust-policies/{policy}");
    let shown = test.get(&path).bearer(&a.private_key).send().await;
    assert!(shown.json["lastUsedAt"].is_string(), "{shown:?}");
}

#[tokio::test]
async fn pod_of_kubernetes_writes_to_its_site_and_nothing_else() {
    let signer = Signer::new("ES256", "k8s-1");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = issuer.service().await;
    let (a, _b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    test.issuer(&issuer.url, &["ES256"]).await;
    let claims = json!({
        "sub": "system:serviceaccount:ingest:*",
        "/kubernetes.io/namespace": "ingest",
        "/kubernetes.io/serviceaccount/name": "transcoder",
        "/kubernetes.io/pod/name": "transcoder-*",
    });
    let site = "site-of-a-0123456789";
    let grant = json!({ "kind": "write_site", "secretId": site });
    let more = json!({ "claims": claims, "grant": grant });
    test.policy(&a, &issuer.url, more).await;
    let subject = signer.sign(&kubernetes(&test, &issuer.url));
    let answer = test.exchange("vendor-a", &subject, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let path = test
        .app
        .config
        .bao
        .below_v1(&format!("vendor-a-store/{site}"));
    assert_eq!(answer.text_of("path"), path);
    let token = answer.text_of("access_token");
    for (path, expected) in [
        ("vendor-a-store/site-of-a-0123456789", 204),
        ("vendor-a-store/site-of-a-9876543210", 403),
        ("vendor-b-store/site-of-a-0123456789", 403),
        ("vendor-a-credentials/secret/data/x", 403),
    ] {
        assert_eq!(
            status_at(&test, Method::POST, path, &token).await,
            expected,
            "{path}"
        );
    }
    let mut other = kubernetes(&test, &issuer.url);
    other["kubernetes.io"]["serviceaccount"]["name"] = json!("builder");
    let refused = test.exchange("vendor-a", &signer.sign(&other), &[]).await;
    refused.expect_oauth(400, "trust_policy_mismatch");
    let reason = json!({
        "claim": "/kubernetes.io/serviceaccount/name", "problem": "no_match",
        "wanted": ["transcoder"], "found": "builder",
    });
    assert_eq!(refused.json["reasons"], json!([reason]));
}

#[tokio::test]
async fn every_kind_of_key_and_of_token_works() {
    let signer = Signer::new("EdDSA", "ed-1");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = issuer.service().await;
    let a = test.vendor("vendor-a").await;
    test.site(&a, "site-of-a-0123456789", "access-key-of-a-0123456789")
        .await;
    test.issuer(&issuer.url, &["EdDSA", "RS256"]).await;
    let read = "vendor-a-store/site-of-a-0123456789";
    for (grant, method, expected, policies) in [
        (
            json!({ "kind": "read" }),
            Method::GET,
            200,
            "vendor-a-read-policy",
        ),
        (
            json!({ "kind": "read_site", "secretId": "site-of-a-0123456789" }),
            Method::GET,
            200,
            "vendor-a.site-read",
        ),
        (
            json!({ "kind": "write" }),
            Method::POST,
            204,
            "vendor-a-write-policy",
        ),
        (
            json!({ "kind": "write_site", "secretId": "site-of-a-0123456789" }),
            Method::POST,
            204,
            "vendor-a.site-write",
        ),
    ] {
        let more = json!({ "grant": grant });
        let policy = test.policy(&a, &issuer.url, more).await;
        let resource = format!("urn:gatehouse:trust-policy:{policy}");
        let subject = signer.sign(&github(&test, &issuer.url));
        let named = [("resource", resource.as_str()), ("ttl", "300")];
        let answer = test.exchange("vendor-a", &subject, &named).await;
        assert_eq!(answer.status, 200, "{grant}: {answer:?}");
        assert_eq!(answer.json["expires_in"], 300);
        let granted = answer.json["policies"].as_array().unwrap();
        assert!(granted.contains(&json!(policies)), "{granted:?}");
        let token = answer.text_of("access_token");
        assert_eq!(
            status_at(&test, method, read, &token).await,
            expected,
            "{grant}"
        );
        assert_eq!(looked_up(&test, &token).await["explicit_max_ttl"], 300);
    }
    // Now four match, and which one is meant is to be said.
    let subject = signer.sign(&github(&test, &issuer.url));
    let answer = test.exchange("vendor-a", &subject, &[]).await;
    answer.expect_oauth(400, "trust_policy_ambiguous");
    assert_eq!(answer.text_of("error"), "invalid_target");
}

async fn granted(test: &TestApp, vendor: &TestVendor) -> i64 {
    let sql = "SELECT count(*) FROM issuances WHERE vendor_id = $1 AND caller LIKE 'workload:%'";
    let row = test.sql().await.query_one(sql, &[&vendor.id]).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn policies_for_audits_hand_out_nothing_and_say_what_they_would() {
    let signer = Signer::new("EdDSA", "ed-1");
    let issuer = TestIssuer::start(&[&signer]).await;
    let test = issuer.service().await;
    let a = test.vendor("vendor-a").await;
    test.issuer(&issuer.url, &["EdDSA"]).await;
    let policy = test
        .policy(&a, &issuer.url, json!({ "mode": "audit" }))
        .await;
    let good = signer.sign(&github(&test, &issuer.url));
    let answer = test.exchange("vendor-a", &good, &[]).await;
    answer.expect_oauth(400, "trust_policy_audits_only");
    let told = test.told(&a, "workload.audited").await;
    let decision = &told[0]["details"]["policies"][0];
    assert_eq!(
        (&decision["policy"], &decision["matches"]),
        (&json!(policy), &json!(true))
    );
    let mut wrong = github(&test, &issuer.url);
    wrong["ref"] = json!("refs/heads/evil");
    let answer = test.exchange("vendor-a", &signer.sign(&wrong), &[]).await;
    answer.expect_oauth(400, "trust_policy_mismatch");
    let told = test.told(&a, "workload.audited").await;
    let decision = &told[0]["details"]["policies"][0];
    assert_eq!(decision["matches"], false);
    assert_eq!(decision["reasons"][0]["claim"], "ref");
    assert_eq!(granted(&test, &a).await, 0);
    // Beside one in force it is still on record, and does not decide.
    test.policy(&a, &issuer.url, json!({})).await;
    assert_eq!(test.exchange("vendor-a", &good, &[]).await.status, 200);
    assert_eq!(test.told(&a, "workload.audited").await.len(), 3);
    let answer = test.change_policy(&a, &policy, json!({ "mode": "enforce" }));
    assert_eq!(answer.await.status, 200);
    let answer = test.exchange("vendor-a", &good, &[]).await;
    answer.expect_oauth(400, "trust_policy_ambiguous");
}
