//! The process is killed at each step of issuing, provisioning and removing, before and after each call to OpenBao and
//! each commit: what it leaves agrees, another replica completes the work, and nothing is done twice. `make drill` does
//! it 20 times at each step.

use std::io::Write;

use gatehouse::types::Namespace;
use gatehouse::vault::policies::{self, TokenMountAccessor};
use gatehouse::vault::system;
use gatehouse::webhooks::SigningSecret;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestVendor;
use crate::support::app::{SIGNUP_SECRET, vendor_of};
use crate::support::kills::{Killing, times};

#[tokio::test]
async fn killed_at_each_step_of_issuing_no_token_lives_off_the_record() {
    let mut killing = Killing::start().await;
    let vendor = killing.test.vendor("gravityview").await;
    let places: [(&str, Value); 10] = [
        (
            "before POST auth/token/create/gatehouse-write-site",
            json!({}),
        ),
        (
            "after POST auth/token/create/gatehouse-write-site",
            json!({}),
        ),
        ("before recording tokens", json!({})),
        ("tokens recorded", json!({})),
        ("after recording tokens", json!({})),
        ("before POST auth/token/revoke-accessor", json!({})),
        ("after POST auth/token/revoke-accessor", json!({})),
        (
            "before POST auth/token/lookup-accessor",
            json!({ "wrapTtl": 60 }),
        ),
        (
            "after POST auth/token/lookup-accessor",
            json!({ "wrapTtl": 60 }),
        ),
        ("after recording tokens", json!({ "wrapTtl": 60 })),
    ];
    for _ in 0..times() {
        for (place, body) in &places {
            let site = format!("site-of-everybody-{:04}", killing.number());
            // There is a former one to be superseded.
            let former = killing.test.write_token(&vendor, &site).await;
            let mut body = body.clone();
            body["secretId"] = json!(site);
            killing
                .killed(place, |http, url| {
                    let call = http.post(format!("{url}/api/site"));
                    call.bearer_auth(&vendor.public_key).json(&body)
                })
                .await;
            let token = killing.test.write_token(&vendor, &site).await;
            assert!(killing.test.is_alive(&token).await, "{place}");
            killing.follow().await;
            assert!(!killing.test.is_alive(&former).await, "{place}");
            assert!(killing.test.is_alive(&token).await, "{place}");
            let live = "SELECT count(*) FROM issuances WHERE secret_id = $1 AND revoked_at IS NULL";
            let sql = killing.test.sql().await;
            let live: i64 = sql.query_one(live, &[&site]).await.unwrap().get(0);
            assert_eq!(live, 1, "{place}");
        }
        killing.assert_ledger_is_true("while issuing").await;
    }
}

#[tokio::test]
async fn killed_at_each_step_of_a_bound_token_its_role_is_made_once_and_no_token_is_left() {
    let mut killing = Killing::start().await;
    let vendor = killing.test.vendor("gravityview").await;
    let sql = killing.test.sql().await;
    let places = [
        "after claiming a bound role",
        "after making a bound role",
        "after noting a bound role",
        "before recording tokens",
        "after recording tokens",
    ];
    for _ in 0..times() {
        for place in places {
            let number = killing.number();
            let body =
                json!({ "boundCidrs": [format!("10.{}.{}.0/24", number / 250, number % 250)] });
            killing
                .killed(place, |http, url| {
                    let call = http.post(format!("{url}/api/site"));
                    call.bearer_auth(&vendor.private_key).json(&body)
                })
                .await;
            let call = killing.test.post("/api/site").bearer(&vendor.private_key);
            let again = call.json(&body).send().await;
            assert_eq!(again.status, 200, "{place}: {again:?}");
            let compared = killing.test.operate(Method::GET, "gravityview", "/repair");
            let compared = compared.await;
            assert_eq!(compared.json["found"], json!([]), "{place}: {compared:?}");
            killing.follow().await;
        }
        killing
            .assert_ledger_is_true("while making a bound token")
            .await;
    }
    let roles = async || -> (usize, i64) {
        let list = Method::from_bytes(b"LIST").unwrap();
        let listed = killing.test.bao_root(list, "auth/token/roles").send().await;
        let names: Vec<String> =
            serde_json::from_value(listed.json["data"]["keys"].clone()).unwrap();
        let names = names.iter().filter(|name| name.contains("-bound."));
        let rows = sql.query_one("SELECT count(*) FROM bound_roles", &[]).await;
        (names.count(), rows.unwrap().get(0))
    };
    let made = places.len() * times();
    assert_eq!(roles().await, (made, i64::try_from(made).unwrap()));
    // Removing them is gone on with.
    let end = json!({ "all": true });
    let call = killing.test.post("/api/issuances/revoke");
    let ended = call.bearer(&vendor.private_key).json(&end).send().await;
    assert_eq!(ended.status, 202, "{ended:?}");
    killing.test.pass("revoke_tokens").await;
    // As a crash leaves it: marked, and one of them deleted.
    let mark = "UPDATE bound_roles SET removing_at = now()";
    sql.batch_execute(mark).await.unwrap();
    let list = Method::from_bytes(b"LIST").unwrap();
    let listed = killing.test.bao_root(list, "auth/token/roles").send().await;
    let listed = listed.json["data"]["keys"].clone();
    let names = listed.as_array().unwrap().iter();
    let mut names = names.filter_map(Value::as_str);
    let one = names.find(|name| name.contains("-bound.")).unwrap();
    let path = format!("auth/token/roles/{one}");
    let deleted = killing.test.bao_root(Method::DELETE, &path).send().await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    killing.test.pass("remove_bound_roles").await;
    assert_eq!(roles().await, (0, 0));
}

/// The places of provisioning, in their order.
fn provisioning(namespace: &str, accessor: &TokenMountAccessor) -> Vec<String> {
    let name = Namespace::parse(namespace).unwrap();
    let mut calls = vec![format!("POST sys/mounts/{}", name.store())];
    calls.extend(
        policies::of_vendor(&name, accessor)
            .iter()
            .map(|policy| format!("PUT sys/policies/acl/{}", policy.name)),
    );
    calls.push(format!("POST sys/mounts/{}", name.credentials()));
    let mut places = vec![
        "before adding a vendor".to_owned(),
        "after adding a vendor".to_owned(),
        format!("before {}", calls[0]),
    ];
    places.extend(calls.iter().map(|call| format!("after {call}")));
    places.push("after provisioning".to_owned());
    places
}

#[tokio::test]
async fn killed_at_each_step_of_provisioning_the_next_message_completes_it() {
    let mut killing = Killing::start().await;
    let administrator = killing.test.place().administrator();
    let accessor = system::token_mount_accessor(&administrator).await.unwrap();
    // The task of the service that stays must not be quicker than the message.
    let client = killing.test.sql().await;
    let lock = "SELECT pg_advisory_lock(hashtextextended('provision_vendors', 0))";
    client.batch_execute(lock).await.unwrap();
    for _ in 0..times() {
        for step in 0..provisioning("vendor-0000", &accessor).len() {
            let namespace = format!("vendor-{:04}", killing.number());
            let place = &provisioning(&namespace, &accessor)[step];
            let body = json!({
                "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
                "data": { "namespace": namespace, "name": "GravityView" },
            });
            let bytes = serde_json::to_vec(&body).unwrap();
            let id = format!("msg_{namespace}");
            let now = killing.test.app.clock.now().as_second();
            let signature = SigningSecret::new(SIGNUP_SECRET.to_vec())
                .unwrap()
                .sign(&id, now, &bytes);
            killing
                .killed(place, |http, url| {
                    http.post(format!("{url}/webhooks/vendor-signup"))
                        .header("webhook-id", &id)
                        .header("webhook-timestamp", now.to_string())
                        .header("webhook-signature", signature)
                        .header("content-type", "application/json")
                        .body(bytes)
                })
                .await;
            let shown = killing.test.operate(Method::GET, &namespace, "").await;
            let is_known = place != "before adding a vendor";
            assert_eq!(
                shown.status,
                if is_known { 200 } else { 404 },
                "{place}: {shown:?}"
            );
            let answer = killing.test.webhook(&id, &body).await;
            assert_eq!(answer.status, 200, "{place}: {answer:?}");
            assert_eq!(answer.json["vendor"]["provisioned"], true, "{place}");
            let claim = json!({ "claimToken": answer.text_of("claimToken") });
            let claimed = killing.test.post("/api/vendors/claim").json(&claim);
            let claimed = claimed.send().await;
            assert_eq!(claimed.status, 200, "{place}: {claimed:?}");
            killing.assert_works(&vendor_of(&claimed.json), place).await;
        }
    }
}

impl Killing {
    /// A vendor with all that belongs to it, once.
    async fn assert_works(&self, vendor: &TestVendor, place: &str) {
        let namespace = &vendor.namespace;
        let compared = self.test.operate(Method::GET, namespace, "/repair").await;
        assert_eq!(compared.json["found"], json!([]), "{place}: {compared:?}");
        self.test
            .site(vendor, "site-of-everybody-01", &"5".repeat(64))
            .await;
        assert_eq!(self.events("vendor.created", namespace).await, 1, "{place}");
        let sql = "SELECT count(*) FROM vendors v JOIN api_keys k ON k.vendor_id = v.id \
                   JOIN webhook_receipts r ON r.vendor_id = v.id WHERE v.namespace = $1";
        let client = self.test.sql().await;
        let rows: i64 = client.query_one(sql, &[namespace]).await.unwrap().get(0);
        assert_eq!(rows, 1, "{place}");
    }
}

/// A site whose removal was cut off at a place, and its token. The task of the service that stays finds a removal before its
/// claim now and then.
async fn killed_while_removing(
    killing: &mut Killing,
    vendor: &TestVendor,
    place: &str,
) -> (String, String) {
    for _ in 0..5 {
        let site = format!("site-of-everybody-{:04}", killing.number());
        let key = format!("{:064x}", killing.number);
        let token = killing.test.site(vendor, &site, &key).await;
        let killed = killing.killed_or_answered(place, |http, url| {
            let call = http.delete(format!("{url}/sites/{site}"));
            call.bearer_auth(&vendor.private_key)
        });
        if killed.await.is_ok() {
            return (site, token);
        }
    }
    panic!("{place} was never come to");
}

#[tokio::test]
async fn killed_at_each_step_of_a_removal_it_is_refused_at_once_and_finished_later() {
    let mut killing = Killing::start().await;
    let vendor = killing.test.vendor("gravityview").await;
    let places = [
        "before asking for a removal",
        "after asking for a removal",
        "after claiming a removal",
        "before POST auth/token/revoke-accessor",
        "after POST auth/token/revoke-accessor",
        "before POST auth/token/create/gatehouse-delete",
        "after POST auth/token/create/gatehouse-delete",
        "before recording tokens",
        "after recording tokens",
        "before DELETE a site's secret",
        "after DELETE a site's secret",
        "before noting a removal",
        "after noting a removal",
    ];
    for _ in 0..times() {
        for place in places {
            let (site, token) = killed_while_removing(&mut killing, &vendor, place).await;
            let path = format!("/sites/{site}");
            let shown = killing.test.get(&path).bearer(&vendor.private_key);
            let shown = shown.send().await;
            let is_asked = place != "before asking for a removal";
            assert_eq!(
                shown.status,
                if is_asked { 404 } else { 200 },
                "{place}: {shown:?}"
            );
            if !is_asked {
                let removed = killing.test.delete(&path).bearer(&vendor.private_key);
                assert_eq!(removed.send().await.status, 200, "{place}");
            }
            killing.follow().await;
            assert!(!killing.test.is_alive(&token).await, "{place}");
            let secret = format!("gravityview-store/{site}");
            let secret = killing.test.bao_root(Method::GET, &secret).send().await;
            assert_eq!(secret.status, 404, "{place}: {secret:?}");
            assert_eq!(killing.events("site.removed", &site).await, 1, "{place}");
            let again = killing.test.delete(&path).bearer(&vendor.private_key);
            assert_eq!(again.send().await.status, 200, "{place}");
        }
        killing.assert_ledger_is_true("while removing").await;
    }
    writeln!(
        std::io::stderr(),
        "killed {} times while removing",
        killing.number
    )
    .unwrap();
}
