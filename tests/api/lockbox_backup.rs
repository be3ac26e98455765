//! A lockbox as a file, and back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::http::Answer;
use crate::support::{TestApp, TestUser};

const PASSWORD: &str = "1234";

async fn backup(test: &TestApp, user: &TestUser) -> String {
    let answer = test.get("/api/lockbox/backup").user(user).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let name = answer.headers["content-disposition"].to_str().unwrap();
    assert!(
        name.contains("vendor-a-") && name.contains(".lockbox"),
        "{name}"
    );
    answer.text
}

async fn restore(
    test: &TestApp,
    user: &TestUser,
    query: &str,
    password: &str,
    file: &str,
) -> Answer {
    let body = format!("{}\n{file}", json!({ "password": password }));
    test.post(&format!("/api/lockbox/restore{query}"))
        .user(user)
        .header("content-type", "application/x-ndjson")
        .body(body)
        .send()
        .await
}

async fn list(test: &TestApp, user: &TestUser) -> Value {
    let answer = test.rport(Method::GET, "vault", user).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["data"].clone()
}

#[tokio::test]
async fn a_lockbox_comes_back_as_it_was() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let admin = test.administrator(&vendor).await;
    test.init(&admin, PASSWORD).await;
    for n in 0..250 {
        test.stored(
            &admin,
            &format!("name-of-{n}"),
            &format!("canary-value-{n}"),
        )
        .await;
    }
    let file = backup(&test, &admin).await;
    assert_eq!(file.lines().count(), 1 + 3);
    assert!(!file.contains("canary") && !file.contains("name-of-17"));
    for line in file.lines().skip(1) {
        let part: Value = serde_json::from_str(line).unwrap();
        let sealed = BASE64_STANDARD
            .decode(part["sealed"].as_str().unwrap())
            .unwrap();
        let seen = String::from_utf8_lossy(&sealed);
        assert!(!seen.contains("canary") && !seen.contains("name-of-17"));
    }
    let before = list(&test, &admin).await;
    // Somebody changes one, deletes another, adds a third; the password is another one by now too.
    let body = json!({ "key": "name-of-0", "value": "other", "type": "text" });
    let changed = test
        .rport(Method::PUT, "vault/1", &admin)
        .json(&body)
        .send()
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let gone = test.rport(Method::DELETE, "vault/2", &admin).send().await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let added = test.stored(&admin, "added", "canary-value-added").await;
    assert_eq!(added, 251);
    let wrong = restore(&test, &admin, "", PASSWORD, &file).await;
    wrong.expect_problem(409, "lockbox_initialized");
    let wrong = restore(&test, &admin, "?replace=true", "12345", &file).await;
    wrong.expect_problem(403, "lockbox_password_wrong");
    let back = restore(&test, &admin, "?replace=true", PASSWORD, &file).await;
    assert_eq!(
        (back.status, &back.json),
        (200, &json!({ "restored": 250 }))
    );
    assert_eq!(list(&test, &admin).await, before);
    for n in [0, 1, 17, 249] {
        assert_eq!(test.value(&admin, n + 1).await, format!("canary-value-{n}"));
    }
    assert_eq!(test.read_entry(&admin, added).await.status, 404);
    assert_eq!(test.stored(&admin, "next", "canary-value-next").await, 252);
    assert_eq!(test.lock(&admin).await.status, 204);
    assert_eq!(test.unlock(&admin, PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_file_that_is_not_whole_changes_nothing() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let admin = test.administrator(&vendor).await;
    test.init(&admin, PASSWORD).await;
    for n in 0..150 {
        test.stored(
            &admin,
            &format!("name-of-{n}"),
            &format!("canary-value-{n}"),
        )
        .await;
    }
    let file = backup(&test, &admin).await;
    let lines: Vec<&str> = file.split_inclusive('\n').collect();
    let mut flipped = lines[1].to_owned();
    flipped.replace_range(40..41, if &flipped[40..41] == "A" { "B" } else { "A" });
    let other_header = lines[0].replace("createdAt\":\"20", "createdAt\":\"21");
    assert_ne!(other_header, lines[0]);
    let broken = [
        String::new(),
        "{}".to_owned(),
        lines[0].to_owned(),
        lines[..2].concat(),
        [lines[0], lines[2], lines[1]].concat(),
        [lines[0], lines[2]].concat(),
        [lines[0], lines[1], lines[1], lines[2]].concat(),
        [&file, lines[2]].concat(),
        [lines[0], &flipped, lines[2]].concat(),
        [&other_header, lines[1], lines[2]].concat(),
        file.replacen("vendor-a", "vendor-b", 1),
        file.replacen("\"version\":1", "\"version\":2", 1),
    ];
    let before = list(&test, &admin).await;
    let sql = test.sql().await;
    for (number, file) in broken.iter().enumerate() {
        sql.batch_execute("UPDATE lockboxes SET unlock_failures = 0, unlock_failed_at = NULL, unlock_next_at = NULL")
            .await
            .unwrap();
        let refused = restore(&test, &admin, "?replace=true", PASSWORD, file).await;
        assert_eq!(refused.status, 422, "{number}: {refused:?}");
        assert_eq!(refused.json["errors"][0]["pointer"], "/backup", "{number}");
    }
    assert_eq!(list(&test, &admin).await, before);
    assert_eq!(test.value(&admin, 7).await, "canary-value-6");
    let unknown = restore(&test, &admin, "?replace=yes", PASSWORD, &file).await;
    unknown.expect_problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_backup_is_worth_nothing_elsewhere() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let admin = test.administrator(&vendor).await;
    test.init(&admin, PASSWORD).await;
    test.stored(&admin, "one", "canary-value-1").await;
    let file = backup(&test, &admin).await;
    // A vendor of the same name at a service with another OpenBao.
    let other = TestApp::start().await;
    let vendor = other.vendor("vendor-a").await;
    let thief = other.administrator(&vendor).await;
    let refused = restore(&other, &thief, "", PASSWORD, &file).await;
    refused.expect_problem(403, "lockbox_password_wrong");
    assert_eq!(other.lock_status(&thief).await, "");
    // Another vendor of the same service.
    let vendor = test.vendor("vendor-b").await;
    let thief = test.administrator(&vendor).await;
    let refused = restore(&test, &thief, "", PASSWORD, &file).await;
    assert_eq!(
        refused.json["errors"][0]["pointer"], "/backup",
        "{refused:?}"
    );
    // Nobody but administrators.
    let plain = test.user(&vendor, "plain", &["Support"]).await;
    let refused = restore(&test, &plain, "", PASSWORD, &file).await;
    refused.expect_problem(403, "no_administrator");
    let refused = test.get("/api/lockbox/backup").user(&plain).send().await;
    refused.expect_problem(403, "no_administrator");
    assert_eq!(test.lock(&admin).await.status, 204);
    let locked = test.get("/api/lockbox/backup").user(&admin).send().await;
    locked.expect_problem(423, "lockbox_locked");
}
