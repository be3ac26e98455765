//! The service's own API of lockboxes: entries, groups, versions, history.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestUser;
use crate::support::lockbox::{PASSWORD, STRONG};
use crate::support::{TestApp, wait};

const ENTRIES: &str = "/api/lockbox/entries";

fn draft(key: &str) -> Value {
    json!({ "clientId": "c1", "key": key, "type": "secret", "value": format!("value of {key}") })
}

fn grouped(key: &str, group: &str) -> Value {
    let mut body = draft(key);
    body["requiredGroup"] = json!(group);
    body
}

async fn create(test: &TestApp, by: &TestUser, body: &Value) -> i64 {
    let made = test.send(by, &format!("POST {ENTRIES}"), body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.headers["etag"], "\"1\"");
    made.json["entry"]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn lockbox_is_initialized_locked_and_unlocked() {
    let test = TestApp::start().await;
    let vendor = test.vendor("lockbox-vendor").await;
    let admin = test.user(&vendor, "admin", &["Administrators"]).await;
    let user = test.user(&vendor, "user", &[]).await;
    test.keep_secret(STRONG);
    let with = |password: &str| json!({ "password": password });
    let status = async || test.ask(&user, "GET /api/lockbox").await.json;
    assert_eq!(
        status().await,
        json!({ "initialized": false, "locked": true })
    );
    let unlock = "POST /api/lockbox/unlock";
    test.send(&admin, unlock, &with(STRONG))
        .await
        .expect_problem(409, "lockbox_uninitialized");
    for weak in [
        "",
        "1234",
        "aaaaaaaaaaaaaaaaaaaa",
        "administrator1",
        "a\0bcdefghijklmnopqrst",
        &"x7!".repeat(400),
    ] {
        let refused = test
            .send(&admin, "POST /api/lockbox/init", &with(weak))
            .await;
        refused.expect_problem(422, "invalid_field");
        assert_eq!(refused.json["errors"][0]["pointer"], "/password");
    }
    let made = test
        .send(&admin, "POST /api/lockbox/init", &with(STRONG))
        .await;
    assert_eq!(
        (made.status, made.json),
        (200, json!({ "initialized": true, "locked": false }))
    );
    let again = test
        .send(&admin, "POST /api/lockbox/init", &with(STRONG))
        .await;
    again.expect_problem(409, "lockbox_initialized");
    test.send(&admin, unlock, &with(STRONG))
        .await
        .expect_problem(409, "lockbox_unlocked_already");
    let id = create(&test, &user, &draft("one")).await;
    assert_eq!(
        test.ask(&admin, "POST /api/lockbox/lock").await.json["locked"],
        true
    );
    test.ask(&admin, "POST /api/lockbox/lock")
        .await
        .expect_problem(409, "lockbox_locked_already");
    assert_eq!(
        status().await,
        json!({ "initialized": true, "locked": true })
    );
    for (call, body) in [
        (format!("GET {ENTRIES}"), Value::Null),
        (format!("POST {ENTRIES}"), draft("two")),
        (format!("GET {ENTRIES}/{id}"), Value::Null),
        (format!("PUT {ENTRIES}/{id}"), draft("two")),
        (format!("DELETE {ENTRIES}/{id}"), Value::Null),
        (format!("GET {ENTRIES}/{id}/history"), Value::Null),
    ] {
        test.send(&user, &call, &body)
            .await
            .expect_problem(423, "lockbox_locked");
    }
    test.send(&admin, unlock, &with(PASSWORD))
        .await
        .expect_problem(403, "lockbox_password_wrong");
    assert_eq!(
        test.send(&admin, unlock, &with(STRONG)).await.json["locked"],
        false
    );
    let read = test.ask(&user, &format!("GET {ENTRIES}/{id}")).await;
    assert_eq!(read.json["entry"]["value"], "value of one");
}

#[tokio::test]
async fn entry_is_made_read_changed_and_deleted() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-vendor").await;
    let id = create(&test, &admin, &draft("one")).await;
    let place = format!("{ENTRIES}/{id}");
    let read = test.ask(&admin, &format!("GET {place}")).await;
    let at = read.json["entry"]["createdAt"].clone();
    let right = json!({ "entry": {
        "id": 1, "clientId": "c1", "requiredGroup": "", "key": "one", "type": "secret", "version": 1,
        "createdAt": at, "createdBy": "admin", "updatedAt": at, "updatedBy": "admin", "value": "value of one",
    } });
    assert_eq!((read.status, &read.json), (200, &right));
    let put = async |tag: &str, key: &str| {
        let call = test.by(&admin, Method::PUT, &place).header("if-match", tag);
        call.json(&draft(key)).send().await
    };
    let changed = put("\"1\"", "two").await;
    assert_eq!(
        (changed.status, &changed.headers["etag"]),
        (200, &"\"2\"".parse().unwrap())
    );
    assert_eq!(changed.json["entry"]["value"], Value::Null);
    let late = put("\"1\"", "three").await;
    late.expect_problem(412, "version_conflict");
    assert_eq!(late.json["current_version"], 2);
    put("x", "three")
        .await
        .expect_problem(400, "invalid_parameter");
    let call = test
        .by(&admin, Method::DELETE, &place)
        .header("if-match", "\"1\"");
    call.send().await.expect_problem(412, "version_conflict");
    let deleted = test.ask(&admin, &format!("DELETE {place}")).await;
    assert_eq!(
        (deleted.status, deleted.json),
        (200, json!({ "deleted": true }))
    );
    test.ask(&admin, &format!("GET {place}"))
        .await
        .expect_problem(404, "not_found");
    let page = test
        .ask(&admin, &format!("GET {place}/history?limit=2"))
        .await
        .json;
    let shown = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|row| format!("{} {} {}", row["version"], row["action"], row["key"]))
            .collect()
    };
    assert_eq!(
        shown(&page),
        ["3 \"deleted\" \"two\"", "2 \"updated\" \"two\""]
    );
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = test
        .ask(&admin, &format!("GET {place}/history?cursor={cursor}"))
        .await
        .json;
    assert_eq!(shown(&rest), ["1 \"created\" \"one\""]);
    let sql = "SELECT string_agg(action || ' ' || details::text, E'\\n' ORDER BY id), \
               bool_and(request_id <> '' AND actor = 'user:admin') FROM events WHERE action LIKE 'lockbox.entry%'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    let about = r#"{"type": "secret", "entry": 1, "clientId": "c1"}"#;
    let actions = ["created", "read", "updated", "deleted"];
    let right = actions
        .map(|action| format!("lockbox.entry_{action} {about}"))
        .join("\n");
    assert_eq!(row.get::<_, String>(0), right);
    assert!(row.get::<_, bool>(1));
}

#[tokio::test]
async fn fields_are_checked() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-vendor").await;
    let post = format!("POST {ENTRIES}");
    for (field, value) in [
        ("key", json!("")),
        ("key", json!("k".repeat(256))),
        ("key", json!("a\u{85}")),
        ("key", json!(7)),
        ("clientId", json!("c".repeat(256))),
        ("requiredGroup", json!("g".repeat(65))),
        ("type", json!("SECRET")),
        ("value", json!("")),
        ("value", json!("v".repeat(65_537))),
        ("value", json!("a\0")),
        ("unknown", json!(1)),
    ] {
        let mut body = draft("one");
        body[field] = value;
        let refused = test.send(&admin, &post, &body).await;
        refused.expect_problem(422, "invalid_field");
        assert_eq!(
            refused.json["errors"][0]["pointer"],
            format!("/{field}"),
            "{refused:?}"
        );
    }
    let none = test.send(&admin, &post, &json!({})).await;
    assert_eq!(none.json["errors"].as_array().unwrap().len(), 3, "{none:?}");
    create(&test, &admin, &draft("one")).await;
    test.send(&admin, &post, &draft("one"))
        .await
        .expect_problem(409, "entry_exists");
    let mut largest = draft("largest");
    largest["value"] = json!("\u{1}".repeat(65_536));
    create(&test, &admin, &largest).await;
    let huge = json!({ "value": "v".repeat(600 * 1024) });
    test.send(&admin, &post, &huge)
        .await
        .expect_problem(413, "body_too_large");
    for id in ["0", "01", "-1", "x", "1.0", "9223372036854775808", "99"] {
        let missing = test.ask(&admin, &format!("GET {ENTRIES}/{id}")).await;
        missing.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn only_members_of_its_group_have_an_entry() {
    let test = TestApp::start().await;
    let (vendor, admin) = test.lockbox("lockbox-vendor").await;
    let member = test.user(&vendor, "member", &["night shift"]).await;
    let other = test.user(&vendor, "other", &["day shift"]).await;
    let id = create(&test, &member, &grouped("kept", "night shift")).await;
    let place = format!("{ENTRIES}/{id}");
    for who in [&other, &admin] {
        for (call, body) in [
            (format!("GET {place}"), Value::Null),
            (format!("PUT {place}"), draft("mine")),
            (format!("DELETE {place}"), Value::Null),
            (format!("GET {place}/history"), Value::Null),
            (format!("POST {ENTRIES}"), grouped("new", "night shift")),
        ] {
            let refused = test.send(who, &call, &body).await;
            refused.expect_problem(403, "group_required");
            let rports = call.replace(ENTRIES, "/api/v1/vault");
            if !call.contains("history") && !call.starts_with('P') {
                test.send(who, &rports, &body).await.expect_faults(403);
            }
        }
        let listed = test.ask(who, &format!("GET {ENTRIES}")).await;
        assert_eq!(listed.json["items"][0]["key"], "kept");
    }
    // To a group one is not in is refused as well.
    let own = create(&test, &other, &draft("open")).await;
    let call = format!("PUT {ENTRIES}/{own}");
    let refused = test
        .send(&other, &call, &grouped("open", "night shift"))
        .await;
    refused.expect_problem(403, "group_required");
    assert_eq!(
        test.send(&other, &call, &grouped("open", "day shift"))
            .await
            .status,
        200
    );
    test.ask(&member, &format!("GET {ENTRIES}/{own}"))
        .await
        .expect_problem(403, "group_required");
    assert_eq!(test.ask(&member, &format!("GET {place}")).await.status, 200);
    let sql = "SELECT count(*) FROM events WHERE code = 'group_required'";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2 * 7 + 2);
}

#[tokio::test]
async fn race_for_a_group_has_one_winner() {
    let test = TestApp::start().await;
    let (vendor, _) = test.lockbox("lockbox-vendor").await;
    let one = test.user(&vendor, "one", &["one"]).await;
    let two = test.user(&vendor, "two", &["two"]).await;
    for round in 0..5 {
        let id = create(&test, &one, &draft(&format!("raced-{round}"))).await;
        let call = format!("PUT {ENTRIES}/{id}");
        let (mine, theirs) = (
            grouped(&format!("r{round}"), "one"),
            grouped(&format!("r{round}"), "two"),
        );
        let (a, b) = tokio::join!(
            test.send(&one, &call, &mine),
            test.send(&two, &call, &theirs)
        );
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{a:?} {b:?}");
    }
}

#[tokio::test]
async fn other_vendors_see_nothing() {
    let test = TestApp::start().await;
    let (_, ours) = test.lockbox("lockbox-one").await;
    let (_, theirs) = test.lockbox("lockbox-two").await;
    create(&test, &ours, &draft("one")).await;
    let id = create(&test, &ours, &draft("two")).await;
    for (call, body) in [
        ("GET", Value::Null),
        ("PUT", draft("x")),
        ("DELETE", Value::Null),
    ] {
        let refused = test
            .send(&theirs, &format!("{call} {ENTRIES}/{id}"), &body)
            .await;
        refused.expect_problem(404, "not_found");
        let refused = test
            .send(&theirs, &format!("{call} /api/v1/vault/{id}"), &body)
            .await;
        assert!(matches!(refused.status, 400 | 404), "{refused:?}");
    }
    test.ask(&theirs, &format!("GET {ENTRIES}/{id}/history"))
        .await
        .expect_problem(404, "not_found");
    assert_eq!(create(&test, &theirs, &draft("one")).await, 1);
    let list = test.ask(&theirs, &format!("GET {ENTRIES}")).await.json;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let page = test
        .ask(&ours, &format!("GET {ENTRIES}?limit=1"))
        .await
        .json;
    let cursor = page["nextCursor"].as_str().unwrap();
    let reused = test
        .ask(&theirs, &format!("GET {ENTRIES}?limit=1&cursor={cursor}"))
        .await;
    reused.expect_problem(400, "invalid_parameter");
    assert_eq!(test.ask(&ours, "POST /api/lockbox/lock").await.status, 200);
    assert_eq!(
        test.ask(&theirs, &format!("GET {ENTRIES}/1")).await.status,
        200
    );
}

#[tokio::test]
async fn no_write_lands_after_a_lock() {
    let test = TestApp::start().await;
    let (vendor, admin) = test.lockbox("lockbox-vendor").await;
    let id = create(&test, &admin, &draft("one")).await;
    let mut sql = test.sql().await;
    // A lock that is not committed yet: writes wait for it, and then find the lockbox locked.
    let locking = sql.transaction().await.unwrap();
    let lock = "UPDATE lockboxes SET locked = true, epoch = epoch + 1 WHERE vendor_id = $1";
    locking.execute(lock, &[&vendor.id]).await.unwrap();
    let (post, put) = (format!("POST {ENTRIES}"), format!("PUT {ENTRIES}/{id}"));
    let (one, two) = (draft("two"), draft("three"));
    let writes = async {
        tokio::join!(
            test.send(&admin, &post, &one),
            test.send(&admin, &put, &two)
        )
    };
    let finish = async {
        let watcher = test.sql().await;
        wait::until("both wait", || async {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
            watcher.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 2
        })
        .await;
        locking.commit().await.unwrap();
    };
    let ((posted, put), ()) = tokio::join!(writes, finish);
    posted.expect_problem(423, "lockbox_locked");
    put.expect_problem(423, "lockbox_locked");
    let row = sql
        .query_one("SELECT count(*), max(version) FROM lockbox_entries", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1)), (1, 1));
}
