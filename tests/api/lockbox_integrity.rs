//! Rows that somebody changed in the database: nothing of them is shown, and nobody is told what was wrong.

use serde_json::{Value, json};

use crate::support::TestUser;
use crate::support::lockbox::PASSWORD;
use crate::support::{TestApp, logs};

async fn run(test: &TestApp, sql: &str) {
    test.sql().await.batch_execute(sql).await.unwrap();
}

async fn refused(test: &TestApp, user: &TestUser, id: i64) -> Value {
    let read = test
        .ask(user, &format!("GET /api/lockbox/entries/{id}"))
        .await;
    read.expect_problem(500, "integrity");
    let rports = test.ask(user, &format!("GET /api/v1/vault/{id}")).await;
    rports.expect_faults(500);
    let mut body = read.json;
    body["request_id"] = Value::Null;
    body
}

#[tokio::test]
async fn changed_rows_are_refused_all_alike() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-one").await;
    let (_, other) = test.lockbox("lockbox-two").await;
    let value = "canary of the same length";
    for key in ["one", "two", "three"] {
        test.entry(&admin, key, json!({ "value": value })).await;
    }
    test.entry(&other, "one", json!({ "value": value })).await;
    run(&test, "CREATE TABLE kept AS SELECT * FROM lockbox_entries").await;
    let changed = json!({ "key": "one", "value": value, "type": "secret" });
    let call = "PUT /api/v1/vault/1";
    assert_eq!(test.send(&admin, call, &changed).await.status, 200);
    run(
        &test,
        "ALTER TABLE kept RENAME TO old; CREATE TABLE kept AS SELECT * FROM lockbox_entries",
    )
    .await;
    let restore = "UPDATE lockbox_entries e SET sealed = k.sealed, version = k.version, generation = k.generation, \
                   required_group = k.required_group, type = k.type FROM kept k WHERE k.vendor_id = e.vendor_id AND k.id = e.id";
    let first = "WHERE id = 1 AND vendor_id = (SELECT min(vendor_id) FROM lockboxes)";
    let from = |table: &str, of: &str| {
        format!(
            "SET sealed = (SELECT k.sealed FROM {table} k JOIN vendors v ON v.id = k.vendor_id WHERE {of})"
        )
    };
    let mut bodies = Vec::new();
    let mut tricks: Vec<String> = [0, 1, 12, 13, 20, 40]
        .map(|at| format!("SET sealed = set_byte(sealed, {at}, get_byte(sealed, {at}) # 1)"))
        .into();
    tricks.extend([
        "SET sealed = set_byte(sealed, 0, 255)".to_owned(),
        "SET sealed = substr(sealed, 1, length(sealed) - 1)".to_owned(),
        "SET sealed = substr(sealed, 1, 5)".to_owned(),
        "SET sealed = ''".to_owned(),
        "SET generation = 2".to_owned(),
        "SET generation = 0".to_owned(),
        "SET version = version + 1".to_owned(),
        "SET required_group = 'Administrators'".to_owned(),
        "SET type = 'text'".to_owned(),
        from("kept", "k.id = 2 AND v.namespace = 'lockbox-one'"),
        from("kept", "k.id = 1 AND v.namespace = 'lockbox-two'"),
        // What it was before: its value is no longer to be had.
        from("old", "k.id = 1 AND v.namespace = 'lockbox-one'"),
    ]);
    let start = logs::len();
    for trick in &tricks {
        run(&test, &format!("UPDATE lockbox_entries {trick} {first}")).await;
        bodies.push(refused(&test, &admin, 1).await);
        run(&test, restore).await;
        let read = test.ask(&admin, "GET /api/v1/vault/1").await;
        assert_eq!(read.json["data"]["value"], value, "{trick}");
    }
    // Two rows swapped: neither is readable.
    let swap = "UPDATE lockbox_entries e SET sealed = k.sealed FROM kept k WHERE k.vendor_id = e.vendor_id \
                AND k.id + e.id = 3 AND k.id <> e.id";
    run(&test, swap).await;
    for id in [1, 2] {
        bodies.push(refused(&test, &admin, id).await);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    let errors = logs::lines_with(start, "\"error.code\":\"integrity\"");
    assert!(errors.len() >= 2 * bodies.len() && errors.iter().all(|line| line.contains("ERROR")));
}

#[tokio::test]
async fn weaker_parameters_of_the_wrap_are_refused() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-vendor").await;
    test.entry(&admin, "one", json!({})).await;
    let body = json!({ "password": PASSWORD });
    for change in [
        "kdf_passes = 1",
        "kdf_memory_kib = 8",
        "kdf_lanes = 0",
        "kdf_memory_kib = 2147483647",
    ] {
        assert_eq!(
            test.ask(&admin, "DELETE /api/v1/vault-admin/sesame")
                .await
                .status,
            204
        );
        run(
            &test,
            "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM lockboxes",
        )
        .await;
        run(&test, &format!("UPDATE lockboxes SET {change}")).await;
        let opened = test.send(&admin, "POST /api/lockbox/unlock", &body).await;
        opened.expect_problem(500, "integrity");
        let listed = test.ask(&admin, "GET /api/v1/vault").await;
        listed.expect_faults(409);
        run(
            &test,
            "UPDATE lockboxes l SET kdf_passes = k.kdf_passes, kdf_memory_kib = k.kdf_memory_kib, \
             kdf_lanes = k.kdf_lanes FROM kept k WHERE k.vendor_id = l.vendor_id",
        )
        .await;
        assert_eq!(
            test.send(&admin, "POST /api/lockbox/unlock", &body)
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn unlocking_is_for_one_epoch() {
    let test = TestApp::start().await;
    let (_, admin) = test.lockbox("lockbox-vendor").await;
    test.entry(&admin, "one", json!({})).await;
    // A lock that this replica did not hear of.
    run(&test, "ALTER TABLE lockboxes DISABLE TRIGGER ALL").await;
    run(
        &test,
        "UPDATE lockboxes SET locked = true, epoch = epoch + 1",
    )
    .await;
    for call in [
        "GET /api/v1/vault",
        "GET /api/v1/vault/1",
        "DELETE /api/v1/vault/1",
    ] {
        test.ask(&admin, call).await.expect_faults(409);
    }
    // Unlocked by the row alone, it stays shut: the key went with the epoch.
    run(&test, "UPDATE lockboxes SET locked = false").await;
    for call in ["GET /api/v1/vault", "GET /api/v1/vault/1"] {
        test.ask(&admin, call).await.expect_faults(409);
    }
}
