//! `POST /api/vendors/claim`: exchanges a claim token for the vendor's key pair.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::create::new_private_key;
use super::{ApiKey, Vendor, VendorView, create, keys};
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::telemetry;
use crate::types::Secret;

/// The body.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ClaimKeysRequest)]
pub struct ClaimRequest {
    /// From the answer to the sign-up webhook.
    pub claim_token: Secret,
}

/// The key pair, shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = VendorKeys)]
pub struct KeyPairView {
    /// Whose.
    pub vendor: VendorView,
    /// For the plugins.
    pub public_key: String,
    /// The vendor's secret.
    pub private_key: String,
}

/// As the events name whoever holds a claim token.
const CLAIM_TOKEN: &str = "claim-token";

/// Makes the private key. Claiming again replaces it until it is first used; then the claim token is dead.
///
/// # Errors
/// [`Error::ClaimInvalid`], [`Error::ClaimExpired`], [`Error::ClaimUsed`], or trouble with the database.
pub async fn claim(app: &App, request: &ClaimRequest) -> Result<KeyPairView> {
    let now = app.clock.now();
    let claim = app
        .keys()?
        .verify_claim_token(request.claim_token.expose())
        .ok_or(Error::ClaimInvalid)?;
    if claim.expires <= now {
        return Err(Error::ClaimExpired);
    }
    app.directory.fresh().await?;
    let vendor = app
        .directory
        .by_key(&app.db, claim.key)
        .await?
        .ok_or(Error::ClaimInvalid)?;
    let seen = telemetry::current().seen;
    seen.note_caller(Some(vendor.id), CLAIM_TOKEN);
    vendor.refuse_inactive()?;
    let key = vendor
        .live_key(claim.key, now)
        .filter(|key| key.generation == claim.generation);
    let key = key.ok_or(Error::ClaimInvalid)?;
    replace_private_key(app, &vendor, key, CLAIM_TOKEN).await
}

/// Gives a key pair whose private key was never used another private key, and shows the pair.
///
/// # Errors
/// [`Error::ClaimUsed`], or trouble with the database.
pub async fn replace_private_key(
    app: &App,
    vendor: &Vendor,
    key: &ApiKey,
    actor: &str,
) -> Result<KeyPairView> {
    let now = app.clock.now();
    let (private, digests) = new_private_key(app, key.id)?;
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    if !keys::store::set_private_key(&transaction, vendor.id, key.id, &digests, now).await? {
        return Err(Error::ClaimUsed);
    }
    let mut event = Event::done("vendor.claimed", Some(vendor.id), actor);
    event.details = json!({ "generation": key.generation });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    drop(client);
    let vendor = create::reload(app, vendor.id).await?;
    let public_key = app.keys()?.public_key(key.id).expose().to_owned();
    Ok(KeyPairView {
        vendor: VendorView::from(&*vendor),
        public_key,
        private_key: private.expose().to_owned(),
    })
}
