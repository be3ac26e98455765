//! Removing sites: by plugins, vendors and operators, by expiry, and what becomes of tokens and entities.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::callers::delete_key;
use crate::support::http::Answer;
use crate::support::trustedlogin::envelope;
use crate::support::valve::Valve;
use crate::support::wait::{suspend, until};
use crate::support::{Place, TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";
const ACCESS: &str = "Customer_access-key_0001";

async fn start() -> (TestApp, TestVendor) {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    (test, vendor)
}

async fn remove(test: &TestApp, key: &str, id: &str) -> Answer {
    let path = format!("/sites/{id}");
    test.delete(&path).bearer(key).send().await
}

/// A read token for one site.
async fn reader(test: &TestApp, vendor: &TestVendor, id: &str) -> String {
    let call = test.post("/sites/token").bearer(&vendor.private_key);
    let answer = call.json(&json!({ "secretId": id })).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text_of("token")
}

async fn is_stored(test: &TestApp, vendor: &TestVendor, id: &str) -> bool {
    let path = format!("{}-store/{id}", vendor.namespace);
    let answer = test.bao_root(Method::GET, &path).send().await;
    assert!(matches!(answer.status, 200 | 404), "{answer:?}");
    answer.status == 200
}

async fn write(test: &TestApp, vendor: &TestVendor, id: &str, token: &str) -> u16 {
    let path = format!("{}-store/{id}", vendor.namespace);
    let call = test.bao(Method::POST, &path, token);
    call.json(&json!({ "a": "b" })).send().await.status
}

#[tokio::test]
async fn removed_site_is_gone_with_its_secret_and_its_tokens() {
    for base in ["/sites", "/api/sites"] {
        let (test, vendor) = start().await;
        let written = test.site(&vendor, SITE, ACCESS).await;
        let read = reader(&test, &vendor, SITE).await;
        for _ in 0..2 {
            let path = format!("{base}/{SITE}");
            let removed = test.delete(&path).bearer(&vendor.public_key).send().await;
            assert_eq!(removed.status, 200, "{removed:?}");
            assert_eq!(removed.json, json!({ "deleted": true }));
            assert!(!is_stored(&test, &vendor, SITE).await);
            assert!(!test.is_alive(&written).await);
            assert!(!test.is_alive(&read).await);
        }
        let path = format!("{base}/{SITE}");
        let shown = test.get(&path).bearer(&vendor.private_key).send().await;
        shown.expect_problem(404, "not_found");
        let search = json!({ "searchKeys": [ACCESS] });
        let call = test.post("/sites/search").bearer(&vendor.private_key);
        let found = call.json(&search).send().await;
        assert_eq!(found.json, json!({ "sites": [] }));
    }
}

#[tokio::test]
async fn secret_that_was_never_registered_is_removed_too() {
    let (test, vendor) = start().await;
    let token = test.write_token(&vendor, SITE).await;
    assert_eq!(write(&test, &vendor, SITE, &token).await, 204);
    let removed = remove(&test, &vendor.public_key, SITE).await;
    assert_eq!(
        (removed.status, removed.json),
        (200, json!({ "deleted": true }))
    );
    assert!(!is_stored(&test, &vendor, SITE).await);
    assert!(!test.is_alive(&token).await);
    // One that a store-wide token wrote, and no call of ours ever named.
    let wide = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    let wide = wide.text_of("token");
    assert_eq!(write(&test, &vendor, OTHER, &wide).await, 204);
    let removed = remove(&test, &vendor.private_key, OTHER).await;
    assert_eq!(removed.json, json!({ "deleted": true }));
    assert!(!is_stored(&test, &vendor, OTHER).await);
    assert!(test.is_alive(&wide).await);
}

#[tokio::test]
async fn removing_what_never_was_is_no_error() {
    let (test, vendor) = start().await;
    for _ in 0..2 {
        let removed = remove(&test, &vendor.public_key, SITE).await;
        assert_eq!(
            (removed.status, removed.json),
            (200, json!({ "deleted": true }))
        );
    }
}

#[tokio::test]
async fn delete_tokens_are_dead_when_the_answer_comes() {
    let (test, vendor) = start().await;
    test.site(&vendor, SITE, ACCESS).await;
    remove(&test, &vendor.public_key, SITE).await;
    let sql =
        "SELECT accessor, revoked_at IS NOT NULL AS revoked FROM issuances WHERE kind = 'delete'";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].get::<_, bool>("revoked"));
    let body = json!({ "accessor": rows[0].get::<_, &str>("accessor") });
    let path = "auth/token/lookup-accessor";
    let looked = test.bao_root(Method::POST, path).json(&body).send().await;
    assert_eq!(looked.status, 400, "{looked:?}");
    assert!(looked.text.contains("invalid accessor"), "{looked:?}");
}

#[tokio::test]
async fn removed_site_can_be_stored_anew() {
    let (test, vendor) = start().await;
    let former = test.site(&vendor, SITE, ACCESS).await;
    remove(&test, &vendor.public_key, SITE).await;
    let anew = test.site(&vendor, SITE, "another_access-key_0002").await;
    assert!(is_stored(&test, &vendor, SITE).await);
    assert!(!test.is_alive(&former).await);
    assert!(test.is_alive(&anew).await);
    let path = format!("/sites/{SITE}");
    let shown = test.get(&path).bearer(&vendor.private_key).send().await;
    assert_eq!(shown.status, 200, "{shown:?}");
    // Nothing of the former site comes back.
    let search = json!({ "searchKeys": [ACCESS] });
    let call = test.post("/sites/search").bearer(&vendor.private_key);
    let found = call.json(&search).send().await;
    assert_eq!(found.json, json!({ "sites": [] }));
}

#[tokio::test]
async fn expired_site_is_removed_by_the_task() {
    let (test, vendor) = start().await;
    let token = test.site(&vendor, SITE, ACCESS).await;
    test.site(&vendor, OTHER, "another_access-key_0002").await;
    let at = test.app.clock.now().as_second() + 3600;
    let body = json!({ "secretId": SITE, "expiresAt": at });
    let call = test.post("/sites").bearer(&vendor.private_key);
    assert_eq!(call.json(&body).send().await.status, 201);
    test.pass("remove_sites").await;
    assert!(is_stored(&test, &vendor, SITE).await);
    test.app.clock.advance(3601);
    test.pass("remove_sites").await;
    // The service's own pass may have taken it just before.
    until("the secret is gone", || async {
        !is_stored(&test, &vendor, SITE).await
    })
    .await;
    assert!(!test.is_alive(&token).await);
    assert!(is_stored(&test, &vendor, OTHER).await);
}

#[tokio::test]
async fn operator_removes_a_site_of_any_vendor() {
    let (test, vendor) = start().await;
    let token = test.site(&vendor, SITE, ACCESS).await;
    let path = format!("/api/admin/vendors/gravityview/sites/{SITE}");
    let removed = test.delete(&path).bearer(&test.operator).send().await;
    assert_eq!(removed.json, json!({ "deleted": true }));
    assert!(!is_stored(&test, &vendor, SITE).await);
    assert!(!test.is_alive(&token).await);
    let sql = "SELECT actor FROM events WHERE action = 'site.removal_asked'";
    let event = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(event.get::<_, &str>(0), "operator:test");
    let path = format!("/api/admin/vendors/nobody-here/sites/{SITE}");
    let absent = test.delete(&path).bearer(&test.operator).send().await;
    absent.expect_problem(404, "not_found");
}

#[tokio::test]
async fn suspended_vendors_sites_can_be_removed_by_everybody_who_may() {
    let (test, vendor) = start().await;
    let key = delete_key(&test, &vendor, "site-with-delete-key").await;
    suspend(&test, &vendor).await;
    let path = format!("/api/admin/vendors/gravityview/sites/{SITE}");
    for call in [
        test.delete(&format!("/sites/{SITE}"))
            .bearer(&vendor.public_key),
        test.delete(&format!("/sites/{SITE}"))
            .bearer(&vendor.private_key),
        test.delete(&format!("/sites/{SITE}"))
            .trusted_login(&vendor),
        test.delete(&path).bearer(&test.operator),
        test.delete(&format!("/api/sites/{key}"))
            .header("authorization", &key),
    ] {
        let removed = call.send().await;
        assert_eq!(
            (removed.status, &removed.json),
            (200, &json!({ "deleted": true }))
        );
    }
}

#[tokio::test]
async fn removal_without_openbao_is_queued_and_finished_later() {
    let place = Place::shared().await;
    let valve = Valve::to(&place.bao.addr).await;
    let mut config = place.config().await;
    config.bao.server.addr.clone_from(&valve.url);
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    let token = test.site(&vendor, SITE, ACCESS).await;
    valve.shut();
    let queued = remove(&test, &vendor.public_key, SITE).await;
    assert_eq!(queued.status, 202, "{queued:?}");
    assert_eq!(queued.json, json!({ "deleted": false, "queued": true }));
    // It is refused everywhere from then on.
    let path = format!("/sites/{SITE}");
    let shown = test.get(&path).bearer(&vendor.private_key).send().await;
    shown.expect_problem(404, "not_found");
    assert!(is_stored(&test, &vendor, SITE).await);
    valve.open();
    until("the secret is gone", || async {
        test.app.clock.advance(6);
        test.pass("remove_sites").await;
        !is_stored(&test, &vendor, SITE).await
    })
    .await;
    assert!(!test.is_alive(&token).await);
}

async fn entity_ids(test: &TestApp) -> Vec<String> {
    let sql = "SELECT entity_id FROM entities ORDER BY entity_id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn entity_lives(test: &TestApp, id: &str) -> bool {
    let path = format!("identity/entity/id/{id}");
    let answer = test.bao_root(Method::GET, &path).send().await;
    assert!(matches!(answer.status, 200 | 404), "{answer:?}");
    answer.status == 200
}

#[tokio::test]
async fn entity_goes_once_no_vendors_token_uses_its_alias() {
    let (test, vendor) = start().await;
    let other = test.vendor("gravityforms").await;
    test.site(&vendor, SITE, ACCESS).await;
    let theirs = test.site(&other, SITE, "another_access-key_0002").await;
    let ids = entity_ids(&test).await;
    assert_eq!(ids.len(), 1, "both vendors' tokens share the alias");
    remove(&test, &vendor.public_key, SITE).await;
    test.app.clock.advance(120);
    test.pass("delete_entities").await;
    assert!(entity_lives(&test, &ids[0]).await);
    // Their token still does what it may.
    assert!(test.is_alive(&theirs).await);
    assert_eq!(write(&test, &other, SITE, &theirs).await, 204);
    remove(&test, &other.public_key, SITE).await;
    test.app.clock.advance(120);
    until("the entity is gone", || async {
        let report: Value = test.pass("delete_entities").await;
        assert!(report["deleted"].is_u64(), "{report}");
        !entity_lives(&test, &ids[0]).await
    })
    .await;
    // The same name can be used again.
    let anew = test.site(&vendor, SITE, ACCESS).await;
    assert!(test.is_alive(&anew).await);
    assert_eq!(entity_ids(&test).await.len(), 2);
}

#[tokio::test]
async fn records_of_removed_sites_name_nobody_and_those_never_registered_are_forgotten() {
    let (test, vendor) = start().await;
    let body = envelope(&vendor, SITE, &"5".repeat(64));
    let stored = test.post("/api/v1/sites").bearer(&vendor.public_key);
    assert_eq!(stored.json(&body).send().await.status, 201);
    assert_eq!(remove(&test, &vendor.private_key, SITE).await.status, 200);
    let sql = test.sql().await;
    let named = "SELECT count(*) FROM sites WHERE site_url IS NOT NULL OR wp_user_id IS NOT NULL \
                 OR client_version IS NOT NULL OR metadata <> '{}'";
    let named: i64 = sql.query_one(named, &[]).await.unwrap().get(0);
    assert_eq!(named, 0);

    test.write_token(&vendor, OTHER).await;
    assert_eq!(test.pass("purge").await["sites"], 0);
    test.app.clock.advance(31 * 24 * 3600);
    assert_eq!(test.pass("purge").await["sites"], 2);
    // It can be stored all the same.
    test.site(&vendor, OTHER, ACCESS).await;
    test.app.clock.advance(31 * 24 * 3600);
    assert_eq!(test.pass("purge").await["sites"], 0);
}
