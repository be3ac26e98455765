//! Key pairs of vendors: two at a time, with when each was last used, and an end for the older.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gatehouse::routes::Route;
use reqwest::Method;
use serde_json::{Value, json};

use crate::access::{Case, case};
use crate::cli::{json_of, refusal};
use crate::support::http::Answer;
use crate::support::{TestApp, TestVendor};

const DAY: i64 = 24 * 3600;

/// A request to such a route: one that leaves the pairs as they are.
pub fn request(route: &Route) -> Option<Case> {
    let path = route.path.replace("{namespace}", "vendor-a");
    let path = path.replace("{pair}", "0000000000000001");
    Some(match route.method {
        "GET" => case(&path, Value::Null, 200, 200),
        "POST" => case(&path, json!({ "overlap": -1 }), 422, 422),
        "PATCH" => case(&path, json!({ "endsAt": null }), 404, 404),
        "DELETE" => case(&path, Value::Null, 404, 404),
        _ => return None,
    })
}

async fn pairs(test: &TestApp, vendor: &TestVendor) -> Vec<Value> {
    let list = test
        .get("/api/key-pairs")
        .bearer(&vendor.private_key)
        .send()
        .await;
    assert_eq!(list.status, 200, "{list:?}");
    list.json["items"].as_array().unwrap().clone()
}

/// The vendor by a new pair.
pub async fn rotated(test: &TestApp, vendor: &TestVendor, body: Value) -> TestVendor {
    let made = test
        .post("/api/key-pairs")
        .bearer(&vendor.private_key)
        .json(&body)
        .send()
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let new = TestVendor {
        public_key: made.text_of("publicKey"),
        private_key: made.text_of("privateKey"),
        ..vendor.clone()
    };
    test.keep_secret(&new.private_key);
    new
}

/// What each way to show a pair is answered: public key, private key, TrustedLogin's headers.
async fn shown(test: &TestApp, vendor: &TestVendor) -> [u16; 3] {
    let public = test
        .post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    let private = test.get("/sites").bearer(&vendor.private_key).send().await;
    let path = format!("/api/v1/accounts/{}", vendor.id);
    let connector = test
        .call(Method::POST, &path)
        .trusted_login(vendor)
        .json(&json!({}))
        .send()
        .await;
    [public.status, private.status, connector.status]
}

async fn end(test: &TestApp, by: &TestVendor, pair: &Value) -> Answer {
    let path = format!("/api/key-pairs/{}", pair["id"].as_str().unwrap());
    test.delete(&path).bearer(&by.private_key).send().await
}

#[tokio::test]
async fn two_pairs_live_until_the_older_one_ends() {
    let test = TestApp::start().await;
    let old = test.vendor("gravityview").await;
    let served = shown(&test, &old).await;
    assert_eq!(served[..2], [200, 200]);
    let new = rotated(&test, &old, json!({})).await;
    assert_ne!(old.public_key, new.public_key);
    for vendor in [&old, &new] {
        assert_eq!(shown(&test, vendor).await, served);
    }
    let list = pairs(&test, &new).await;
    assert_eq!(list.len(), 2, "{list:?}");
    assert_eq!(
        (&list[0]["publicKey"], &list[0]["endsAt"]),
        (&json!(new.public_key), &Value::Null)
    );
    assert_eq!(
        (&list[1]["publicKey"], &list[1]["status"]),
        (&json!(old.public_key), &json!("live"))
    );
    let third = test
        .post("/api/key-pairs")
        .bearer(&new.private_key)
        .send()
        .await;
    third.expect_problem(409, "two_key_pairs");

    test.app.clock.advance(30 * DAY - 60);
    assert_eq!(shown(&test, &old).await, served);
    test.app.clock.advance(120);
    assert_eq!(shown(&test, &old).await, [401, 401, 403]);
    assert_eq!(shown(&test, &new).await, served);
    let list = pairs(&test, &new).await;
    assert_eq!(
        (&list[0]["status"], &list[1]["status"]),
        (&json!("live"), &json!("ended"))
    );
    end(&test, &new, &list[1])
        .await
        .expect_problem(409, "key_pair_ended");
    // Where a key leaked there is no overlap.
    let newest = rotated(&test, &new, json!({ "overlap": 0 })).await;
    assert_eq!(shown(&test, &new).await, [401, 401, 403]);
    assert_eq!(shown(&test, &newest).await, served);
    assert_eq!(pairs(&test, &newest).await.len(), 3);
}

#[tokio::test]
async fn end_of_the_older_pair_can_be_changed_and_the_newest_has_none() {
    let test = TestApp::start().await;
    let old = test.vendor("gravityview").await;
    let other = test.vendor("other-vendor").await;
    let new = rotated(&test, &old, json!({ "overlap": 60 })).await;
    let list = pairs(&test, &new).await;
    let path = format!("/api/key-pairs/{}", list[1]["id"].as_str().unwrap());
    let set = async |by: &TestVendor, ends: Value| {
        let call = test.call(Method::PATCH, &path).bearer(&by.private_key);
        call.json(&json!({ "endsAt": ends })).send().await
    };
    set(&other, Value::Null)
        .await
        .expect_problem(404, "not_found");
    end(&test, &other, &list[1])
        .await
        .expect_problem(404, "not_found");
    let now = test.app.clock.now();
    for bad in [
        json!(now),
        json!("2199-01-01T00:00:00Z"),
        json!("tomorrow"),
        json!(-1),
    ] {
        let refused = set(&old, bad.clone()).await;
        assert_eq!(refused.status, 422, "{bad}: {refused:?}");
    }
    // Where the new one came to nothing, the old one lives on.
    let never = set(&old, Value::Null).await;
    assert_eq!((never.status, &never.json["endsAt"]), (200, &Value::Null));
    test.app.clock.advance(DAY);
    assert_eq!(shown(&test, &old).await[..2], [200, 200]);
    end(&test, &old, &list[0])
        .await
        .expect_problem(409, "last_key_pair");
    let current = test
        .delete("/api/key-pairs/current")
        .bearer(&old.private_key)
        .send()
        .await;
    current.expect_problem(409, "last_key_pair");
    for unknown in [
        "0",
        "000000000000000g",
        "0000000000000001",
        "-000000000000001",
    ] {
        let path = format!("/api/key-pairs/{unknown}");
        let gone = test.delete(&path).bearer(&old.private_key).send().await;
        gone.expect_problem(404, "not_found");
    }
    let ended = end(&test, &new, &list[1]).await;
    assert_eq!(
        (ended.status, &ended.json["status"]),
        (200, &json!("ended"))
    );
    assert_eq!(shown(&test, &old).await[..2], [401, 401]);
    for overlap in [json!(-1), json!(366 * DAY + 1), json!("1"), json!(1.5)] {
        let call = test.post("/api/key-pairs").bearer(&new.private_key);
        let refused = call.json(&json!({ "overlap": overlap })).send().await;
        assert_eq!(refused.status, 422, "{overlap}: {refused:?}");
    }
    let sql = "SELECT action FROM events WHERE action LIKE 'key_pair.%' ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    let actions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        actions,
        ["key_pair.made", "key_pair.end_set", "key_pair.end_set"]
    );
}

#[tokio::test]
async fn last_use_of_each_key_is_kept_by_the_task_and_at_the_stop() {
    let mut test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let new = rotated(&test, &vendor, json!({})).await;
    let used = async || {
        let list = pairs(&test, &new).await;
        let at = |pair: usize, key: &str| list[pair][key].as_str().map(str::to_owned);
        let of = |pair| (at(pair, "publicKeyUsedAt"), at(pair, "privateKeyUsedAt"));
        (of(0), of(1))
    };
    test.pass("keep_key_uses").await;
    let before = used().await;
    assert!(before.0.0.is_none() && before.1.0.is_none(), "{before:?}");
    assert!(before.1.1.is_some(), "{before:?}");
    test.app.clock.advance(DAY);
    test.post("/api/site")
        .bearer(&vendor.public_key)
        .send()
        .await;
    assert!(test.pass("keep_key_uses").await["pairs"].as_u64() >= Some(1));
    let after = used().await;
    assert!(
        after.1.0 > before.1.1 && after.1.1 == before.1.1,
        "{after:?}"
    );
    // What was refused is no use.
    test.app.clock.advance(40 * DAY);
    assert_eq!(shown(&test, &vendor).await[..2], [401, 401]);
    test.post("/api/site").bearer(&new.public_key).send().await;
    test.stop().await;
    let sql = "SELECT count(*) FILTER (WHERE public_at > now() + interval '40 days'), count(*) FROM api_key_uses";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 2));
}

/// K-rot-1.
#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_breaks_no_one_on_any_replica() {
    let test = TestApp::start().await;
    let replica = test.replica().await;
    let vendor = test.vendor("gravityview").await;
    let (stop, calls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let held = Arc::new(std::sync::Mutex::new(vendor.clone()));
    let load = async |test: &TestApp| {
        while !stop.load(Ordering::Relaxed) {
            let vendor = held.lock().unwrap().clone();
            let served = shown(test, &vendor).await;
            // A machine that is short of breath may answer 503; no right key is ever called wrong.
            assert!(
                !served.contains(&401) && !served.contains(&403),
                "{served:?}"
            );
            calls.fetch_add(usize::from(served[..2] == [200, 200]), Ordering::Relaxed);
        }
    };
    let rotate = async {
        let mut newest = vendor.clone();
        for round in 0..3 {
            let by = if round % 2 == 0 { &test } else { &replica };
            let made = rotated(by, &newest, json!({ "overlap": 3600 })).await;
            *held.lock().unwrap() = made.clone();
            let list = pairs(&test, &made).await;
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            assert_eq!(end(by, &made, &list[1]).await.status, 200);
            newest = made;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(load(&test), load(&replica), load(&replica), rotate);
    assert!(calls.load(Ordering::Relaxed) > 10);
    // The first is dead everywhere.
    for test in [&test, &replica] {
        assert_eq!(shown(test, &vendor).await[..2], [401, 401]);
    }
}

#[tokio::test]
async fn two_rotations_at_once_make_one_pair() {
    let test = TestApp::start().await;
    let replica = test.replica().await;
    let vendor = test.vendor("gravityview").await;
    let rotate = async |test: &TestApp| {
        let call = test.post("/api/key-pairs").bearer(&vendor.private_key);
        call.send().await.status
    };
    let (a, b) = tokio::join!(rotate(&test), rotate(&replica));
    assert_eq!(std::collections::BTreeSet::from([a, b]), [201, 409].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_rotates_from_the_command_line() {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let made = json_of(
        &env,
        &["key-pair", "rotate", "gravityview", "--overlap", "600"],
    );
    test.keep_secret(made["privateKey"].as_str().unwrap());
    let list = json_of(&env, &["key-pair", "list", "gravityview"]);
    let old = list["items"][1]["id"].as_str().unwrap();
    let never = json_of(
        &env,
        &["key-pair", "end", "gravityview", old, "--at", "never"],
    );
    assert_eq!(never["endsAt"], Value::Null);
    assert_eq!(
        json_of(&env, &["key-pair", "end", "gravityview", old])["status"],
        "ended"
    );
    let gone = test.get("/sites").bearer(&vendor.private_key).send().await;
    gone.expect_problem(401, "credentials_invalid");
    let newest = made["id"].as_str().unwrap();
    assert!(
        refusal(&env, &["key-pair", "end", "gravityview", newest]).contains("409 last_key_pair")
    );
}
