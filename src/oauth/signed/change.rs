//! Vendors register, change and remove keys.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use url::Url;

use super::{JwtKey, MOST, Material, store};
use crate::app::App;
use crate::auth::{VendorAdmin, new_id};
use crate::egress::EgressError;
use crate::error::{Error, OAuthError, Result};
use crate::events::Event;
use crate::types::{JwtKeyId, Name};
use crate::vendors::Vendor;

/// Registers a key.
///
/// # Errors
/// [`OAuthError::KeyLimit`], a URL that nothing may be fetched from, or trouble with the database.
pub async fn create(app: &App, by: &VendorAdmin, mut key: JwtKey) -> Result<JwtKey> {
    if let Material::Set(url) = &key.material {
        let kept = match Url::parse(url.as_str()) {
            Ok(url) => app.egress.may_keep(&url).await,
            Err(_) => Err(EgressError::NotWeb),
        };
        kept.map_err(|error| Error::field("jwksUrl", error.rule()))?;
    }
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    key.id = JwtKeyId(new_id());
    (key.created_at, key.updated_at) = (now, now);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if usize::try_from(store::count_locked(&transaction, vendor).await?).unwrap_or(MOST) >= MOST {
        return Err(OAuthError::KeyLimit.into());
    }
    store::insert(&transaction, vendor, &key).await?;
    let mut event = event(by, "jwt_key.registered", key.id);
    event.details["algorithm"] = json!(key.algorithm.name());
    event.details["issuer"] = json!(key.issuer);
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    app.directory.reload(&client, vendor).await?;
    Ok(key)
}

/// Changes a key's name and end.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn update(
    app: &App,
    by: &VendorAdmin,
    id: JwtKeyId,
    name: Option<&Name>,
    ends_at: Option<Option<Timestamp>>,
) -> Result<Arc<JwtKey>> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::update(&transaction, vendor, id, (name, ends_at), now).await? {
        return Err(Error::NotFound);
    }
    let mut event = event(by, "jwt_key.updated", id);
    if let Some(ends_at) = ends_at {
        event.details["endsAt"] = json!(ends_at);
    }
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    app.directory.reload(&client, vendor).await?;
    find(app, by, id).await
}

/// Removes a key: its tokens are refused from then on.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn remove(app: &App, by: &VendorAdmin, id: JwtKeyId) -> Result<()> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::remove(&transaction, vendor, id).await? {
        return Err(Error::NotFound);
    }
    let event = event(by, "jwt_key.removed", id);
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    app.directory.reload(&client, vendor).await?;
    Ok(())
}

/// A key, as the database has it.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn find(app: &App, by: &VendorAdmin, id: JwtKeyId) -> Result<Arc<JwtKey>> {
    let client = app.db.of(by.vendor.id).await?;
    let keys = store::all(&client, by.vendor.id).await?;
    let key = keys.into_iter().find(|key| key.id == id);
    key.ok_or(Error::NotFound)
}

/// Says whether the public key alone may neither ask for write tokens nor store sites.
///
/// # Errors
/// Trouble with the database.
pub async fn set_signed_only(app: &App, by: &VendorAdmin, only: bool) -> Result<Arc<Vendor>> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    store::set_signed_only(&transaction, vendor, only, now).await?;
    let mut event = Event::done("client_rules.changed", Some(vendor), &by.actor);
    event.details = json!({ "signedClientsOnly": only });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    let vendor = app.directory.reload(&client, vendor).await?;
    vendor.ok_or(Error::NotFound)
}

fn event<'a>(by: &'a VendorAdmin, action: &'static str, id: JwtKeyId) -> Event<'a> {
    let mut event = Event::done(action, Some(by.vendor.id), &by.actor);
    event.details = json!({ "jwtKey": id });
    event
}
