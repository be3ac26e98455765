//! Sites: one support-access grant each, named by its secret id and found by its access key.
//!
//! A site is **reserved** when a token first names it, **registered** by `POST /sites`, **removing** from the moment
//! somebody asked for its removal until OpenBao has followed, and then **removed**. Each removal, and each storing anew
//! after it, gives it another generation, which is never used twice: work that was begun for an older one comes to
//! nothing.

pub mod http;
pub mod register;
pub mod remove;
pub mod store;

use std::sync::Arc;

use jiff::Timestamp;

use crate::app::App;
use crate::auth::{KeyedDigest, PluginOrVendor};
use crate::error::{Error, Result};
use crate::tokens::SiteVersion;
use crate::types::{AccessKey, SecretId};
use crate::vendors::Vendor;

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
    pub metadata: serde_json::Value,
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

/// Whether the caller may store this site: a new one always, a registered one only as the vendor or by showing its
/// access key, as the public key is printed in every copy of a plugin.
///
/// # Errors
/// [`Error::AccessKeyRequired`], or trouble with the database.
pub async fn may_store(
    app: &App,
    caller: &PluginOrVendor,
    secret_id: &SecretId,
    shown: Option<&AccessKey>,
) -> Result<()> {
    if caller.is_vendor() {
        return Ok(());
    }
    let client = app.db.get().await?;
    let site = store::find(&client, caller.vendor().id, secret_id).await?;
    match site.filter(|site| site.state == State::Registered) {
        Some(site) if !shows_access_key(app, caller.vendor(), &site, shown)? => {
            Err(Error::AccessKeyRequired)
        }
        _ => Ok(()),
    }
}

/// Whether the access key shown is the site's. A site without one can be shown none.
///
/// # Errors
/// [`Error::Starting`] while the service has no keys of its own.
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

/// The version of a site that a token is to be bound to; `None` where the site is not known. A removal still to be
/// finished is finished first.
///
/// # Errors
/// [`Error::NotFound`] where it must be registered and is not; trouble with OpenBao or the database.
pub async fn current_version(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    secret_id: &SecretId,
    must_be_registered: bool,
) -> Result<Option<SiteVersion>> {
    let client = app.db.get().await?;
    let site = store::find(&client, vendor.id, secret_id).await?;
    drop(client);
    if must_be_registered
        && site
            .as_ref()
            .is_none_or(|site| site.state != State::Registered)
    {
        return Err(Error::NotFound);
    }
    if let Some(site) = site.as_ref().filter(|site| site.state == State::Removing) {
        remove::finish(app, vendor, secret_id, site.generation).await?;
    }
    Ok(site.map(|site| SiteVersion(site.generation)))
}
