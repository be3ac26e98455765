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
pub const MOST: usize = 100;

/// A site, and the key it was found by.
pub struct Found<'a> {
    /// Which of those that were shown.
    pub key: &'a AccessKey,
    /// Registered, and not expired.
    pub site: Site,
}

/// What is said of no key, and of too many.
#[must_use]
pub fn bad_number() -> Error {
    Error::field("searchKeys", "must hold 1 to 100 access keys")
}

/// The registered sites with any of these access keys, oldest first, expired ones left out. The search is on record.
///
/// # Errors
/// [`Error::InvalidField`] for no key or more than a hundred; [`Error::SupportPaused`]; trouble with the database.
pub async fn search<'a>(
    app: &App,
    vendor: &Vendor,
    keys: &'a [AccessKey],
    actor: &str,
) -> Result<Vec<Found<'a>>> {
    if !(1..=MOST).contains(&keys.len()) {
        return Err(bad_number());
    }
    let now = app.clock.now();
    if vendor.is_support_paused(now) {
        return Err(Error::SupportPaused);
    }
    let ring = app.keys()?;
    let digest = |key| ring.access_key_digest(vendor.id, key);
    let digests: Vec<KeyedDigest> = keys.iter().map(digest).collect();
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    let found = store::search(&transaction, vendor.id, &digests, now).await?;
    note(&transaction, vendor.id, (actor, keys.len()), &found, now).await?;
    transaction.commit().await?;
    let found = found.into_iter().filter_map(|site| {
        let right = site.access_key.as_ref()?;
        let place = digests.iter().position(|digest| right.matches(digest))?;
        let key = keys.get(place)?;
        Some(Found { key, site })
    });
    Ok(found.collect())
}

/// Puts on record what was found by whose keys: in the log of each site, or once where there is none.
async fn note(
    client: &impl GenericClient,
    vendor: VendorId,
    (actor, keys): (&str, usize),
    found: &[Site],
    now: Timestamp,
) -> Result<()> {
    let event = || {
        let mut event = Event::done("site.searched", Some(vendor), actor);
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
