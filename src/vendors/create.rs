//! Adds a vendor with its first key pair. Provisioning follows, outside the transaction.

use std::sync::Arc;

use serde_json::json;

use super::account;
use super::claim::KeyPairView;
use super::provision::provision;
use super::store::{self, NewVendor};
use super::{PrivateDigests, Profile, Vendor, VendorView, keys};
use crate::app::App;
use crate::auth::{new_id, sha256_hex};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{KeyId, Name, Namespace, Secret, VendorId};
use crate::webhooks::MessageType;

/// Who a new vendor is.
pub struct Who {
    /// Unique for ever.
    pub namespace: Namespace,
    /// Shown name.
    pub name: Name,
    /// The rest.
    pub profile: Profile,
}

/// Adds the vendor and its first key pair within the caller's transaction; `None` where the namespace is taken. When all is
/// known of it, tell the platform with [`account::tell`].
///
/// # Errors
/// Where the database does not answer.
pub async fn add(
    app: &App,
    client: &impl GenericClient,
    who: &Who,
    actor: &str,
) -> Result<Option<(VendorId, KeyId)>> {
    let now = app.clock.now();
    let new = NewVendor {
        namespace: &who.namespace,
        name: &who.name,
        profile: &who.profile,
    };
    let Some(id) = store::insert(client, &new, now).await? else {
        return Ok(None);
    };
    let key = KeyId(new_id());
    keys::store::insert_key(client, id, key, 1, now).await?;
    let mut event = Event::done("vendor.created", Some(id), actor);
    event.details = json!({ "namespace": who.namespace });
    event.record(client, now).await?;
    Ok(Some((id, key)))
}

/// Adds a vendor with a key pair and provisions it. The keys are shown once, so the answer is a good one even where
/// OpenBao is to follow: `provisioned` says it.
///
/// # Errors
/// [`Error::NamespaceTaken`], or trouble with the database.
pub async fn with_keys(app: &App, who: &Who, actor: &str) -> Result<KeyPairView> {
    let now = app.clock.now();
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let added = add(app, &transaction, who, actor).await?;
    let (id, key) = added.ok_or(Error::NamespaceTaken)?;
    let (private, digests) = new_private_key(app, key)?;
    keys::store::set_private_key(&transaction, id, key, &digests, now).await?;
    account::tell(&transaction, id, MessageType::AccountCreated, now).await?;
    transaction.commit().await?;
    drop(client);
    let vendor = reload(app, id).await?;
    if let Err(error) = provision(app, &vendor).await {
        let cause = crate::error::cause_chain(&error);
        tracing::warn!(vendor.id = id.0, error.cause = %cause, "The new vendor could not be provisioned yet");
    }
    let vendor = reload(app, id).await?;
    Ok(KeyPairView {
        vendor: VendorView::from(&*vendor),
        public_key: app.keys()?.public_key(key).expose().to_owned(),
        private_key: private.expose().to_owned(),
    })
}

/// A new private key, and the digests to keep of it.
///
/// # Errors
/// [`Error::Starting`] while the service has no keys of its own.
pub fn new_private_key(app: &App, key: KeyId) -> Result<(Secret, PrivateDigests)> {
    let ring = app.keys()?;
    let private = ring.new_private_key(key);
    let public = ring.public_key(key);
    let digests = PrivateDigests {
        private: ring.digest(private.expose()),
        bearer: ring.bearer_digest(sha256_hex(&[private.expose()]).expose()),
        pair: ring.pair_digest(sha256_hex(&[public.expose(), private.expose()]).expose()),
    };
    Ok((private, digests))
}

/// The vendor of an id, fresh from the database.
///
/// # Errors
/// Where the database does not answer, or the vendor is gone.
pub async fn reload(app: &App, id: VendorId) -> Result<Arc<Vendor>> {
    let client = app.db.of(id).await?;
    app.directory
        .reload(&client, id)
        .await?
        .ok_or(Error::NotFound)
}

/// The vendor of a namespace, fresh from the database.
///
/// # Errors
/// [`Error::NotFound`], or where the database does not answer.
pub async fn named(app: &App, namespace: &Namespace) -> Result<Arc<Vendor>> {
    let client = app.db.all().await?;
    let id = store::id_of(&client, namespace)
        .await?
        .ok_or(Error::NotFound)?;
    app.directory
        .reload(&client, id)
        .await?
        .ok_or(Error::NotFound)
}
