//! The operators' list of issuers: whose tokens count at all. An issuer is found by its exact name, so one that only looks
//! like it is none.

pub mod http;
pub mod store;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::patterns::ClaimPlace;
use super::policies;
use crate::app::App;
use crate::auth::jwks::Source;
use crate::auth::jwt::Algorithm;
use crate::auth::{Operator, new_id};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{IssuerId, IssuerUrl, KeySetUrl};

/// Claims that say whose a workload is where nothing else is said: those of the usual platforms.
pub const WORKLOAD_CLAIMS: [&str; 14] = [
    "sub",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "project_path",
    "project_id",
    "namespace_path",
    "namespace_id",
    "/kubernetes.io/namespace",
    "/kubernetes.io/serviceaccount/name",
    "/kubernetes.io/serviceaccount/uid",
    "email",
    "azp",
];

/// An issuer on the list.
#[derive(Clone)]
pub struct Issuer {
    /// Names it.
    pub id: IssuerId,
    /// As its tokens say it.
    pub issuer: IssuerUrl,
    /// Where its keys are; `None`: where it says itself.
    pub key_set_url: Option<KeySetUrl>,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Claims that say whose a workload is.
    pub workload_claims: Vec<ClaimPlace>,
    /// Since when its tokens do not count.
    pub disabled_at: Option<Timestamp>,
    /// When it was listed.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

impl Issuer {
    /// Where its keys are.
    #[must_use]
    pub fn source(&self) -> Source {
        match &self.key_set_url {
            Some(url) => Source::Set(url.clone()),
            None => Source::Issuer(self.issuer.clone()),
        }
    }
}

/// Lists an issuer.
///
/// # Errors
/// [`Error::IssuerListed`], a key set at an address that nothing may be fetched from, or trouble with the database.
pub async fn create(app: &Arc<App>, by: &Operator, new: &store::NewIssuer) -> Result<Issuer> {
    check(app, &new.issuer, new.key_set_url.as_ref()).await?;
    let (now, id, actor) = (app.clock.now(), IssuerId(new_id()), by.actor());
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    if !store::insert(&transaction, id, new, now).await? {
        return Err(Error::IssuerListed);
    }
    let listed = store::find(&transaction, id)
        .await?
        .ok_or(Error::NotFound)?;
    let told = event("issuer.listed", &actor, &listed);
    told.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(listed)
}

/// Changes an issuer. Nothing is exchanged by the former edition once this is answered; tokens that were handed out live on.
///
/// # Errors
/// [`Error::NotFound`], a key set at an address that nothing may be fetched from, or trouble with the database.
pub async fn update(
    app: &Arc<App>,
    by: &Operator,
    id: IssuerId,
    changes: &store::Changes,
) -> Result<Issuer> {
    let (now, actor) = (app.clock.now(), by.actor());
    if let Some(url) = changes.key_set_url.value() {
        app.egress
            .may_keep(&url.url().ok_or(Error::NotFound)?)
            .await
            .map_err(|error| Error::field("keySetUrl", error.rule()))?;
    }
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    if !store::update(&transaction, id, changes, now).await? {
        return Err(Error::NotFound);
    }
    policies::store::renew_of_issuer(&transaction, id).await?;
    let listed = store::find(&transaction, id)
        .await?
        .ok_or(Error::NotFound)?;
    let told = event("issuer.updated", &actor, &listed);
    told.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(listed)
}

/// Takes an issuer off the list.
///
/// # Errors
/// [`Error::NotFound`], [`Error::IssuerInUse`] where vendors have policies for it, or trouble with the database.
pub async fn remove(app: &Arc<App>, by: &Operator, id: IssuerId) -> Result<()> {
    let (now, actor) = (app.clock.now(), by.actor());
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let listed = store::find_locked(&transaction, id).await?;
    let listed = listed.ok_or(Error::NotFound)?;
    if store::is_used(&transaction, id).await? {
        return Err(Error::IssuerInUse);
    }
    store::remove(&transaction, id).await?;
    let told = event("issuer.removed", &actor, &listed);
    told.record(&transaction, now).await?;
    transaction.commit().await?;
    drop(client);
    app.jwks.forget(&listed.source()).await;
    Ok(())
}

/// Whether keys may be fetched from where they are said to be.
async fn check(app: &App, issuer: &IssuerUrl, keys: Option<&KeySetUrl>) -> Result<()> {
    let (field, url) = match keys {
        Some(keys) => ("keySetUrl", keys.url()),
        None => ("issuer", issuer.discovery()),
    };
    let url = url.ok_or_else(|| Error::field(field, "must be an https URL"))?;
    let kept = app.egress.may_keep(&url).await;
    kept.map_err(|error| Error::field(field, error.rule()))
}

fn event<'a>(action: &'static str, actor: &'a str, issuer: &Issuer) -> Event<'a> {
    let mut event = Event::done(action, None, actor);
    event.details = json!({
        "issuer": issuer.issuer,
        "keySetUrl": issuer.key_set_url,
        "algorithms": issuer.algorithms,
        "workloadClaims": issuer.workload_claims,
        "enabled": issuer.disabled_at.is_none(),
    });
    event
}
