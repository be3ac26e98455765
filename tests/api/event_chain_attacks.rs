//! The chain over the trail against whoever writes to the database: the service signs nothing of theirs, and nothing they
//! write keeps the rest from being read.

use std::fmt::Write;
use std::sync::Arc;

use gatehouse::events::chain::{self, Block, Fault};
use gatehouse::types::VendorId;
use jiff::SignedDuration;

use crate::event_chain::{
    COLUMNS, chain_of, count, first_place, freeze, keep, remembered, says, story, tamper, verified,
};
use crate::support::{TestApp, TestVendor, servers};

/// Cuts a vendor's trail behind a block, as if it had never been longer.
fn cut_behind(vendor: &TestVendor, seq: i64) -> String {
    let vendor = format!("vendor_id = {}", vendor.id);
    format!(
        "DELETE FROM events WHERE id IN (SELECT unnest(event_ids) FROM event_blocks WHERE {vendor} AND seq > {seq}); \
         DELETE FROM event_blocks WHERE {vendor} AND seq > {seq}; \
         UPDATE event_chains SET named_seq = 0, head_seq = {seq}, head_hash = b.hash \
             FROM event_blocks b WHERE event_chains.{vendor} AND b.{vendor} AND b.seq = {seq}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn service_signs_nothing_behind_a_checkpoint_it_did_not_sign() {
    let (test, acme) = story().await;
    let newest = count(&test, "SELECT max(number) FROM event_checkpoints").await;
    let forged = format!(
        "{}; INSERT INTO event_checkpoints SELECT max(number) + 1, now(), '\\x00', max(number) + 2, '{{}}', '{{}}', '{{}}', \
             '\\x00', 1, '\\x00' FROM event_checkpoints",
        cut_behind(&acme, 1)
    );
    tamper(&test, &forged).await;
    test.pass("chain_events").await;
    let highest = "SELECT max(number) FROM event_checkpoints";
    assert_eq!(count(&test, highest).await, newest + 1);
    let place = verified(&test).await.first.unwrap();
    assert_eq!(place.fault, Fault::TailCut, "{place}");
    let older = format!("DELETE FROM event_checkpoints WHERE number <= {newest}");
    tamper(&test, &older).await;
    test.pass("chain_events").await;
    assert_eq!(count(&test, highest).await, newest + 1);
    assert!(!verified(&test).await.is_whole());
    assert_eq!(remembered(&test).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn service_signs_no_end_that_does_not_follow_the_one_it_signed_before() {
    let (test, acme) = story().await;
    tamper(&test, &cut_behind(&acme, 1)).await;
    let number = |vendor: i64| {
        format!(
            "SELECT coalesce(max(number), 0) FROM event_checkpoints WHERE {vendor} = ANY (vendor_ids)"
        )
    };
    let before = count(&test, &number(acme.id)).await;
    // Others are signed all the same.
    let other = test.vendor("other-one").await;
    test.site(&acme, "0123456789abcdef", "0123456789ABCDEF")
        .await;
    test.pass("chain_events").await;
    assert_eq!(count(&test, &number(acme.id)).await, before);
    assert!(count(&test, &number(other.id)).await > before);
    let place = verified(&test).await.first.unwrap();
    assert_eq!(place.vendor_id, Some(acme.id), "{place}");
}

/// Removes what is older than an hour of a vendor's trail, as the service does it.
async fn forget(test: &TestApp, vendor: &TestVendor) -> Result<u64, String> {
    let (app, id) = (Arc::clone(&test.app), VendorId(vendor.id));
    let bound = app.clock.now() - SignedDuration::from_hours(1);
    let runtime = &servers::shared().runtime;
    let forgetting = runtime.spawn(async move { chain::forget(&app, Some(id), bound).await });
    let forgotten = forgetting.await.unwrap();
    forgotten
        .map(|done| done.blocks)
        .map_err(|error| error.to_string())
}

/// Makes the first blocks of a chain anew, as somebody can who has the database: with other times, and fitting hashes.
async fn made_older(test: &TestApp, vendor: &TestVendor, blocks: i64) -> String {
    let sql = "SELECT seq, (extract(epoch FROM chained_at) * 1000000)::bigint, event_ids, digests FROM event_blocks \
               WHERE vendor_id = $1 AND seq <= $2 ORDER BY seq";
    let rows = test.sql().await.query(sql, &[&vendor.id, &blocks]).await;
    let (mut previous, mut forged) = (vec![0; 32], String::new());
    for row in rows.unwrap() {
        let ids: Vec<i64> = row.get(2);
        let block = Block {
            vendor: vendor.id,
            seq: row.get(0),
            chained_at: row.get(1),
            ats: vec![1_700_000_000_000_000; ids.len()],
            ids,
            digests: row.get(3),
            previous: previous.clone(),
        };
        write!(
            forged,
            "UPDATE event_blocks SET event_ats = array_fill(1700000000000000, ARRAY[{}]), previous = '\\x{}', \
                 hash = '\\x{}' WHERE vendor_id = {} AND seq = {};",
            block.ids.len(),
            hex::encode(&previous),
            hex::encode(block.hash()),
            vendor.id,
            block.seq
        )
        .unwrap();
        previous = block.hash().to_vec();
    }
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_no_block_that_does_not_lead_to_what_was_signed() {
    let (test, acme) = story().await;
    let _frozen = freeze(&test).await;
    assert_eq!(forget(&test, &acme).await, Ok(0));
    let blocks = format!(
        "SELECT count(*) FROM event_blocks WHERE vendor_id = {}",
        acme.id
    );
    let before = count(&test, &blocks).await;
    let times = format!(
        "UPDATE event_blocks SET event_ats = array_fill(1700000000000000, ARRAY[cardinality(event_ids)]) \
         WHERE vendor_id = {} AND seq = 1",
        acme.id
    );
    let head = format!(
        "UPDATE event_chains SET head_hash = b.hash FROM event_blocks b \
         WHERE b.vendor_id = {v} AND event_chains.vendor_id = {v} AND b.seq = head_seq",
        v = acme.id
    );
    let (first, all) = (
        made_older(&test, &acme, 1).await,
        made_older(&test, &acme, i64::MAX).await,
    );
    // Other times, a first block that fits, and a chain that fits all along.
    for forged in [times, first, format!("{all} {head}")] {
        tamper(&test, &forged).await;
        let said = forget(&test, &acme).await.unwrap_err();
        assert!(said.contains("not what was signed"), "{said}");
        assert_eq!(count(&test, &blocks).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_beside_a_real_one_and_made_columns_are_found() {
    let (test, acme) = story().await;
    let _frozen = freeze(&test).await;
    keep(&test).await;
    let (ids, _) = chain_of(&test, &acme).await;
    let two = ids[1];
    let derived = format!(
        "ALTER TABLE events ALTER COLUMN caller_kind DROP EXPRESSION; UPDATE events SET caller_kind = 'operator' WHERE id = {two}"
    );
    tamper(&test, &derived).await;
    let place = verified(&test).await.first.unwrap();
    assert_eq!(
        (place.fault, place.event_id),
        (Fault::RowChanged, Some(two))
    );
    tamper(&test, &format!("UPDATE events SET caller_kind = split_part(actor, ':', 1) WHERE id = {two}; ALTER TABLE events DROP CONSTRAINT events_pkey")).await;
    assert!(verified(&test).await.is_whole());
    let beside = format!(
        "INSERT INTO events ({COLUMNS}, caller_kind) SELECT id, at, vendor_id, actor, 'forged.event', outcome, code, secret_id, \
             issuance_id, client_address, user_agent, request_id, details, caller_kind FROM events WHERE id = {two}"
    );
    tamper(&test, &beside).await;
    let place = verified(&test).await.first.unwrap();
    assert_eq!(
        (place.fault, place.event_id),
        (Fault::RowUnknown, Some(two))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_cannot_be_meant_have_a_place_too() {
    let (test, acme) = story().await;
    let _frozen = freeze(&test).await;
    keep(&test).await;
    let vendor = format!("vendor_id = {}", acme.id);
    let (ids, _) = chain_of(&test, &acme).await;
    let late = format!("UPDATE events SET at = '20000-01-01' WHERE id = {}", ids[0]);
    let place = first_place(&test, &late).await;
    says(&place, Fault::RowRemoved, Some(ids[0]), Some(1));
    for at in ["20000-01-01", "infinity", "-infinity"] {
        let sql = format!("UPDATE event_checkpoints SET at = '{at}' WHERE number = 2");
        let place = first_place(&test, &sql).await;
        assert_eq!(
            (place.fault, place.checkpoint),
            (Fault::CheckpointForged, Some(2))
        );
    }
    for change in [
        "event_ats = ARRAY[9223372036854775807]",
        "event_ids = '{NULL}'",
        "event_ids = '{{1,2}}'",
        "chained_at = 'infinity'",
    ] {
        let sql = format!("UPDATE event_blocks SET {change} WHERE {vendor} AND seq = 2");
        says(
            &first_place(&test, &sql).await,
            Fault::BlockChanged,
            None,
            Some(2),
        );
    }
    let sql = format!("UPDATE event_chains SET removed_before = 'infinity' WHERE {vendor}");
    assert_eq!(first_place(&test, &sql).await.fault, Fault::BaseForged);
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_rows_that_cannot_be_meant_are_set_aside() {
    let (test, _) = story().await;
    let frozen = freeze(&test).await;
    let absurd = "INSERT INTO events_to_chain VALUES (1, '20000-01-01', NULL), (2, 'infinity', 999999), (3, now(), 999999)";
    tamper(&test, absurd).await;
    drop(frozen);
    test.pass("chain_events").await;
    assert_eq!(
        count(
            &test,
            "SELECT count(*) FROM events_to_chain WHERE event_id < 4"
        )
        .await,
        0
    );
    let told = "SELECT count(*) FROM events WHERE code IN ('event_time_absurd', 'event_vanished')";
    assert_eq!(count(&test, told).await, 3);
}
