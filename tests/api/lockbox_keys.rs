//! What a lockbox is locked with: who lacks what, and how it is changed.

use gatehouse::lockbox::SECRET_NAME;
use gatehouse::lockbox::crypto::{self, Kdf, OpenBaoPart, Wrap};
use gatehouse::types::{Namespace, Secret};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Place, TestApp, TestUser, TestVendor};

const PASSWORD: &str = "1234";
const STRONG: &str = "correct horse battery staple";

async fn open_box(test: &TestApp) -> (TestVendor, TestUser) {
    let vendor = test.vendor("vendor-a").await;
    let admin = test.administrator(&vendor).await;
    test.init(&admin, PASSWORD).await;
    (vendor, admin)
}

async fn wrap_in_database(test: &TestApp) -> Wrap {
    let sql = "SELECT wrapped_key, kdf_memory_kib, kdf_passes, kdf_lanes, salt, secret_version, generation FROM lockboxes";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    let number = |name| u32::try_from(row.get::<_, i32>(name)).unwrap();
    Wrap {
        kdf: Kdf {
            memory_kib: number("kdf_memory_kib"),
            passes: number("kdf_passes"),
            lanes: number("kdf_lanes"),
        },
        salt: row.get("salt"),
        secret_version: row.get("secret_version"),
        generation: row.get("generation"),
        sealed: row.get("wrapped_key"),
    }
}

async fn secret_in_openbao(test: &TestApp) -> String {
    let path = format!("gatehouse-keys/data/{SECRET_NAME}");
    let read = test.bao_root(Method::GET, &path).send().await;
    assert_eq!(read.status, 200, "{read:?}");
    read.json["data"]["data"]["key"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn tried(wrap: &Wrap, password: &str, secret: &str) -> bool {
    let part = OpenBaoPart::from_hex(wrap.secret_version, &Secret::new(secret.to_owned()));
    let namespace = Namespace::parse("vendor-a").unwrap();
    let password = Secret::new(password.to_owned());
    crypto::unwrap(&namespace, &password, &part.unwrap(), wrap)
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn a_thief_needs_the_database_the_password_and_openbao() {
    let test = TestApp::start().await;
    let (_, admin) = open_box(&test).await;
    test.stored(&admin, "one", "canary-value-1").await;
    let (wrap, secret) = (
        wrap_in_database(&test).await,
        secret_in_openbao(&test).await,
    );
    assert!(tried(&wrap, PASSWORD, &secret), "all three do");
    // The database and the password, and guesses at what lies in OpenBao.
    for guess in ["0".repeat(64), "f".repeat(64), secret.replace('a', "b")] {
        if guess != secret {
            assert!(!tried(&wrap, PASSWORD, &guess));
        }
    }
    // The database and what lies in OpenBao, and guesses at the password.
    for guess in ["", "123", "12345", "1234 ", "password", &secret] {
        assert!(!tried(&wrap, guess, &secret), "{guess}");
    }
    let dump = test.dump().await;
    for lacking in ["canary-value-1", PASSWORD, &secret] {
        let found = dump.lines().any(|line| line == lacking);
        assert!(!found && !dump.contains("canary-value-1"), "{lacking}");
    }
    assert!(!dump.contains(&secret));
}

#[tokio::test]
async fn weakened_parameters_in_the_database_open_nothing() {
    let test = TestApp::start().await;
    let (_, admin) = open_box(&test).await;
    assert_eq!(test.lock(&admin).await.status, 204);
    let sql = test.sql().await;
    for change in [
        "kdf_passes = 1",
        "kdf_memory_kib = 8",
        "kdf_memory_kib = 2000000000",
        "kdf_lanes = 0",
    ] {
        let before = wrap_in_database(&test).await.kdf;
        sql.batch_execute(&format!("UPDATE lockboxes SET {change}"))
            .await
            .unwrap();
        let refused = test.unlock(&admin, PASSWORD).await;
        assert_eq!(refused.status, 500, "{change}: {refused:?}");
        let back = format!(
            "UPDATE lockboxes SET kdf_memory_kib = {}, kdf_passes = {}, kdf_lanes = {}, unlock_failures = 0, \
             unlock_failed_at = NULL, unlock_next_at = NULL",
            before.memory_kib, before.passes, before.lanes
        );
        sql.batch_execute(&back).await.unwrap();
    }
    sql.batch_execute("UPDATE lockboxes SET kdf_passes = 3")
        .await
        .unwrap();
    assert_eq!(test.unlock(&admin, PASSWORD).await.status, 401);
    sql.batch_execute("UPDATE lockboxes SET kdf_passes = 2")
        .await
        .unwrap();
    assert_eq!(test.unlock(&admin, PASSWORD).await.status, 201);
}

#[tokio::test]
async fn unlocking_brings_parameters_and_secret_up_to_date() {
    let place = Place::shared().await;
    let mut config = place.config().await;
    let again = Place {
        bao: place.bao.clone(),
        bao_root: place.bao_root.clone(),
        database_url: place.database_url.clone(),
    };
    let mut test = TestApp::start_at(place, config.clone()).await;
    let (_, admin) = open_box(&test).await;
    let id = test.stored(&admin, "one", "canary-value-1").await;
    let first = secret_in_openbao(&test).await;
    let path = format!("gatehouse-keys/data/{SECRET_NAME}");
    let next = json!({ "data": { "key": "ab".repeat(32) } });
    let written = test.bao_root(Method::POST, &path).json(&next).send().await;
    assert_eq!(written.status, 200, "{written:?}");
    test.stop().await;
    config.lockbox.kdf.passes = 3;
    let test = TestApp::start_at(again, config).await;
    assert_eq!(test.unlock(&admin, PASSWORD).await.status, 201);
    assert_eq!(test.value(&admin, id).await, "canary-value-1");
    let wrap = wrap_in_database(&test).await;
    assert_eq!((wrap.kdf.passes, wrap.secret_version), (3, 2));
    assert!(tried(&wrap, PASSWORD, &"ab".repeat(32)));
    assert_ne!(first, "ab".repeat(32));
    assert_eq!(test.lock(&admin).await.status, 204);
    assert_eq!(test.unlock(&admin, PASSWORD).await.status, 201);
}

async fn sealed(test: &TestApp) -> Vec<(i64, i32, Vec<u8>)> {
    let sql = "SELECT id, generation, sealed FROM lockbox_entries ORDER BY id";
    let rows = test.sql().await.query(sql, &[]).await.unwrap();
    rows.iter()
        .map(|r| (r.get(0), r.get(1), r.get(2)))
        .collect()
}

async fn change(test: &TestApp, user: &TestUser, current: &str, new: &str) -> (u16, Value) {
    let body = json!({ "current": current, "new": new });
    let call = test.call(Method::PUT, "/api/lockbox/password").user(user);
    let answer = call.json(&body).send().await;
    (answer.status, answer.json)
}

#[tokio::test]
async fn a_new_password_touches_no_value() {
    let test = TestApp::start().await;
    let (_, admin) = open_box(&test).await;
    let id = test.stored(&admin, "one", "canary-value-1").await;
    let before = sealed(&test).await;
    let (status, body) = change(&test, &admin, "1235", STRONG).await;
    assert_eq!(
        (status, &body["code"]),
        (403, &json!("lockbox_password_wrong"))
    );
    for weak in [
        "1234",
        "fourteen chars",
        "password1234567",
        "aaaaaaaaaaaaaaaa",
    ] {
        let (status, body) = change(&test, &admin, PASSWORD, weak).await;
        assert_eq!(
            (status, &body["errors"][0]["pointer"]),
            (422, &json!("/new")),
            "{weak}"
        );
    }
    assert_eq!(change(&test, &admin, PASSWORD, STRONG).await.0, 200);
    assert_eq!(test.value(&admin, id).await, "canary-value-1");
    assert_eq!(sealed(&test).await, before);
    assert_eq!(test.lock(&admin).await.status, 204);
    assert_eq!(test.unlock(&admin, PASSWORD).await.status, 401);
    // Locked, it can be changed too, and stays locked.
    let other = "another horse, a battery, 9 staples";
    assert_eq!(change(&test, &admin, STRONG, other).await.0, 200);
    assert_eq!(test.lock_status(&admin).await, "locked");
    assert_eq!(test.unlock(&admin, STRONG).await.status, 401);
    assert_eq!(test.unlock(&admin, other).await.status, 201);
    assert_eq!(test.value(&admin, id).await, "canary-value-1");
}

#[tokio::test]
async fn a_new_data_key_seals_everything_again_in_the_background() {
    let test = TestApp::start().await;
    let (vendor, admin) = open_box(&test).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(
            test.stored(&admin, &format!("k{n}"), &format!("canary-value-{n}"))
                .await,
        );
    }
    let before = sealed(&test).await;
    let rotate = |password: &'static str| {
        let call = test.post("/api/lockbox/rotate").user(&admin);
        call.json(&json!({ "password": password })).send()
    };
    rotate("1235")
        .await
        .expect_problem(403, "lockbox_password_wrong");
    assert_eq!(rotate(PASSWORD).await.status, 202);
    let late = test.stored(&admin, "late", "canary-value-late").await;
    assert_eq!(test.value(&admin, ids[3]).await, "canary-value-3");
    // An entry that somebody changed keeps the former key until it is deleted.
    let sql = test.sql().await;
    let break_one = "UPDATE lockbox_entries SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) WHERE id = 1";
    sql.batch_execute(break_one).await.unwrap();
    test.pass("reseal_entries").await;
    let after = sealed(&test).await;
    if after[0].1 == 1 {
        rotate(PASSWORD)
            .await
            .expect_problem(409, "lockbox_rotating");
    }
    let gone = test.rport(Method::DELETE, "vault/1", &admin).send().await;
    assert_eq!(gone.status, 204, "{gone:?}");
    test.pass("reseal_entries").await;
    let after = sealed(&test).await;
    assert!(after.iter().all(|(_, generation, _)| *generation == 2));
    assert!(before.iter().all(|one| !after.contains(one)));
    for (n, id) in ids.into_iter().enumerate().skip(1) {
        assert_eq!(test.value(&admin, id).await, format!("canary-value-{n}"));
    }
    assert_eq!(test.value(&admin, late).await, "canary-value-late");
    let former = "SELECT former_key IS NULL AND generation = 2 FROM lockboxes WHERE vendor_id = $1";
    assert!(
        sql.query_one(former, &[&vendor.id])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
    assert_eq!(test.lock(&admin).await.status, 204);
    assert_eq!(test.unlock(&admin, PASSWORD).await.status, 201);
    assert_eq!(test.value(&admin, late).await, "canary-value-late");
    assert_eq!(rotate(PASSWORD).await.status, 202);
}

#[tokio::test]
async fn wrong_passwords_are_held_back_and_the_right_one_gets_in() {
    let test = TestApp::start().await;
    let (_, admin) = open_box(&test).await;
    assert_eq!(test.lock(&admin).await.status, 204);
    let unlock = |password: &'static str| {
        let call = test.post("/api/lockbox/unlock").user(&admin);
        call.json(&json!({ "password": password })).send()
    };
    for _ in 0..5 {
        unlock("12345")
            .await
            .expect_problem(403, "lockbox_password_wrong");
    }
    let held = unlock(PASSWORD).await;
    held.expect_problem(429, "rate_limited");
    let wait: u64 = held.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((800..=901).contains(&wait), "{wait}");
    // RPort's dialect knows delays only; fifty at once gain nothing.
    let crowd = (0..50).map(|_| test.unlock(&admin, "12345"));
    let crowd = futures_util::future::join_all(crowd).await;
    let tried = crowd.iter().filter(|answer| answer.status == 401).count();
    assert!(tried < 6, "{tried} of 50 were tried");
    assert!(
        crowd
            .iter()
            .all(|answer| matches!(answer.status, 401 | 429))
    );
    let begun = std::time::Instant::now();
    while test.unlock(&admin, PASSWORD).await.status != 201 {
        assert!(begun.elapsed().as_secs() < 20, "kept out for too long");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let sql = test.sql().await;
    let failures = "SELECT unlock_failures FROM lockboxes";
    assert_eq!(
        sql.query_one(failures, &[]).await.unwrap().get::<_, i32>(0),
        0
    );
    let events = "SELECT count(*) FROM events WHERE action = 'lockbox.unlock_refused' AND code = 'lockbox_password_wrong' \
                  AND actor = 'user:admin'";
    let events: i64 = sql.query_one(events, &[]).await.unwrap().get(0);
    assert_eq!(events, i64::try_from(5 + tried).unwrap());
}

/// Waits until the database knows of the last use.
async fn until_use_is_noted(test: &TestApp) {
    let recent = "SELECT max(used_at) > now() - interval '1 minute' FROM lockbox_holders";
    let sql = test.sql().await;
    crate::support::wait::until("the use is noted", || async {
        sql.query_one(recent, &[]).await.unwrap().get(0)
    })
    .await;
}

#[tokio::test]
async fn an_idle_lockbox_locks_itself_where_the_vendor_wants_that() {
    let test = TestApp::start().await;
    let (_, admin) = open_box(&test).await;
    let id = test.stored(&admin, "one", "canary-value-1").await;
    let sql = test.sql().await;
    // Twice, as a use of a moment before may be noted in between.
    let idle = async || {
        for _ in 0..2 {
            let set = "UPDATE lockbox_holders SET used_at = now() - interval '2 minutes'; \
                       UPDATE lockboxes SET unlocked_at = now() - interval '2 minutes'";
            sql.batch_execute(set).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        }
    };
    let set = |seconds: i64| {
        let call = test
            .call(Method::PATCH, "/api/lockbox/settings")
            .user(&admin);
        call.json(&json!({ "autoLock": seconds })).send()
    };
    for bad in [-1, 1, 59, 604_801, i64::MAX] {
        set(bad).await.expect_problem(422, "invalid_field");
    }
    idle().await;
    test.pass("shut_lockboxes").await;
    let value = test.value(&admin, id).await;
    assert_eq!(value, "canary-value-1", "off by default");
    until_use_is_noted(&test).await;
    assert_eq!(set(60).await.json["autoLock"], 60);
    test.pass("shut_lockboxes").await;
    let value = test.value(&admin, id).await;
    assert_eq!(value, "canary-value-1", "used a moment ago");
    until_use_is_noted(&test).await;
    idle().await;
    test.pass("shut_lockboxes").await;
    assert_eq!(test.read_entry(&admin, id).await.status, 409);
    assert_eq!(test.lock_status(&admin).await, "locked");
    let events = "SELECT count(*) FROM events WHERE action = 'lockbox.locked' AND actor = 'task:shut_lockboxes'";
    let events: i64 = sql.query_one(events, &[]).await.unwrap().get(0);
    assert_eq!(events, 1);
}
