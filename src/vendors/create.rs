//! Adds a vendor with its first key pair. Provisioning follows, outside the transaction.

use std::sync::Arc;

use serde_json::json;

use super::store::{self, NewVendor};
use super::{PrivateDigests, Profile, Vendor};
use crate::app::App;
use crate::auth::{KeyRing, new_id, sha256_hex};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{KeyId, Name, Namespace, Secret, VendorId};

/// Who a new vendor is.
pub struct Who {
    /// Unique for ever.
    pub namespace: Namespace,
    /// Shown name.
    pub name: Name,
    /// The rest.
    pub profile: Profile,
}

/// Adds the vendor and its first key pair within the caller's transaction; `None` where the namespace is taken.
///
/// # Errors
/// Where the database does not answer.
pub async fn add(
    app: &App,
    client: &impl GenericClient,
    who: &Who,
    actor: &str,
    request_id: &str,
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
    store::insert_key(client, id, key, 1, now).await?;
    let mut event = Event::done("vendor.created", Some(id), actor, request_id);
    event.details = json!({ "namespace": who.namespace });
    event.record(client, now).await?;
    Ok(Some((id, key)))
}

/// A new private key, and the digests to keep of it.
///
/// # Errors
/// [`Error::Starting`] while the service has no keys of its own.
pub fn new_private_key(app: &App, key: KeyId) -> Result<(Secret, PrivateDigests)> {
    let ring = app.keys()?;
    let private = KeyRing::new_private_key(key);
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
    let client = app.db.get().await?;
    app.directory
        .reload(&client, id)
        .await?
        .ok_or(Error::NotFound)
}
