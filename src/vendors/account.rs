//! What the platform's own systems are told of vendors' accounts, by its webhooks.

use jiff::Timestamp;
use serde_json::json;

use super::Subscription;
use super::store::{self, Changes};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::types::VendorId;
use crate::webhooks::{MessageType, outbox};

/// Tells the platform's webhooks what became of a vendor's account, which is described as it is then. Call it in the
/// transaction that changed it.
///
/// # Errors
/// Where the database does not answer, or the vendor is gone.
pub async fn tell(
    client: &impl GenericClient,
    id: VendorId,
    about: MessageType,
    now: Timestamp,
) -> Result<()> {
    let vendor = store::load(client, Some(id)).await?.pop();
    let vendor = vendor.ok_or(Error::NotFound)?;
    let key = vendor.current_key(now).map(|key| key.id);
    let profile = &vendor.profile;
    let data = json!({
        "id": vendor.id,
        "name": vendor.name,
        "publicKey": key.map(|_| outbox::PUBLIC_KEY),
        "namespace": vendor.namespace,
        "ownerName": profile.owner_name,
        "ownerEmail": profile.owner_email,
        "trial": profile.subscription == Subscription::Trial,
        "hasCard": profile.has_card,
        "isSubscribed": profile.subscription == Subscription::Active,
    });
    outbox::enqueue_for_platform(client, about, &data, key, now).await?;
    Ok(())
}

/// Changes a vendor. Where that makes its subscription an active one, the platform's webhooks hear of it.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    id: VendorId,
    changes: &Changes<'_>,
    now: Timestamp,
) -> Result<()> {
    if store::update(client, id, changes, now).await? {
        tell(client, id, MessageType::AccountRenewed, now).await?;
    }
    Ok(())
}
