//! Stores an envelope, and registers its site with it.
//!
//! The site's row says first that an envelope is being stored, and by which request; then OpenBao is written to; then the
//! site is registered. No other one is stored meanwhile. It may be removed, and then that removal does not end before this
//! has: what was written is deleted too. What a crash leaves behind, [`super::settle`] clears up.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::{ACTOR, Envelope, store};
use crate::app::App;
use crate::auth::{KeyedDigest, PluginOrVendor};
use crate::error::{Error, FieldError, Result};
use crate::events::Event;
use crate::sites::{self, Site, State};
use crate::tokens::{Grant, Kind};
use crate::types::{AccessKey, ExpiresAt, SecretId, VendorId};
use crate::vault::kv;
use crate::webhooks::MessageType;

/// How long storing may take.
const CLAIM: SignedDuration = SignedDuration::from_secs(40);

/// A site to be stored with its envelope.
pub struct NewSite {
    /// Names it.
    pub secret_id: SecretId,
    /// What the support team finds it by, and who wants to store it again must show.
    pub access_key: AccessKey,
    /// Which user of the customer's site granted access.
    pub wp_user_id: Option<i64>,
    /// Of the client.
    pub client_version: Option<String>,
    /// The client's labels.
    pub metadata: Value,
    /// What is sealed.
    pub envelope: Envelope,
}

/// Stores it; again, with the same access key, to extend it.
///
/// # Errors
/// [`Error::InvalidField`] for another access key and an end in the past; [`Error::Conflict`] where somebody else stores
/// the same site now, or it was removed meanwhile; trouble with OpenBao or the database.
pub async fn put(app: &Arc<App>, by: &PluginOrVendor, new: &NewSite) -> Result<()> {
    by.may_store(Some(&new.secret_id))?;
    let (vendor, now) = (by.vendor(), app.clock.now());
    let ExpiresAt(end) = new.envelope.expires_at.unwrap_or_default();
    if end.is_some_and(|at| at <= now) {
        return Err(Error::field("expiresAt", "must be in the future"));
    }
    let key = app.keys()?.access_key_digest(vendor.id, &new.access_key);
    sites::settled(app, vendor, &new.secret_id).await?;
    let claim_id = Uuid::now_v7();
    claim(app, vendor.id, &new.secret_id, &key, claim_id).await?;
    let grant = Grant {
        key: Some(by.key()),
        ..Grant::new(vendor, Kind::StoreWrite, ACTOR)
    };
    let (namespace, id) = (&vendor.namespace, &new.secret_id);
    let fields = new.envelope.fields();
    let fields = &fields;
    let written = app.brokered.call(app, &grant, |handle| async move {
        kv::write_site(&handle, namespace, id, fields).await
    });
    match written.await {
        Err(Error::Vault(error)) if !error.is_outcome_unknown() => {
            let client = app.db.of(vendor.id).await?;
            store::give_up(&client, vendor.id, id, claim_id).await?;
            return Err(error.into());
        }
        // Whether a write that failed comes late nobody knows: the claim stays, and is cleared up when it is over.
        written => written?,
    }
    register(app, by, new, &key, claim_id).await
}

/// Lets one request at a time store a site.
async fn claim(
    app: &App,
    vendor: VendorId,
    id: &SecretId,
    key: &KeyedDigest,
    by: Uuid,
) -> Result<()> {
    let now = app.clock.now();
    let until = now.checked_add(CLAIM).unwrap_or(Timestamp::MAX);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    sites::store::reserve(&transaction, vendor, id, now).await?;
    let site = sites::store::find_for_update(&transaction, vendor, id).await?;
    may_store(site.as_ref(), key)?;
    if !store::claim(&transaction, vendor, id, by, now, until).await? {
        return Err(Error::Conflict);
    }
    transaction.commit().await?;
    Ok(())
}

/// A site that is registered is stored again by whoever shows its access key, and by nobody else: not by the vendor
/// either, which may remove it.
fn may_store(site: Option<&Site>, key: &KeyedDigest) -> Result<()> {
    match site {
        Some(site) if site.state == State::Removing => Err(Error::RemovalPending),
        Some(site) if site.state == State::Registered => {
            let same = site.access_key.as_ref();
            if same.is_some_and(|right| right.matches(key)) {
                Ok(())
            } else {
                let said = "is not the one that this site was stored with";
                Err(Error::InvalidField(vec![FieldError::new(
                    "accessKey",
                    said,
                )]))
            }
        }
        _ => Ok(()),
    }
}

/// Registers the site, where the claim held; else what was written is removed again.
async fn register(
    app: &Arc<App>,
    by: &PluginOrVendor,
    new: &NewSite,
    key: &KeyedDigest,
    claim_id: Uuid,
) -> Result<()> {
    let (vendor, id, now) = (by.vendor(), &new.secret_id, app.clock.now());
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    let site = sites::store::find_for_update(&transaction, vendor.id, id).await?;
    let is_again = site
        .as_ref()
        .is_some_and(|site| site.state == State::Registered);
    let holds = store::holds_claim(&transaction, vendor.id, id, claim_id).await?
        && may_store(site.as_ref(), key).is_ok();
    if !holds {
        store::give_up(&transaction, vendor.id, id, claim_id).await?;
        sites::store::ask_removal(&transaction, vendor.id, id, now).await?;
        transaction.commit().await?;
        return Err(Error::Conflict);
    }
    let registration = sites::store::Registration {
        secret_id: id,
        site_url: Some(new.envelope.site_url.as_str()),
        access_key: Some(key),
        delete_key: None,
        metadata: Some(&new.metadata),
        expires_at: new.envelope.expires_at.unwrap_or_default().0,
    };
    sites::store::register(&transaction, vendor.id, &registration, now).await?;
    store::finish(&transaction, vendor.id, new).await?;
    let action = if is_again {
        "site.extended"
    } else {
        "site.registered"
    };
    let event = Event::done(action, Some(vendor.id), by.actor());
    event.about_site(id).record(&transaction, now).await?;
    if !is_again {
        let site = (id, Some(new.envelope.site_url.as_str()));
        sites::tell(&transaction, vendor.id, MessageType::SiteCreated, site, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}
