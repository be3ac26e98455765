//! What should not be, seen in OpenBao's audit log: events, and messages to webhooks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::audit::{AuditLog, line, newest_token, number, settings};
use crate::support::wait::until;
use crate::support::{Place, TestApp, TestVendor, servers};

const SITE: &str = "0123456789abcdef";
const LINES: &str = "SELECT count(*) FROM access_logs";

async fn start() -> (TestApp, TestVendor, AuditLog) {
    let test = TestApp::start().await;
    let vendor = test.vendor("gravityview").await;
    hook(&test, &vendor).await;
    (test, vendor, AuditLog::new())
}

/// A webhook that hears of everything. Nothing listens there: what waits for it is looked at.
async fn hook(test: &TestApp, vendor: &TestVendor) {
    let body = json!({ "url": "https://127.0.0.1:9/hook" });
    let made = test.post("/api/webhooks").bearer(&vendor.private_key);
    assert_eq!(made.json(&body).send().await.status, 201);
}

/// How many events of an action there are, and how many messages.
async fn told(test: &TestApp, action: &str) -> (i64, i64) {
    let events =
        format!("SELECT count(*) FROM events WHERE action = '{action}' AND actor = 'openbao'");
    let messages = format!("SELECT count(*) FROM webhook_deliveries WHERE type = '{action}'");
    (number(test, &events).await, number(test, &messages).await)
}

async fn details(test: &TestApp, action: &str) -> Value {
    let sql = "SELECT details || jsonb_build_object('outcome', outcome, 'client_address', client_address) \
               FROM events WHERE action = $1 ORDER BY id LIMIT 1";
    let row = test.sql().await.query_one(sql, &[&action]).await.unwrap();
    row.get(0)
}

async fn set_tokens(test: &TestApp, set: &str) {
    let sql = format!("UPDATE issuances SET {set}");
    test.sql().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn use_elsewhere_is_told_once_of_each_address_and_of_few() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    test.read_token(&vendor).await;
    let (accessor, id) = newest_token(&test).await;
    set_tokens(&test, "client_address = NULL").await;
    let from = |address: &str| {
        let mut line = line(&vendor, "use", &accessor, SITE);
        line["request"]["remote_address"] = json!(address);
        line
    };
    let about = "token.used_elsewhere";
    log.write(&[from("192.0.2.2")]);
    until("the first line", async || number(&test, LINES).await == 1).await;
    assert_eq!(told(&test, about).await, (0, 0));
    set_tokens(&test, "client_address = '::ffff:192.0.2.1'").await;
    // From where it was issued to, in either notation, and through a proxy.
    log.write(&[
        from("192.0.2.1"),
        from("::ffff:192.0.2.1"),
        from("10.1.2.3"),
        from("@"),
        from("2001:db8::1"),
    ]);
    until("six lines", async || number(&test, LINES).await == 6).await;
    assert_eq!(told(&test, about).await, (0, 0));
    let mut refused = from("::ffff:192.0.2.2");
    refused["error"] = json!("1 error occurred:\n\t* permission denied\n\n");
    log.write(&[refused, from("192.0.2.2"), from("192.0.2.2")]);
    until("nine lines", async || number(&test, LINES).await == 9).await;
    assert_eq!(told(&test, about).await, (1, 1));
    let found = details(&test, about).await;
    let right = json!({ "address": "192.0.2.2", "issuedTo": "192.0.2.1", "issuanceId": id, "more": false, "name": SITE,
                        "outcome": "refused", "client_address": "192.0.2.2" });
    for (name, value) in right.as_object().unwrap() {
        assert_eq!(found[name], *value, "{name}: {found}");
    }
    let many: Vec<Value> = (3..40).map(|n| from(&format!("192.0.2.{n}"))).collect();
    log.write(&many);
    log.write(&many);
    until("83 lines", async || number(&test, LINES).await == 83).await;
    assert_eq!(told(&test, about).await, (11, 11));
    let more = "SELECT count(*) FROM events WHERE details ->> 'more' = 'true'";
    assert_eq!(number(&test, more).await, 1);
    // What the service uses itself is used where it likes.
    set_tokens(
        &test,
        "kind = 'credentials_read', client_address = '192.0.2.99'",
    )
    .await;
    log.write(&[from("192.0.2.100")]);
    until("84 lines", async || number(&test, LINES).await == 84).await;
    assert_eq!(told(&test, about).await, (11, 11));
}

#[tokio::test]
async fn secret_read_far_more_often_is_told_once_an_hour() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    // In the middle of an hour that is over, wherever the clock is now.
    let now = jiff::Timestamp::now().as_second();
    let middle = now - now % 3600 - 1800;
    let reads = |name: &str, hours_before: i64, count: usize| {
        let mut line = line(&vendor, "read", "A.none", name);
        let at = jiff::Timestamp::from_second(middle - hours_before * 3600).unwrap();
        line["time"] = json!(at);
        vec![line; count]
    };
    let about = "secret.read_often";
    let (known, new) = ("known-0123456789ab", "new-0123456789abcd");
    let mut lines = reads(known, 2, 30);
    lines.extend(reads(known, 169, 5000));
    lines.extend(reads(known, 0, 19));
    lines.extend(reads(new, 0, 99));
    log.write(&lines);
    until("the reads", async || number(&test, LINES).await == 5148).await;
    // What was before the seven days is told for itself.
    assert_eq!(told(&test, about).await, (1, 1));
    log.write(&reads(known, 0, 1));
    until("one more", async || told(&test, about).await == (2, 2)).await;
    log.write(&reads(new, 0, 1));
    until("another more", async || told(&test, about).await == (3, 3)).await;
    let mut refused = reads(new, 1, 200);
    for line in &mut refused {
        line["error"] = json!("permission denied");
    }
    log.write(&refused);
    log.write(&reads(known, 0, 300));
    log.write(&reads(new, 0, 300));
    until("many more", async || number(&test, LINES).await == 5950).await;
    assert_eq!(told(&test, about).await, (3, 3));
    // The next hour is told again.
    log.write(&reads(known, -1, 300));
    until("the next hour", async || told(&test, about).await == (4, 4)).await;
    let report = test.pass("purge").await;
    assert_eq!(report["hourlyCounts"], 0, "{report}");
    test.app.clock.advance(9 * 24 * 3600);
    test.pass("purge").await;
    assert_eq!(number(&test, "SELECT count(*) FROM secret_reads").await, 0);
}

#[tokio::test]
async fn token_on_no_record_is_told_once_an_hour() {
    let (test, vendor, log) = start().await;
    let _shipping = log.ship(&test);
    let of = |accessor: &str, time: &str| {
        let mut line = line(&vendor, "r", accessor, SITE);
        line["time"] = json!(time);
        line
    };
    let lines = |time: &str| {
        [
            vec![of("one", time); 40],
            vec![of("two", time); 5],
            vec![of("", time); 7],
        ]
        .concat()
    };
    log.write(&lines("2026-11-01T10:05:00Z"));
    log.write(&lines("2026-11-01T10:55:00Z"));
    until("the first hour", async || number(&test, LINES).await == 90).await;
    log.write(&lines("2026-11-01T11:05:00Z"));
    until("the second hour", async || {
        number(&test, LINES).await == 135
    })
    .await;
    assert_eq!(told(&test, "access.unknown_token").await, (4, 0));
    // Calls without a valid token are counted, and are no rows.
    let strangers = "access.refused_strangers";
    until("the other calls", async || {
        told(&test, strangers).await == (2, 0)
    })
    .await;
    let sql = "SELECT count(*) FROM events WHERE action = 'access.refused_strangers' AND outcome = 'refused' \
               AND code = 'no_valid_token' AND (details ->> 'linesOfHourBefore')::int = 14";
    assert_eq!(number(&test, sql).await, 1);
    let counted = "SELECT sum(lines)::bigint FROM unknown_tokens WHERE accessor = ''";
    assert_eq!(number(&test, counted).await, 21);
    let sql = "SELECT count(*) FROM events WHERE (details ->> 'linesOfHourBefore')::int = 80 AND client_address = '127.0.0.1' \
               AND openbao_request_id = 'r'";
    assert_eq!(number(&test, sql).await, 1);
}

/// A service that ships the audit log of its OpenBao.
async fn shipping() -> (TestApp, TestVendor) {
    let place = Place::audited().await;
    let mut config = place.config().await;
    let file = servers::audited().log.clone();
    config.audit = Some(settings(place.bao.namespace.clone(), file));
    let test = TestApp::start_at(place, config).await;
    let vendor = test.vendor("gravityview").await;
    hook(&test, &vendor).await;
    (test, vendor)
}

/// A wrapped token, issued to an address.
async fn wrapped(test: &TestApp, vendor: &TestVendor, issued_to: &str) -> String {
    let body = json!({ "wrapTtl": 300 });
    let asked = test.post("/api/site").bearer(&vendor.public_key);
    let token = asked.json(&body).send().await.text_of("wrapToken");
    let looked = test.bao_root(Method::POST, "auth/token/lookup");
    let looked = looked.json(&json!({ "token": token })).send().await;
    let accessor = looked.json["data"]["accessor"].as_str().unwrap().to_owned();
    let (_, id) = newest_token(test).await;
    let sql = format!(
        "UPDATE issuances SET client_address = '{issued_to}', wrap_accessor = '{accessor}' WHERE id = '{id}'"
    );
    test.sql().await.batch_execute(&sql).await.unwrap();
    token
}

#[tokio::test]
async fn token_unwrapped_by_another_first_is_told() {
    let (test, vendor) = shipping().await;
    let (elsewhere, twice) = ("token.unwrapped_elsewhere", "token.unwrapped_twice");
    let unwrap = async |token: &str, body: Value| {
        let call = test.bao(Method::POST, "sys/wrapping/unwrap", token);
        call.json(&body).send().await.status
    };
    // In the header. Looking into it is no unwrapping.
    let token = wrapped(&test, &vendor, "192.0.2.9").await;
    let looked = test.bao(Method::POST, "sys/wrapping/lookup", &token);
    let looked = looked.json(&json!({ "token": token })).send().await;
    assert_eq!(looked.status, 200, "{looked:?}");
    assert_eq!(unwrap(&token, json!({})).await, 200);
    until("the first unwrapping", async || {
        told(&test, elsewhere).await == (1, 1)
    })
    .await;
    assert_eq!(told(&test, twice).await, (0, 0));
    assert_eq!(unwrap(&token, json!({})).await, 400);
    until("the second try", async || {
        told(&test, twice).await == (1, 1)
    })
    .await;
    let found = details(&test, twice).await;
    assert_eq!(found["unwrappedFrom"], "127.0.0.1", "{found}");
    assert_eq!(
        (&found["outcome"], &found["more"]),
        (&json!("refused"), &json!(false))
    );
    // In the body, by another token.
    let other = wrapped(&test, &vendor, "192.0.2.9").await;
    let root = test.bao_root.clone();
    assert_eq!(unwrap(&root, json!({ "token": other })).await, 200);
    until("the third unwrapping", async || {
        told(&test, elsewhere).await == (2, 2)
    })
    .await;
    assert_eq!(unwrap(&other, json!({})).await, 400);
    until("its second try", async || {
        told(&test, twice).await == (2, 2)
    })
    .await;
    // The old way, which names the wrapping token only.
    let old = wrapped(&test, &vendor, "192.0.2.9").await;
    let read = test
        .bao(Method::GET, "cubbyhole/response", &old)
        .send()
        .await;
    assert_eq!(read.status, 200, "{read:?}");
    until("the old way", async || {
        told(&test, elsewhere).await == (3, 3)
    })
    .await;
    assert_eq!(unwrap(&root, json!({ "token": old })).await, 400);
    until("a try after the old way", async || {
        told(&test, twice).await == (3, 3)
    })
    .await;
    // By whom it was issued to: only the second try is told.
    let right = wrapped(&test, &vendor, "127.0.0.1").await;
    assert_eq!(unwrap(&right, json!({})).await, 200);
    assert_eq!(unwrap(&right, json!({})).await, 400);
    assert_eq!(unwrap(&right, json!({})).await, 400);
    until("its own second try", async || {
        told(&test, twice).await.0 >= 4
    })
    .await;
    // One that was never unwrapped and is none.
    assert_ne!(unwrap("s.none", json!({})).await, 200);
    let worked = test.read_token(&vendor).await;
    let path = format!("gravityview-store/{SITE}");
    assert_eq!(
        test.bao(Method::GET, &path, &worked).send().await.status,
        404
    );
    until("a line behind all", async || {
        number(&test, LINES).await >= 1
    })
    .await;
    assert_eq!(told(&test, elsewhere).await, (3, 3));
    assert_eq!(told(&test, twice).await, (4, 4));
}
