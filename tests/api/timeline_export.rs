//! Timelines as files, and from the command line.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cli::{PROGRAM, json_of, refusal};
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};
use crate::timeline::{SITE, get, items, rows};

async fn export(test: &TestApp, query: &str, bearer: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = http.get(format!("{}/api/access-logs?{query}", test.url));
    call.bearer_auth(bearer).send().await.unwrap()
}

/// Events of about a kilobyte each.
async fn large(test: &TestApp, vendor: &TestVendor, count: i32) {
    let sql = format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome, user_agent) \
         SELECT now() - make_interval(secs => n), {}, 'vendor', 'a.b', 'done', repeat('x', 1000) \
         FROM generate_series(1, {count}) AS n",
        vendor.id
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn file_holds_what_the_pages_hold() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    rows(&test, &vendor, 40).await;
    for query in [
        "order=asc",
        "source=openbao",
        "action=token.*&outcome=done",
        "outcome=failed",
    ] {
        let pages = items(
            &get(
                &test,
                &format!("/api/access-logs?limit=100&{query}"),
                &vendor.private_key,
            )
            .await,
        );
        let file = get(
            &test,
            &format!("/api/access-logs?format=ndjson&{query}"),
            &vendor.private_key,
        )
        .await;
        assert_eq!(
            (file.status, &file.headers["content-type"]),
            (200, &"application/x-ndjson".parse().unwrap())
        );
        let lines: Vec<Value> = file
            .text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines, pages, "{query}");
    }
    let path = format!("/sites/{SITE}/access-logs?format=csv");
    let file = get(&test, &path, &vendor.private_key).await;
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert!(
        name.starts_with(&format!(
            "attachment; filename=\"access-logs-vendor-a-{SITE}-"
        )),
        "{name}"
    );
    assert!(name.ends_with(".csv\""), "{name}");
    assert_eq!(file.text.split("\r\n").count(), 1 + 26 + 1);
    let all = get(&test, "/api/admin/access-logs?format=csv", &test.operator).await;
    assert!(all.text.starts_with("id,at,source,vendor,action,") && all.text.contains(",vendor-a,"));
    for bad in ["format=csv&limit=5", "format=csv&cursor=x", "format=xls"] {
        let refused = get(
            &test,
            &format!("/api/access-logs?{bad}"),
            &vendor.private_key,
        )
        .await;
        refused.expect_problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn cells_are_no_formulas() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    let sql = format!(
        "INSERT INTO events (at, vendor_id, actor, action, outcome, user_agent) \
         SELECT now() - make_interval(secs => 60), {}, 'user:+1', 'a.b', 'done', agent \
         FROM unnest(ARRAY['=cmd()', '-1', '@x', E'\\ty', 'a \"b\", c']) AS agent",
        vendor.id
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
    let file = get(
        &test,
        "/api/access-logs?format=csv&action=a.b",
        &vendor.private_key,
    )
    .await;
    for cell in [
        ",'=cmd(),",
        ",'-1,",
        ",'@x,",
        ",'\ty,",
        ",\"a \"\"b\"\", c\",",
        ",user,'+1,",
    ] {
        assert!(file.text.contains(cell), "{cell}: {}", file.text);
    }
}

#[tokio::test]
async fn large_file_is_read_as_it_is_taken_and_breaks_off_visibly() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    large(&test, &vendor, 50_000).await;
    let mut whole = export(&test, "format=ndjson&action=a.b", &vendor.private_key).await;
    let mut lines = 0;
    while let Some(piece) = whole.chunk().await.unwrap() {
        lines += piece.split(|byte| *byte == b'\n').count() - 1;
    }
    assert_eq!(lines, 50_000);
    // What is left was not read yet: it cannot be read any more.
    let mut cut = export(&test, "format=ndjson&action=a.b", &vendor.private_key).await;
    assert!(cut.chunk().await.unwrap().is_some());
    let sql =
        "ALTER TABLE issuances RENAME TO elsewhere; ALTER TABLE events RENAME TO events_elsewhere";
    test.sql().await.batch_execute(sql).await.unwrap();
    let broken = loop {
        match cut.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "a file without its end must not look whole");
    let refused = get(&test, "/api/access-logs?format=csv", &vendor.private_key).await;
    assert!(
        refused.status >= 500 && refused.json["code"].is_string(),
        "{refused:?}"
    );
}

#[tokio::test]
async fn few_files_at_once_and_one_that_nobody_takes_any_more_makes_room() {
    let test = TestApp::start().await;
    let (a, b) = (test.vendor("vendor-a").await, test.vendor("vendor-b").await);
    large(&test, &a, 30_000).await;
    let query = "format=ndjson";
    let held = [
        export(&test, query, &a.private_key).await,
        export(&test, query, &a.private_key).await,
    ];
    let third = get(&test, "/api/access-logs?format=csv", &a.private_key).await;
    third.expect_problem(429, "exports_busy");
    assert_eq!(
        get(&test, "/api/access-logs?format=csv", &b.private_key)
            .await
            .status,
        200
    );
    assert_eq!(
        get(&test, "/api/access-logs", &a.private_key).await.status,
        200
    );
    drop(held);
    until("room", async || {
        export(&test, query, &a.private_key).await.status() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_reads_and_exports_from_the_command_line() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    rows(&test, &vendor, 30).await;
    let env = HashMap::from([
        ("GATEHOUSE_URL".to_owned(), test.url.clone()),
        ("GATEHOUSE_ADMIN_TOKEN".to_owned(), test.operator.clone()),
    ]);
    let log = |args: &[&str]| json_of(&env, &[&["access-log", "list", "vendor-a"], args].concat());
    let page = log(&["--site", SITE, "--outcome", "done", "--limit", "3"]);
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let next = log(&[
        "--site",
        SITE,
        "--outcome",
        "done",
        "--cursor",
        page["nextCursor"].as_str().unwrap(),
    ]);
    assert_ne!(next["items"][0]["id"], page["items"][0]["id"]);
    let export = |args: &[&str]| {
        let args = [&["access-log", "export", "vendor-a"], args].concat();
        let output = Command::new(PROGRAM)
            .args(args)
            .env_clear()
            .envs(&env)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(export(&["--source", "openbao"]).lines().count(), 30);
    assert_eq!(
        export(&["--source", "openbao", "--site", SITE, "--format", "csv"])
            .lines()
            .count(),
        11
    );
    let said = refusal(
        &env,
        &["access-log", "export", "vendor-a", "--outcome", "x"],
    );
    assert!(said.contains("400 invalid_parameter"), "{said}");
    let update = |days: &str| {
        json_of(
            &env,
            &["vendor", "update", "vendor-a", "--log-retention-days", days],
        )
    };
    assert_eq!(update("30")["logRetentionDays"], 30);
    assert_eq!(update("default")["logRetentionDays"], Value::Null);
}

/// Processes that go on when the test ends, however it does.
struct Stopped(Vec<Pid>);

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            kill_process(*pid, Signal::CONT).ok();
        }
    }
}

#[tokio::test]
async fn file_is_broken_off_when_the_database_hangs() {
    let test = TestApp::start().await;
    let vendor = test.vendor("vendor-a").await;
    large(&test, &vendor, 50_000).await;
    let mut cut = export(&test, "format=ndjson&action=a.b", &vendor.private_key).await;
    assert!(cut.chunk().await.unwrap().is_some());
    let holder = test.sql().await;
    holder
        .batch_execute("BEGIN; LOCK TABLE events")
        .await
        .unwrap();
    let taking = tokio::spawn(async move {
        loop {
            match cut.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => break false,
                Err(_) => break true,
            }
        }
    });
    // It waits for the lock, and holds nothing that others need.
    let sql = test.sql().await;
    let waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("a look to wait", async || {
        !sql.query(waiting, &[]).await.unwrap().is_empty()
    })
    .await;
    let rows = sql.query(waiting, &[]).await.unwrap();
    let stopped = Stopped(
        rows.iter()
            .filter_map(|row| Pid::from_raw(row.get(0)))
            .collect(),
    );
    for pid in &stopped.0 {
        kill_process(*pid, Signal::STOP).unwrap();
    }
    let broken = tokio::time::timeout(Duration::from_secs(8), taking).await;
    assert!(
        broken.expect("it must end").unwrap(),
        "a file without its end must not look whole"
    );
    drop(stopped);
    holder.batch_execute("ROLLBACK").await.unwrap();
    until("room", async || {
        export(&test, "format=csv", &vendor.private_key)
            .await
            .status()
            == 200
    })
    .await;
}
