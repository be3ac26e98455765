//! The chain over the trail: whatever is changed in the database behind the service's back is found, at its first place.

use std::collections::HashMap;
use std::fmt::Write;
use std::process::Command;
use std::sync::Arc;

use gatehouse::events::chain::{self, Fault, Found, Place};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;

use crate::cli::PROGRAM;
use crate::support::{TestApp, TestVendor, servers};

/// Goes over the trail as `gatehouse events verify` does.
pub async fn verified(test: &TestApp) -> Found {
    let app = Arc::clone(&test.app);
    let runtime = &servers::shared().runtime;
    let verifying =
        runtime.spawn(async move { chain::verify(&app.db, &app.vault.issuer, None).await });
    verifying.await.unwrap().unwrap()
}

/// Has OpenBao remember the newest checkpoint.
pub async fn remembered(test: &TestApp) -> Option<i64> {
    let app = Arc::clone(&test.app);
    let runtime = &servers::shared().runtime;
    let telling = runtime.spawn(async move { chain::remember(&app).await });
    telling.await.unwrap().unwrap()
}

/// What somebody does who has the whole database.
pub async fn tamper(test: &TestApp, sql: &str) {
    let sql = format!("BEGIN; SET LOCAL session_replication_role = replica; {sql}; COMMIT");
    test.sql().await.batch_execute(&sql).await.unwrap();
}

pub async fn count(test: &TestApp, sql: &str) -> i64 {
    test.sql().await.query_one(sql, &[]).await.unwrap().get(0)
}

/// Keeps the task from chaining, as another replica at it does, until the connection is dropped.
pub async fn freeze(test: &TestApp) -> tokio_postgres::Client {
    let client = test.sql().await;
    let sql = "SELECT pg_advisory_lock(hashtextextended('chain_events', 0))";
    client.batch_execute(sql).await.unwrap();
    client
}

/// A service with a vendor whose events lie in several blocks, and all is remembered.
pub async fn story() -> (TestApp, TestVendor) {
    let test = TestApp::start().await;
    let acme = test.vendor("acme-one").await;
    test.pass("chain_events").await;
    for number in 0..3 {
        let id = format!("0123456789abcde{number}");
        test.site(&acme, &id, &format!("0123456789ABCDE{number}"))
            .await;
        test.pass("chain_events").await;
    }
    remembered(&test).await;
    (test, acme)
}

/// The settings of `gatehouse events verify`: the issuer's AppRole, and the database.
async fn settings(test: &TestApp) -> HashMap<String, String> {
    let path = "auth/approle/role/gatehouse-issuer";
    let role = test.bao_root(Method::GET, &format!("{path}/role-id"));
    let role = role.send().await.json["data"]["role_id"].clone();
    let secret = test.bao_root(Method::POST, &format!("{path}/secret-id"));
    let secret = secret.send().await.json["data"]["secret_id"].clone();
    let shown = |value: Value| value.as_str().unwrap().to_owned();
    let namespace = test.namespace.clone().unwrap();
    [
        ("DATABASE_URL", servers::of_service(&test.database_url)),
        ("GATEHOUSE_BAO_ADDR", test.bao_addr.clone()),
        ("GATEHOUSE_BAO_NAMESPACE", namespace),
        ("GATEHOUSE_BAO_ROLE_ID", shown(role)),
        ("GATEHOUSE_BAO_SECRET_ID", shown(secret)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Runs the program: whether it ended well, and what it said.
fn run(settings: &HashMap<String, String>, more: &[&str]) -> (bool, String) {
    let output = Command::new(PROGRAM)
        .args([&["events", "verify"], more].concat())
        .env_clear()
        .envs(settings)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(!said.is_empty(), "{trouble}");
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn program_proves_an_untouched_trail_and_names_what_was_touched() {
    let (test, _) = story().await;
    let settings = settings(&test).await;
    let (is_whole, said) = run(&settings, &["--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert!(is_whole && found["whole"] == true, "{said}");
    let events = count(&test, "SELECT count(*) FROM events").await;
    assert!(events >= 4);
    assert_eq!(found["events"], events);
    assert_eq!(
        (&found["waiting"], &found["unsigned"]),
        (&0.into(), &0.into())
    );
    assert_eq!(found["remembered"], found["checkpoints"]);
    let (is_whole, said) = run(&settings, &["--vendor", "acme-one"]);
    assert!(is_whole && said.contains("1 chains"), "{said}");

    let last = "SELECT max(id) FROM events WHERE vendor_id IS NOT NULL";
    let last = count(&test, last).await;
    let sql = format!("UPDATE events SET actor = 'operator:mallory' WHERE id = {last}");
    tamper(&test, &sql).await;
    for more in [&[][..], &["--vendor", "acme-one"]] {
        let (is_whole, said) = run(&settings, more);
        let first = format!("First: a row was changed; vendor acme-one; event {last} of ");
        assert!(!is_whole && said.starts_with(&first), "{said}");
        assert!(said.lines().next().unwrap().contains("; block "), "{said}");
    }
    let (is_whole, said) = run(&settings, &["--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert!(!is_whole && found["whole"] == false);
    assert_eq!(found["first"]["fault"], "row_changed");
    assert_eq!(found["first"]["eventId"], last);
}

pub const COLUMNS: &str = "id, at, vendor_id, actor, action, outcome, code, secret_id, issuance_id, client_address, user_agent, \
                       request_id, details";
const TABLES: [&str; 4] = [
    "event_blocks",
    "event_chains",
    "event_checkpoints",
    "events_to_chain",
];

/// Tampers, verifies, and puts everything back.
pub async fn first_place(test: &TestApp, sql: &str) -> Place {
    tamper(test, sql).await;
    let found = verified(test).await;
    let mut back = format!(
        "DELETE FROM events; INSERT INTO events ({COLUMNS}) SELECT {COLUMNS} FROM kept.events"
    );
    for table in TABLES {
        write!(
            back,
            "; DELETE FROM {table}; INSERT INTO {table} TABLE kept.{table}"
        )
        .unwrap();
    }
    tamper(test, &back).await;
    found.first.unwrap_or_else(|| panic!("not found: {sql}"))
}

pub async fn keep(test: &TestApp) {
    let mut sql = "CREATE SCHEMA kept; CREATE TABLE kept.events AS TABLE events".to_owned();
    for table in TABLES {
        write!(sql, "; CREATE TABLE kept.{table} AS TABLE {table}").unwrap();
    }
    test.sql().await.batch_execute(&sql).await.unwrap();
}

/// Ids of the vendor's events, in order, and the number of its last block.
pub async fn chain_of(test: &TestApp, vendor: &TestVendor) -> (Vec<i64>, i64) {
    let sql = "SELECT array_agg(id ORDER BY id) FROM events WHERE vendor_id = $1";
    let ids = test.sql().await.query_one(sql, &[&vendor.id]).await;
    let sql = "SELECT head_seq FROM event_chains WHERE vendor_id = $1";
    let head = test.sql().await.query_one(sql, &[&vendor.id]).await;
    let (ids, head): (Vec<i64>, i64) = (ids.unwrap().get(0), head.unwrap().get(0));
    assert!(ids.len() >= 4 && head >= 3, "{ids:?} {head}");
    (ids, head)
}

#[track_caller]
pub fn says(place: &Place, fault: Fault, event: Option<i64>, block: Option<i64>) {
    assert_eq!(
        (place.fault, place.event_id, place.block),
        (fault, event, block),
        "{place}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_to_rows_is_found_at_its_first_place() {
    let (test, acme) = story().await;
    let _frozen = freeze(&test).await;
    keep(&test).await;
    let (ids, head) = chain_of(&test, &acme).await;
    let (one, two, last) = (ids[0], ids[1], ids[ids.len() - 1]);

    let changed = format!(
        "UPDATE events SET details = details || '{{\"a\": 1}}' WHERE id IN ({one}, {last})"
    );
    let place = first_place(&test, &changed).await;
    says(&place, Fault::RowChanged, Some(one), Some(1));
    assert_eq!(place.namespace.as_deref(), Some("acme-one"));
    assert!(place.event_at.is_some() && place.action.is_some());

    let place = first_place(&test, &format!("DELETE FROM events WHERE id = {two}")).await;
    assert_eq!(
        (place.fault, place.event_id),
        (Fault::RowRemoved, Some(two))
    );

    let swapped = format!(
        "UPDATE events a SET actor = b.actor, action = b.action, outcome = b.outcome, code = b.code, secret_id = b.secret_id, \
             issuance_id = b.issuance_id, client_address = b.client_address, user_agent = b.user_agent, \
             request_id = b.request_id, details = b.details \
         FROM events b WHERE (a.id, b.id) IN (({one}, {last}), ({last}, {one}))"
    );
    let place = first_place(&test, &swapped).await;
    says(&place, Fault::RowsSwapped, Some(one), Some(1));
    assert_eq!(place.holds_event_id, Some(last));

    let place = first_place(&test, &format!("DELETE FROM events WHERE id = {last}")).await;
    says(&place, Fault::RowRemoved, Some(last), Some(head));

    let behind = format!(
        "INSERT INTO events (id, at, vendor_id, actor, action, outcome) \
         VALUES (999999, now(), {}, 'vendor', 'site.removed', 'done')",
        acme.id
    );
    let place = first_place(&test, &behind).await;
    says(&place, Fault::RowUnknown, Some(999_999), None);
    assert_eq!(place.action.as_deref(), Some("site.removed"));

    let unqueued = format!(
        "SET LOCAL session_replication_role = origin; {}; DELETE FROM events_to_chain",
        behind.replace("999999", "999998")
    );
    let place = first_place(&test, &unqueued).await;
    says(&place, Fault::RowUnknown, Some(999_998), None);
    assert!(verified(&test).await.is_whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_to_the_chain_itself_is_found() {
    let (test, acme) = story().await;
    let _frozen = freeze(&test).await;
    keep(&test).await;
    let (_, head) = chain_of(&test, &acme).await;
    let vendor = format!("vendor_id = {}", acme.id);

    let cut = format!(
        "DELETE FROM events WHERE id IN (SELECT unnest(event_ids) FROM event_blocks WHERE {vendor} AND seq = {head}); \
         UPDATE event_chains SET head_seq = {head} - 1, named_seq = {head} - 1, head_hash = previous \
             FROM event_blocks b WHERE event_chains.{vendor} AND b.{vendor} AND b.seq = {head}; \
         DELETE FROM event_blocks WHERE {vendor} AND seq = {head}"
    );
    let place = first_place(&test, &cut).await;
    says(&place, Fault::TailCut, None, Some(head));
    assert_eq!(place.namespace.as_deref(), Some("acme-one"));

    let newest = count(&test, "SELECT max(number) FROM event_checkpoints").await;
    let with_checkpoints = format!("{cut}; DELETE FROM event_checkpoints WHERE number = {newest}");
    let place = first_place(&test, &with_checkpoints).await;
    assert_eq!(
        (place.fault, place.checkpoint),
        (Fault::CheckpointsCut, Some(newest)),
        "{place}"
    );

    let gone = format!(
        "DELETE FROM events WHERE {vendor}; DELETE FROM event_blocks WHERE {vendor}; DELETE FROM event_chains WHERE {vendor}"
    );
    says(
        &first_place(&test, &gone).await,
        Fault::TailCut,
        None,
        Some(1),
    );

    let forged = "UPDATE event_checkpoints SET signature = set_byte(signature, 0, get_byte(signature, 0) # 1) WHERE number = 2";
    let place = first_place(&test, forged).await;
    assert_eq!(
        (place.fault, place.checkpoint),
        (Fault::CheckpointForged, Some(2))
    );
    let place = first_place(&test, "DELETE FROM event_checkpoints WHERE number = 2").await;
    assert_eq!(
        (place.fault, place.checkpoint),
        (Fault::CheckpointMissing, Some(2))
    );

    let missing = format!("DELETE FROM event_blocks WHERE {vendor} AND seq = 2");
    says(
        &first_place(&test, &missing).await,
        Fault::BlockMissing,
        None,
        Some(2),
    );
    let swapped = format!(
        "UPDATE event_blocks SET seq = -1 WHERE {vendor} AND seq = 1; UPDATE event_blocks SET seq = 1 WHERE {vendor} AND seq = 2; \
         UPDATE event_blocks SET seq = 2 WHERE {vendor} AND seq = -1"
    );
    says(
        &first_place(&test, &swapped).await,
        Fault::BlocksSwapped,
        None,
        Some(1),
    );
    let changed = format!(
        "UPDATE event_blocks SET digests = set_byte(digests, 0, get_byte(digests, 0) # 1) WHERE {vendor} AND seq = 2"
    );
    says(
        &first_place(&test, &changed).await,
        Fault::BlockChanged,
        None,
        Some(2),
    );
    let head_wrong = format!("UPDATE event_chains SET head_hash = '\\x00' WHERE {vendor}");
    assert_eq!(
        first_place(&test, &head_wrong).await.fault,
        Fault::HeadWrong
    );
    let forgotten = format!("UPDATE event_chains SET removed_before = now() WHERE {vendor}");
    assert_eq!(
        first_place(&test, &forgotten).await.fault,
        Fault::BaseForged
    );
    assert!(verified(&test).await.is_whole());

    let place = first_place(&test, &anew(&test, &acme, head).await).await;
    says(&place, Fault::ChainRewritten, None, Some(head));
}

/// Makes the last block anew, so that it fits with all but the checkpoints.
async fn anew(test: &TestApp, vendor: &TestVendor, seq: i64) -> String {
    let sql = "SELECT chained_at, event_ids, event_ats, digests, previous FROM event_blocks WHERE vendor_id = $1 AND seq = $2";
    let row = test.sql().await.query_one(sql, &[&vendor.id, &seq]).await;
    let row = row.unwrap();
    let chained_at: Timestamp = row.get("chained_at");
    let block = chain::Block {
        vendor: vendor.id,
        seq,
        chained_at: chained_at.as_microsecond() + 1,
        ids: row.get("event_ids"),
        ats: row.get("event_ats"),
        digests: row.get("digests"),
        previous: row.get("previous"),
    };
    let hash = hex::encode(block.hash());
    format!(
        "UPDATE event_blocks SET chained_at = chained_at + interval '1 microsecond', hash = '\\x{hash}' \
             WHERE vendor_id = {id} AND seq = {seq}; \
         UPDATE event_chains SET head_hash = '\\x{hash}' WHERE vendor_id = {id}",
        id = vendor.id
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn service_does_not_let_openbao_forget_a_checkpoint_that_was_cut() {
    let (test, _) = story().await;
    tamper(
        &test,
        "DELETE FROM event_checkpoints WHERE number >= 2; UPDATE event_chains SET named_seq = 0",
    )
    .await;
    test.pass("chain_events").await;
    assert_eq!(remembered(&test).await, None);
    let found = verified(&test).await;
    assert_eq!(found.first.unwrap().fault, Fault::CheckpointsCut);
}
