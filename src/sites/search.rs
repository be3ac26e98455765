//! Finds sites by their access keys.

use jiff::Timestamp;
use serde_json::json;

use super::{Site, store};
use crate::app::App;
use crate::auth::KeyedDigest;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{AccessKey, VendorId};
use crate::vendors::Vendor;

/// Access keys of one search.
const MOST: usize = 100;

/// The registered sites with any of these access keys, oldest first, expired ones left out. The search is on record.
///
/// # Errors
/// [`Error::InvalidField`] for no key or more than a hundred; [`Error::SupportPaused`]; trouble with the database.
pub async fn search(app: &App, vendor: &Vendor, keys: &[AccessKey]) -> Result<Vec<Site>> {
    if !(1..=MOST).contains(&keys.len()) {
        return Err(Error::field("searchKeys", "must hold 1 to 100 access keys"));
    }
    let now = app.clock.now();
    if vendor.is_support_paused(now) {
        return Err(Error::SupportPaused);
    }
    let digests = digests(app, vendor, keys)?;
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    let found = store::search(&transaction, vendor.id, &digests, now).await?;
    note(&transaction, vendor.id, keys.len(), &found, now).await?;
    transaction.commit().await?;
    Ok(found)
}

/// What access keys are known by.
///
/// # Errors
/// [`Error::Starting`] while the service has no keys of its own.
pub fn digests(app: &App, vendor: &Vendor, keys: &[AccessKey]) -> Result<Vec<KeyedDigest>> {
    let ring = app.keys()?;
    let digest = |key| ring.access_key_digest(vendor.id, key);
    Ok(keys.iter().map(digest).collect())
}

/// Puts on record what was found by whose keys: in the log of each site, or once where there is none.
async fn note(
    client: &impl GenericClient,
    vendor: VendorId,
    keys: usize,
    found: &[Site],
    now: Timestamp,
) -> Result<()> {
    let event = || {
        let mut event = Event::done("site.searched", Some(vendor), "vendor");
        event.details = json!({ "keys": keys, "found": found.len() });
        event
    };
    if found.is_empty() {
        event().record(client, now).await?;
    }
    for site in found {
        let about = event().about_site(&site.secret_id);
        about.record(client, now).await?;
    }
    Ok(())
}
