//! Lockboxes where something goes wrong, or somebody means harm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gatehouse::types::VendorId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::valve::Valve;
use crate::support::{Place, TestApp, TestUser, TestVendor, wait};

const PASSWORD: &str = "1234";

async fn open_box(test: &TestApp) -> (TestVendor, TestUser) {
    let vendor = test.vendor("vendor-a").await;
    let admin = test.administrator(&vendor).await;
    test.init(&admin, PASSWORD).await;
    (vendor, admin)
}

async fn backup(test: &TestApp, user: &TestUser) -> String {
    let answer = test.get("/api/lockbox/backup").user(user).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

async fn restore(test: &TestApp, user: &TestUser, file: &str) -> Answer {
    let body = format!("{}\n{file}", json!({ "password": PASSWORD }));
    test.post("/api/lockbox/restore?replace=true")
        .user(user)
        .header("content-type", "application/x-ndjson")
        .body(body)
        .send()
        .await
}

async fn own(test: &TestApp, user: &TestUser, path: &str) -> Answer {
    let call = test.post(&format!("/api/lockbox/{path}")).user(user);
    call.json(&json!({ "password": PASSWORD })).send().await
}

#[tokio::test]
async fn headers_that_nobody_wrote_are_refused_at_once() {
    let test = TestApp::start().await;
    let (_, admin) = open_box(&test).await;
    test.stored(&admin, "one", "canary-value-1").await;
    let file = backup(&test, &admin).await;
    let (header, rest) = file.split_once('\n').unwrap();
    let begun = Instant::now();
    for (field, value) in [
        ("memoryKib", json!(262_144)),
        ("memoryKib", json!(1_048_576)),
        ("memoryKib", json!(8)),
        ("passes", json!(64)),
        ("passes", json!(1)),
        ("lanes", json!(200)),
        ("salt", json!("")),
        ("salt", json!("AAAA")),
        ("sealed", json!("AAAA")),
        ("secretVersion", json!(0)),
        ("secretVersion", json!(-1)),
        ("secretVersion", json!(77)),
        ("generation", json!(0)),
    ] {
        let mut header: Value = serde_json::from_str(header).unwrap();
        header["key"][field] = value.clone();
        if field == "memoryKib" && value == 262_144 {
            header["key"]["passes"] = json!(16);
        }
        let refused = restore(&test, &admin, &format!("{header}\n{rest}")).await;
        assert_eq!(refused.status, 422, "{field} {value}: {refused:?}");
        assert_eq!(refused.json["errors"][0]["pointer"], "/backup");
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    let tried = "SELECT unlock_failures FROM lockboxes";
    let tried: i32 = test.sql().await.query_one(tried, &[]).await.unwrap().get(0);
    assert_eq!(tried, 0, "no password was tried");
}

#[tokio::test]
async fn what_could_not_be_restored_is_not_backed_up() {
    let test = TestApp::start().await;
    let (vendor, admin) = open_box(&test).await;
    let fill = "INSERT INTO lockbox_entries (vendor_id, id, client_id, required_group, key, type, sealed, generation, version, \
                    created_at, created_by, updated_at, updated_by) \
                SELECT $1, n, '', '', 'k' || n, 'text', decode(repeat('ab', 65000), 'hex'), 1, 1, now(), 'x', now(), 'x' \
                FROM generate_series(1001, 1800) n";
    test.sql().await.execute(fill, &[&vendor.id]).await.unwrap();
    let refused = test.get("/api/lockbox/backup").user(&admin).send().await;
    refused.expect_problem(409, "backup_too_large");
    let few = "DELETE FROM lockbox_entries WHERE id > 1001";
    test.sql().await.batch_execute(few).await.unwrap();
    let broken = test.get("/api/lockbox/backup").user(&admin).send().await;
    broken.expect_problem(500, "integrity");
    let told = "SELECT details->>'entry' FROM events WHERE action = 'lockbox.backed_up' AND code = 'integrity'";
    let told = test.sql().await.query_one(told, &[]).await.unwrap();
    assert_eq!(told.get::<_, &str>(0), "1001");
}

#[tokio::test]
async fn a_backup_that_nobody_reads_keeps_no_key() {
    let test = TestApp::start().await;
    let (vendor, admin) = open_box(&test).await;
    let value = "v".repeat(60_000);
    for n in 0..150 {
        let body = json!({ "key": format!("k{n}"), "value": value, "type": "text" });
        let call = test.rport(Method::POST, "vault", &admin).json(&body);
        assert_eq!(call.send().await.status, 201);
    }
    let stalled = reqwest::Client::builder().no_proxy().build().unwrap();
    let stalled = stalled
        .get(format!("{}/api/lockbox/backup", test.url))
        .basic_auth(&admin.login, Some(&admin.password))
        .send()
        .await
        .unwrap();
    assert_eq!(stalled.status(), 200);
    let keys = Arc::downgrade(&test.app.lockboxes.held(VendorId(vendor.id)).unwrap());
    assert_eq!(test.lock(&admin).await.status, 204);
    let begun = Instant::now();
    wait::until("the key is wiped", || {
        std::future::ready(keys.upgrade().is_none())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    drop(stalled);
}

#[tokio::test]
async fn the_right_password_is_no_wrong_one_whatever_else_fails() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    let valve = Valve::to(&place.bao.addr).await;
    config.bao.server.addr.clone_from(&valve.url);
    let test = TestApp::start_at(place, config).await;
    let (_, admin) = open_box(&test).await;
    let file = backup(&test, &admin).await;
    assert_eq!(test.lock(&admin).await.status, 204);
    valve.shut();
    for _ in 0..6 {
        let away = own(&test, &admin, "unlock").await;
        assert_eq!(away.status, 503, "{away:?}");
    }
    valve.open();
    wait::until("OpenBao is back and the password works", || async {
        let answer = own(&test, &admin, "unlock").await;
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        answer.status == 200
    })
    .await;
    // An entry that cannot be opened keeps the former key.
    test.stored(&admin, "one", "canary-value-1").await;
    let broken =
        "UPDATE lockbox_entries SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)";
    test.sql().await.batch_execute(broken).await.unwrap();
    assert_eq!(own(&test, &admin, "rotate").await.status, 202);
    for _ in 0..6 {
        let rotating = own(&test, &admin, "rotate").await;
        rotating.expect_problem(409, "lockbox_rotating");
    }
    let header = file.lines().next().unwrap();
    for _ in 0..6 {
        let cut = restore(&test, &admin, &format!("{header}\n")).await;
        assert_eq!(cut.status, 422, "{cut:?}");
    }
    let whole = restore(&test, &admin, &file).await;
    assert_eq!(whole.status, 200, "{whole:?}");
}

#[tokio::test]
async fn one_who_guesses_does_not_keep_another_out() {
    let test = TestApp::start().await;
    let (vendor, admin) = open_box(&test).await;
    let thief = test.user(&vendor, "thief", &["Administrators"]).await;
    assert_eq!(test.lock(&admin).await.status, 204);
    let guessing = async {
        loop {
            let guesses = (0..10).map(|_| test.unlock(&thief, "12345"));
            futures_util::future::join_all(guesses).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let right = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let begun = Instant::now();
        while test.unlock(&admin, PASSWORD).await.status != 201 {
            assert!(begun.elapsed() < Duration::from_secs(25), "kept out");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::select! {
        () = guessing => {}
        () = right => {}
    }
}

#[tokio::test]
async fn a_lock_that_waits_for_another_change_says_what_it_did() {
    let test = TestApp::start().await;
    let (_, admin) = open_box(&test).await;
    let mut sql = test.sql().await;
    let change = sql.transaction().await.unwrap();
    let moved = "UPDATE lockboxes SET epoch = epoch + 1, unlocked_at = now(); UPDATE lockbox_holders SET epoch = epoch + 1";
    change.batch_execute(moved).await.unwrap();
    let locking = test.lock(&admin);
    let committing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        change.commit().await.unwrap();
    };
    let (locked, ()) = tokio::join!(locking, committing);
    assert_eq!(locked.status, 204, "{locked:?}");
}
