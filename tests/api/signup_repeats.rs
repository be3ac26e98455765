//! A sign-up that is delivered again and again, at once and later, at two replicas: it happens once. `DRILL_SIGNUPS` says for
//! how many vendors, 2 by itself; `make drill` takes 100.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::types::Namespace;
use gatehouse::vault::{policies, system};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::vendor_of;
use crate::support::http::Answer;
use crate::support::{Place, TestApp, Wire};

const AT_ONCE: usize = 50;
const LATER: usize = 100;

/// A service behind a wire of its own.
async fn wired(place: Place) -> (TestApp, Wire) {
    let wire = Wire::to(&place.bao.addr).await;
    let mut config = place.config().await;
    config.bao.server.addr.clone_from(&wire.addr);
    (TestApp::start_at(place, config).await, wire)
}

fn is_replay(answer: &Answer) -> bool {
    let header = answer.headers.get("idempotent-replayed");
    header.is_some_and(|value| value == "true")
}

/// What is in OpenBao of a vendor: mounts with their kinds, and policies with their texts.
async fn in_openbao(test: &TestApp, namespace: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let is_its = |name: &str| {
        let rest = name.strip_prefix(namespace);
        rest.is_some_and(|rest| rest.starts_with(['-', '.']))
    };
    let mounts = test.bao_root(Method::GET, "sys/mounts").send().await.json;
    let mounts = mounts["data"].as_object().unwrap().keys();
    let mounts = mounts.filter(|name| is_its(name)).cloned().collect();
    let list = Method::from_bytes(b"LIST").unwrap();
    let listed = test.bao_root(list, "sys/policies/acl").send().await.json;
    let mut texts = BTreeMap::new();
    for name in listed["data"]["keys"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        if is_its(name) {
            let path = format!("sys/policies/acl/{name}");
            let read = test.bao_root(Method::GET, &path).send().await.json;
            let said = read["data"]["policy"].as_str().unwrap();
            texts.insert(name.to_owned(), said.to_owned());
        }
    }
    (mounts, texts)
}

/// Rows of a vendor, by table.
async fn rows(test: &TestApp, namespace: &str) -> Value {
    let sql = "SELECT jsonb_build_object( \
                 'vendors', (SELECT count(*) FROM vendors WHERE namespace = $1), \
                 'keys', (SELECT count(*) FROM api_keys k JOIN vendors v ON v.id = k.vendor_id WHERE v.namespace = $1), \
                 'receipts', (SELECT count(*) FROM webhook_receipts r JOIN vendors v ON v.id = r.vendor_id WHERE v.namespace = $1), \
                 'events', (SELECT count(*) FROM events e JOIN vendors v ON v.id = e.vendor_id \
                            WHERE v.namespace = $1 AND e.action LIKE 'vendor.%'))::text";
    let row = test.sql().await.query_one(sql, &[&namespace]).await;
    serde_json::from_str(row.unwrap().get(0)).unwrap()
}

#[tokio::test]
async fn sign_up_delivered_again_and_again_happens_once() {
    let vendors = std::env::var("DRILL_SIGNUPS").map(|text| text.parse().unwrap());
    let vendors: usize = vendors.unwrap_or(2);
    let place = Place::shared().await;
    let administrator = place.administrator();
    let accessor = system::token_mount_accessor(&administrator).await.unwrap();
    let (one, here) = wired(place).await;
    let (other, there) = wired(one.place()).await;
    for number in 0..vendors {
        let namespace = format!("vendor-{number:04}");
        let id = format!("msg_{number}");
        let body = json!({
            "type": "vendor.created", "timestamp": "2026-11-01T00:00:00Z",
            "data": { "namespace": namespace, "name": "GravityView", "plan": "all-access" },
        });
        let deliver = |n: usize| {
            let at = if n.is_multiple_of(2) { &one } else { &other };
            at.webhook(&id, &body)
        };
        let at_once = join_all((0..AT_ONCE).map(deliver)).await;
        let mut later = Vec::new();
        for n in 0..LATER {
            let mut answer = deliver(n).await;
            // A sender tries again.
            for _ in 0..50 {
                if answer.status != 503 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                answer = deliver(n).await;
            }
            later.push(answer);
        }
        let first = later[0].text.clone();
        let served = at_once.iter().filter(|answer| answer.status != 503);
        for answer in served.clone().chain(&later) {
            assert_eq!((answer.status, &answer.text), (200, &first), "{answer:?}");
        }
        // None of them is, where the first could not be answered: a machine that is short of breath.
        let done = served.filter(|answer| !is_replay(answer)).count();
        let put_off = at_once.iter().filter(|answer| answer.status == 503);
        let put_off = put_off.count();
        assert!(done == 1 || (done == 0 && put_off > 0), "{done} {put_off}");
        assert!(later.iter().all(is_replay) || put_off == AT_ONCE);

        let right = json!({ "vendors": 1, "keys": 1, "receipts": 1, "events": 1 });
        assert_eq!(rows(&one, &namespace).await, right);
        let name = Namespace::parse(&namespace).unwrap();
        let (mounts, texts) = in_openbao(&one, &namespace).await;
        let right = [name.credentials(), name.store()].map(|path| format!("{path}/"));
        assert_eq!(mounts, right);
        let right = policies::of_vendor(&name, &accessor);
        let right = right
            .iter()
            .map(|policy| (policy.name.clone(), policy.text.clone()));
        assert_eq!(texts, right.collect::<BTreeMap<_, _>>());
        // Whoever came too late was told that the path is in use.
        let path = format!("sys/mounts/{}", name.store());
        let made = [&here, &there].map(|wire| {
            let calls = wire.calls_to(&path).into_iter();
            let made = calls.filter(|call| call.method == "POST" && call.status == Some(204));
            made.count()
        });
        assert_eq!(made[0] + made[1], 1, "{made:?}");

        let claim = json!({ "claimToken": later[0].text_of("claimToken") });
        let claimed = one.post("/api/vendors/claim").json(&claim).send().await;
        assert_eq!(claimed.status, 200, "{claimed:?}");
        let vendor = vendor_of(&claimed.json);
        one.write_token(&vendor, "site-of-everybody-01").await;
        here.forget();
        there.forget();
    }
}
