//! Nonces that vendors' Connectors sign: verified, and good once.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gatehouse::error::{Error, Result};
use gatehouse::trustedlogin::connector::{NonceDigest, store, verify_nonce};
use gatehouse::types::VendorId;

use crate::connector::told;
use crate::support::connector::TestConnector;
use crate::support::{TestApp, TestVendor, servers};

async fn verify(
    test: &TestApp,
    vendor: &TestVendor,
    (nonce, signed): (&str, &str),
) -> Result<NonceDigest> {
    let (app, vendor) = (Arc::clone(&test.app), test.known(vendor));
    let (nonce, signed) = (nonce.to_owned(), signed.to_owned());
    let verifying = servers::shared()
        .runtime
        .spawn(async move { verify_nonce(&app, &vendor, &nonce, &signed).await });
    verifying.await.unwrap()
}

/// As whoever answers with an envelope does: verified, then spent with what it is shown for.
async fn show(test: &TestApp, vendor: &TestVendor, shown: &(String, String)) -> bool {
    let digest = match verify(test, vendor, (&shown.0, &shown.1)).await {
        Ok(digest) => digest,
        Err(Error::NonceRefused) => return false,
        Err(other) => panic!("{other}"),
    };
    let (app, id) = (Arc::clone(&test.app), VendorId(vendor.id));
    let spending = servers::shared().runtime.spawn(async move {
        let mut client = app.db.all().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        let now = app.clock.now();
        let fresh = store::spend(&transaction, id, &digest, now).await.unwrap();
        transaction.commit().await.unwrap();
        fresh
    });
    spending.await.unwrap()
}

async fn start() -> (TestApp, TestVendor, TestConnector) {
    let test = TestApp::start().await;
    let vendor = test.vendor("acme-one").await;
    let connector = test.connector(&vendor).await;
    (test, vendor, connector)
}

#[tokio::test]
async fn nonce_of_the_connector_is_good_and_others_are_refused() {
    let (test, vendor, connector) = start().await;
    let other = test.vendor("acme-two").await;
    let stranger = test.connector(&other).await;
    for length in [16, 24, 32, 1024] {
        let (nonce, signed) = connector.sign(&vec![7; length]);
        let verified = verify(&test, &vendor, (&nonce, &signed)).await;
        assert!(verified.is_ok(), "{length}");
        // As PHP reads base64.
        let bare = (nonce.trim_end_matches('='), signed.trim_end_matches('='));
        assert_eq!(verify(&test, &vendor, bare).await.ok(), verified.ok());
    }
    let (nonce, signed) = connector.nonce();
    let (another, _) = connector.nonce();
    let (_, foreign) = stranger.sign(&BASE64_STANDARD.decode(&nonce).unwrap());
    let (short, signed_short) = connector.sign(&[7; 15]);
    let (long, signed_long) = connector.sign(&[7; 1025]);
    let (empty, signed_empty) = connector.sign(&[]);
    let zeros = BASE64_STANDARD.encode([0; 64]);
    let identity = BASE64_STANDARD.encode([[1].as_slice(), &[0; 63]].concat());
    let cut = BASE64_STANDARD.encode(&BASE64_STANDARD.decode(&signed).unwrap()[..63]);
    let more = BASE64_STANDARD.encode([BASE64_STANDARD.decode(&signed).unwrap(), vec![0]].concat());
    let hex = hex::encode(BASE64_STANDARD.decode(&signed).unwrap());
    let huge = "A".repeat(1024 * 1024);
    for (nonce, signed) in [
        (nonce.as_str(), ""),
        ("", signed.as_str()),
        ("", ""),
        (&nonce, &foreign),
        (&nonce, &zeros),
        (&nonce, &identity),
        (&nonce, &cut),
        (&nonce, &more),
        (&nonce, &hex),
        (&nonce, &nonce),
        (&signed, &nonce),
        (&another, &signed),
        (&short, &signed_short),
        (&long, &signed_long),
        (&empty, &signed_empty),
        (&huge, &signed),
        (&nonce, &huge),
        ("not base64 at all!", &signed),
        (&nonce, "\u{0}"),
        (&format!(" {nonce}"), &signed),
    ] {
        let refused = verify(&test, &vendor, (nonce, signed)).await;
        let start: String = nonce.chars().take(40).collect();
        assert!(matches!(refused, Err(Error::NonceRefused)), "{start}");
    }
    let theirs = stranger.nonce();
    assert!(!show(&test, &vendor, &theirs).await);
    assert!(show(&test, &other, &theirs).await);
    // All that was wrong made it ask once more at most.
    assert!(connector.asked().len() <= 2, "{:?}", connector.asked());
    assert_eq!(Error::NonceRefused.entry().status.as_u16(), 403);
}

#[tokio::test]
async fn connector_that_is_installed_anew_is_asked_for_its_key_again() {
    let (test, vendor, connector) = start().await;
    let old = connector.nonce();
    assert!(show(&test, &vendor, &old).await);
    connector.reinstall();
    // A moment ago it was asked: not again so soon.
    assert!(!show(&test, &vendor, &connector.nonce()).await);
    assert_eq!(connector.asked().len(), 1);
    test.app.clock.advance(6);
    assert!(show(&test, &vendor, &connector.nonce()).await);
    assert_eq!(connector.asked().len(), 2);
    let told = told(&test, &vendor, "connector.key_changed").await;
    assert_eq!(told.len(), 2);
    for _ in 0..20 {
        assert!(!show(&test, &vendor, &old).await);
    }
    assert_eq!(connector.asked().len(), 2);

    // Where it does not answer meanwhile, what it signs with the key that is held is good.
    test.app.clock.advance(6);
    let good = connector.nonce();
    connector.answer("503 Away", "", b"");
    assert!(!show(&test, &vendor, &old).await);
    assert!(show(&test, &vendor, &good).await);
    assert_eq!(connector.asked().len(), 3);
}

#[tokio::test]
async fn key_that_is_another_one_each_time_verifies_nothing_old() {
    let (test, vendor, connector) = start().await;
    let mut before = connector.nonce();
    for _ in 0..3 {
        connector.reinstall();
        test.app.clock.advance(301);
        assert!(!show(&test, &vendor, &before).await);
        before = connector.nonce();
    }
    assert_eq!(connector.asked().len(), 3);
}

#[tokio::test]
async fn nonce_is_good_once_on_all_replicas() {
    let (mut test, vendor, connector) = start().await;
    let second = test.replica().await;
    let shown = connector.nonce();
    assert!(show(&test, &vendor, &shown).await);
    for _ in 0..3 {
        assert!(!show(&test, &vendor, &shown).await);
        assert!(!show(&second, &vendor, &shown).await);
    }
    // The same bytes in another text.
    let bare = (shown.0.trim_end_matches('=').to_owned(), shown.1.clone());
    assert!(!show(&second, &vendor, &bare).await);
    for _ in 0..5 {
        let shown = connector.nonce();
        let tries =
            (0..20).map(|n| show(if n % 2 == 0 { &test } else { &second }, &vendor, &shown));
        let good = futures_util::future::join_all(tries).await;
        assert_eq!(good.iter().filter(|good| **good).count(), 1);
    }
    let kept = connector.nonce();
    assert!(show(&test, &vendor, &kept).await);
    test.stop().await;
    let third = test.replica().await;
    assert!(!show(&third, &vendor, &kept).await);
    // The nonce itself lies nowhere.
    let bytes = BASE64_STANDARD.decode(&kept.0).unwrap();
    let dump = second.dump().await;
    assert!(!dump.contains(&kept.0) && !dump.contains(&hex::encode(bytes)));
}

#[tokio::test]
async fn nonce_that_is_not_spent_after_all_is_still_good() {
    let (test, vendor, connector) = start().await;
    let shown = connector.nonce();
    let digest = verify(&test, &vendor, (&shown.0, &shown.1)).await.unwrap();
    let mut client = test.sql().await;
    let transaction = client.transaction().await.unwrap();
    let sql = "INSERT INTO signed_nonces (vendor_id, digest, spent_at) VALUES ($1, $2, now())";
    let digest = digest.as_bytes();
    let spent = transaction.execute(sql, &[&vendor.id, &digest]).await;
    assert_eq!(spent.unwrap(), 1);
    // It waits for what may come to nothing.
    let mut showing = std::pin::pin!(show(&test, &vendor, &shown));
    let brief = std::time::Duration::from_millis(500);
    let early = tokio::time::timeout(brief, showing.as_mut()).await;
    assert!(early.is_err());
    transaction.rollback().await.unwrap();
    assert!(showing.await);
}

#[tokio::test]
async fn spent_nonces_are_forgotten_after_a_month() {
    let (test, vendor, connector) = start().await;
    assert!(show(&test, &vendor, &connector.nonce()).await);
    test.app.clock.advance(29 * 24 * 3600);
    assert!(show(&test, &vendor, &connector.nonce()).await);
    assert_eq!(test.pass("purge").await["nonces"], 0);
    test.app.clock.advance(2 * 24 * 3600);
    assert_eq!(test.pass("purge").await["nonces"], 1);
    let sql = "EXPLAIN DELETE FROM signed_nonces WHERE spent_at < now()";
    let client = test.sql().await;
    client
        .batch_execute("SET enable_seqscan = off")
        .await
        .unwrap();
    let plan = client.query(sql, &[]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.join(" ").contains("signed_nonces_spent"), "{plan:?}");
}
