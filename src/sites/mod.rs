//! Sites: one support-access grant each, named by its secret id and found by its access key.
//!
//! A site is **reserved** when a token first names it, **registered** by `POST /sites`, **removing** from the moment
//! somebody asked for its removal until OpenBao has followed, and then **removed**. Each removal, and each storing anew
//! after it, gives it another generation, which is never used twice: work that was begun for an older one comes to
//! nothing.

pub mod attempts;
pub mod envelope;
pub mod http;
pub mod register;
pub mod remove;
pub mod search;
pub mod store;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::{KeyedDigest, PluginOrVendor};
use crate::db::GenericClient;
use crate::error::Result;
use crate::types::{AccessKey, SecretId, VendorId};
use crate::vendors::Vendor;
use crate::webhooks::{MessageType, outbox};

/// A site's record.
pub struct Site {
    /// Names it in the vendor's store.
    pub secret_id: SecretId,
    /// Which of the sites that had this id.
    pub generation: i64,
    /// What has become of it.
    pub state: State,
    /// Where it is.
    pub site_url: Option<String>,
    /// What its access key is known by.
    pub access_key: Option<KeyedDigest>,
    /// The caller's labels.
    pub metadata: Value,
    /// When it is removed by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was registered.
    pub registered_at: Option<Timestamp>,
}

/// What has become of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A token names it.
    Reserved,
    /// Registered.
    Registered,
    /// To be removed; refused everywhere already.
    Removing,
    /// Gone.
    Removed,
}

/// Whether the caller may have a write token for a site even if it is registered: as the vendor, or by showing its
/// access key. The public key alone does not suffice, as it is printed in every copy of a plugin.
///
/// # Errors
/// Trouble with the database.
pub async fn may_replace(
    app: &App,
    caller: &PluginOrVendor,
    secret_id: &SecretId,
    shown: Option<&AccessKey>,
) -> Result<bool> {
    if caller.is_vouched_for() || shown.is_none() {
        return Ok(caller.is_vouched_for());
    }
    let client = app.db.of(caller.vendor().id).await?;
    let site = store::find(&client, caller.vendor().id, secret_id).await?;
    site.map_or(Ok(false), |site| {
        shows_access_key(app, caller.vendor(), &site, shown)
    })
}

/// Whether the access key shown is the site's. A site without one can be shown none.
///
/// # Errors
/// [`crate::error::Error::Starting`] while the service has no keys of its own.
pub fn shows_access_key(
    app: &App,
    vendor: &Vendor,
    site: &Site,
    shown: Option<&AccessKey>,
) -> Result<bool> {
    let (Some(right), Some(shown)) = (&site.access_key, shown) else {
        return Ok(false);
    };
    Ok(right.matches(&app.keys()?.access_key_digest(vendor.id, shown)))
}

/// What webhooks are told of a site.
#[must_use]
pub fn told(vendor: VendorId, secret_id: &SecretId, url: Option<&str>) -> Value {
    json!({ "id": secret_id, "account": vendor.0, "url": url })
}

/// Tells the vendor's webhooks of a site.
///
/// # Errors
/// Where the database does not answer.
pub async fn tell(
    client: &impl GenericClient,
    vendor: VendorId,
    about: MessageType,
    (secret_id, url): (&SecretId, Option<&str>),
    now: Timestamp,
) -> Result<()> {
    let data = told(vendor, secret_id, url);
    Ok(outbox::enqueue(client, vendor, about, &data, now).await?)
}

/// A site as it is now; `None` where it is not known. A removal still to be finished is finished first.
///
/// # Errors
/// Trouble with OpenBao or the database.
pub async fn settled(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    secret_id: &SecretId,
) -> Result<Option<Site>> {
    let client = app.db.of(vendor.id).await?;
    let site = store::find(&client, vendor.id, secret_id).await?;
    drop(client);
    if let Some(site) = site.as_ref().filter(|site| site.state == State::Removing) {
        remove::finish(app, vendor, secret_id, site.generation).await?;
    }
    Ok(site)
}
