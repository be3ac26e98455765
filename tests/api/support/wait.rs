//! Waiting for what comes soon, by asking again.

use std::time::Duration;

use gatehouse::types::VendorId;
use gatehouse::vendors::Vendor;

use super::{TestApp, TestVendor};

/// Asks again until it holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never came: {what}");
}

/// Changes a vendor's row by SQL, and waits until the service has heard of it.
pub async fn change_vendor(
    test: &TestApp,
    vendor: &TestVendor,
    set: &str,
    heard: impl Fn(&Vendor) -> bool,
) {
    let sql = format!("UPDATE vendors SET {set} WHERE id = {}", vendor.id);
    test.sql().await.batch_execute(&sql).await.unwrap();
    let known = || {
        let vendor = test.app.directory.by_id(VendorId(vendor.id));
        std::future::ready(vendor.is_some_and(|vendor| heard(&vendor)))
    };
    until(set, known).await;
}

/// Suspends a vendor.
pub async fn suspend(test: &TestApp, vendor: &TestVendor) {
    change_vendor(test, vendor, "status = 'suspended'", |vendor| {
        vendor.status == gatehouse::vendors::Status::Suspended
    })
    .await;
}
