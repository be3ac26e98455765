//! The shipper of OpenBao's audit log: nothing stops it, and what it notes is right.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::audit::{AuditLog, line, newest_token, number};
use crate::support::wait::until;
use crate::support::{TestApp, TestVendor};

const SITE: &str = "0123456789abcdef";
const LINES: &str = "SELECT count(*) FROM access_logs";

async fn start() -> (TestApp, TestVendor, AuditLog) {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    (test, vendor, AuditLog::new())
}

/// Lines, malformed and late, as the database has them.
async fn counts(test: &TestApp) -> (i64, i64, i64) {
    let sql = "SELECT lines, malformed, late FROM audit_positions";
    let row = test.sql().await.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn odd_lines_are_counted_and_stop_nothing() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    let good = |id: &str| line(&vendor, id, "A.none", SITE);
    let with = |field: &str, value: Value| {
        let mut line = good("odd");
        line["request"][field] = value;
        line
    };
    log.write(&[good("first")]);
    // Garbage, bytes that are no text, JSON that is no line, an empty line.
    log.raw(b"garbage\n\xff\xfe\xfd\n{}\n[1]\n\n\0\0\0\n");
    log.write(&[
        with("id", json!("a\0b")),
        with("client_token_accessor", json!("a\0b")),
        with("remote_address", json!("\0")),
        with("path", json!("gravityview-store/a\0b")),
        with("operation", json!("re\0ad")),
        with(
            "data",
            json!({ "x\0": "\0", "port": 21, "secret": "canary-value" }),
        ),
    ]);
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let nested = with("data", json!("DEEP"))
        .to_string()
        .replace("\"DEEP\"", &deep);
    log.raw(format!("{nested}\n").as_bytes());
    for time in [
        "9999-12-31T23:59:59Z",
        "9999-12-01T00:00:00Z",
        "-009998-01-01T00:00:00Z",
        "1969-12-31T00:00:00Z",
    ] {
        let mut line = good("time");
        line["time"] = json!(time);
        log.write(&[line]);
    }
    log.raw(format!("{}\n", "x".repeat(1_200_000)).as_bytes());
    log.write(&[good("last")]);
    log.raw(b"{\"half-writ");
    // What has no accessor that is one makes no row.
    let read = "SELECT coalesce(sum(lines), 0)::bigint FROM audit_positions";
    until("all lines", async || number(&test, read).await == 19).await;
    assert_eq!(number(&test, LINES).await, 11);
    // Five that are none, four absurd times, of which one is none at all, one too long.
    assert_eq!(counts(&test).await, (19, 10, 0));
    let absurd = "SELECT count(*) FROM access_logs WHERE at > now() + interval '1 minute' OR at < now() - interval '1 hour'";
    assert_eq!(number(&test, absurd).await, 0);
    assert!(!test.dump().await.contains("canary-value"));
    log.raw(b"ten\n");
    log.write(&[good("after")]);
    until("the last line", async || number(&test, LINES).await == 12).await;
    // A writer died in the middle of a line, and the next one's first stands behind it.
    let half = good("half").to_string();
    log.raw(&half.as_bytes()[..half.len() / 2]);
    let whole = good("whole");
    let (time, rest) = (whole["time"].to_string(), &whole["request"]);
    log.raw(format!("{{\"time\":{time},\"type\":\"response\",\"request\":{rest}}}\n").as_bytes());
    until("the whole line", async || number(&test, LINES).await == 13).await;
    assert_eq!(counts(&test).await, (22, 12, 0));
}

#[tokio::test]
async fn line_that_postgresql_refuses_is_passed_over_alone() {
    let (test, vendor, log) = start().await;
    let sql = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
               $$ BEGIN IF NEW.name LIKE 'poison%' THEN RAISE EXCEPTION 'no' USING ERRCODE = '22023'; END IF; \
               RETURN NEW; END $$; \
               CREATE TRIGGER refuse BEFORE INSERT ON access_logs FOR EACH ROW WHEN (NEW.name LIKE 'poison-a%') \
               EXECUTE FUNCTION refuse(); \
               CREATE TRIGGER refuse BEFORE INSERT ON secret_reads FOR EACH ROW EXECUTE FUNCTION refuse()";
    test.sql().await.batch_execute(sql).await.unwrap();
    let mut lines: Vec<Value> = (0..200)
        .map(|n| line(&vendor, &format!("r{n}"), "A.none", SITE))
        .collect();
    lines[37] = line(&vendor, "a", "A.none", "poison-all-0123456789");
    lines[38] = line(&vendor, "b", "A.none", "poison-bucket-0123456789");
    log.write(&lines);
    let _shipping = log.ship(&test);
    until("all others", async || number(&test, LINES).await == 199).await;
    until("all counted", async || counts(&test).await == (200, 1, 0)).await;
    let sql = "SELECT sum(reads)::bigint FROM secret_reads";
    assert_eq!(number(&test, sql).await, 198);
}

#[tokio::test]
async fn late_lines_are_stored_and_counted() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    log.write(&[line(&vendor, "now", "A.none", SITE)]);
    until("the first", async || number(&test, LINES).await == 1).await;
    let mut late = line(&vendor, "late", "A.none", SITE);
    late["time"] = json!("2020-02-29T12:00:00Z");
    log.write(&[late, line(&vendor, "now", "A.none", SITE)]);
    until("the late one", async || number(&test, LINES).await == 3).await;
    assert_eq!(counts(&test).await, (3, 0, 1));
}

#[tokio::test]
async fn lines_are_stored_well_within_a_second() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    log.write(&[line(&vendor, "first", "A.none", SITE)]);
    until("the first", async || number(&test, LINES).await == 1).await;
    let mut slowest = Duration::ZERO;
    for n in 2..=6 {
        let written = Instant::now();
        log.write(&[line(&vendor, "next", "A.none", SITE)]);
        until("the next", async || number(&test, LINES).await == n).await;
        slowest = slowest.max(written.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

async fn status(test: &TestApp) -> Option<(bool, bool, Option<String>)> {
    let sql = "SELECT coalesce(checked_at > now() - interval '5 seconds', false), failing_since IS NOT NULL, problem \
               FROM audit_positions WHERE node = 'test'";
    let row = test.sql().await.query_opt(sql, &[]).await.unwrap();
    row.map(|row| (row.get(0), row.get(1), row.get(2)))
}

#[tokio::test]
async fn whether_the_file_can_be_read_is_on_record() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    let missing = Some((false, true, Some("the audit file is missing".to_owned())));
    until("that it is missing", async || {
        status(&test).await == missing
    })
    .await;
    // The row was there before the first line.
    log.raw(b"");
    let fine = Some((true, false, None));
    until("that it is there", async || status(&test).await == fine).await;
    log.write(&[line(&vendor, "first", "A.none", SITE)]);
    until("the first", async || number(&test, LINES).await == 1).await;
    tokio::time::sleep(Duration::from_millis(5500)).await;
    assert_eq!(status(&test).await, fine);
    std::fs::remove_file(log.path()).unwrap();
    let failing = async || status(&test).await.is_some_and(|(_, failing, _)| failing);
    until("that it is gone", failing).await;
    log.write(&[line(&vendor, "second", "A.none", SITE)]);
    until("the second", async || number(&test, LINES).await == 2).await;
    until("that it is back", async || status(&test).await == fine).await;
    let lost = "SELECT count(*) FROM events WHERE action = 'audit.lines_lost'";
    assert_eq!(number(&test, lost).await, 0);
}

#[tokio::test]
async fn every_answered_call_is_a_use_of_its_token() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    test.read_token(&vendor).await;
    let (accessor, id) = newest_token(&test).await;
    // Somebody holds the row of the ledger: the lines do not wait for it.
    let mut other = test.sql().await;
    let held = other.transaction().await.unwrap();
    let sql = "UPDATE issuances SET revoke_reason = revoke_reason";
    held.execute(sql, &[]).await.unwrap();
    let at = |second: i64, name: &str, error: Value| {
        let mut line = line(&vendor, "use", &accessor, name);
        line["time"] = json!(jiff::Timestamp::from_second(1_780_000_000 + second).unwrap());
        line["error"] = error;
        line
    };
    log.write(&[
        at(1, SITE, Value::Null),
        at(3, SITE, json!("permission denied")),
        at(2, SITE, Value::Null),
        at(4, "", Value::Null),
        at(1, "another-0123456789", Value::Null),
    ]);
    until("the lines", async || number(&test, LINES).await == 5).await;
    held.rollback().await.unwrap();
    let last = format!(
        "SELECT coalesce(extract(epoch FROM last_used_at), 0)::bigint FROM issuances WHERE id = '{id}'"
    );
    until("the last use", async || {
        number(&test, &last).await == 1_780_000_004
    })
    .await;
    let uses = "SELECT string_agg(concat_ws(' ', area, name, extract(epoch FROM first_at)::bigint - 1780000000, \
                extract(epoch FROM last_at)::bigint - 1780000000), ', ' ORDER BY name) FROM issuance_uses";
    let row = test.sql().await.query_one(uses, &[]).await.unwrap();
    let right = format!("store {SITE} 1 3, store another-0123456789 1 1");
    assert_eq!(row.get::<_, String>(0), right);
    // An older line puts nothing back.
    log.write(&[at(0, SITE, Value::Null)]);
    until("the older line", async || number(&test, LINES).await == 6).await;
    assert_eq!(number(&test, &last).await, 1_780_000_004);
}
