//! Handlers on sites.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::fields::Body;
use super::super::{own_account, subscribed};
use super::{Opening, new_site, open};
use crate::app::App;
use crate::auth::{self, ConnectorVendor, PluginOrVendor, Remover};
use crate::error::{Error, Result};
use crate::http::{Answer, Json, Removed, SiteId};
use crate::sites::envelope::put;
use crate::sites::remove::{self, Removal};
use crate::sites::search::{Found, MOST, bad_number, search};
use crate::sites::{State, store};
use crate::telemetry;
use crate::types::{AccessKey, HookUrl, SecretId};

/// An envelope was stored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrustedLoginStored)]
pub struct StoredView {
    success: bool,
    site_id: SecretId,
    /// Where the client may send webhooks of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<HookUrl>,
}

/// Secret ids by access key.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedLoginFound)]
pub struct FoundView(BTreeMap<String, Vec<SecretId>>);

/// An envelope as its Connector reads it, signed over the other fields in their canonical form.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrustedLoginEnvelope)]
pub struct EnvelopeView {
    identifier: String,
    site_url: String,
    /// Of the client, in hexadecimal digits.
    public_key: String,
    nonce: String,
    /// The client's labels, as PHP writes them: `[]` where there are none.
    meta_data: serde_json::Value,
    signature: String,
}

/// `POST /api/v1/sites`: stores a sealed envelope; again, with the same access key, to extend it. 201.
pub async fn register(
    app: web::Data<App>,
    caller: PluginOrVendor,
    body: Json<Body>,
) -> Result<Answer<StoredView>> {
    subscribed(caller.vendor())?;
    let (site, public_key) = new_site(&body.0)?;
    telemetry::current().seen.note_site(&site.secret_id);
    let shown = app.keys()?.verify_public_key(&public_key);
    let now = app.clock.now();
    if shown.is_none_or(|key| caller.vendor().live_key(key, now).is_none()) {
        return Err(Error::field("publicKey", "must be the vendor's public key"));
    }
    let answer = StoredView {
        success: true,
        site_id: site.secret_id.clone(),
        webhook_url: caller.vendor().client_webhook.clone(),
    };
    let worker = app.clone().into_inner();
    app.detached(async move { put::put(&worker, &caller, &site).await })
        .await?;
    Ok(Answer::created(answer))
}

/// `DELETE /api/v1/sites/{secretId}`: 201 where it is gone now, 200 where there was none, 202 where OpenBao is still to
/// follow. Never 404, which clients repeat.
pub async fn delete(
    app: web::Data<App>,
    caller: Remover,
    request: HttpRequest,
    id: SiteId,
) -> Result<Answer<Removed>> {
    // A delete key is the plugins' of 2019.
    let Remover::Known(caller) = caller else {
        return Err(auth::refused(&app, &request));
    };
    let unknown = || Ok(Answer::ok(Removed::nothing("unknown_secret_id")));
    let Ok(id) = SecretId::parse(&id.0) else {
        return unknown();
    };
    let vendor = caller.vendor();
    let client = app.db.of(vendor.id).await?;
    let site = store::find(&client, vendor.id, &id).await?;
    drop(client);
    if site.is_none_or(|site| site.state == State::Removed) {
        return unknown();
    }
    Ok(
        match remove::remove(&app, vendor, &id, caller.actor()).await? {
            Removal::Done => Answer::created(Removed::DONE),
            Removal::Queued => Answer::accepted(Removed::QUEUED),
        },
    )
}

/// `POST /api/v1/accounts/{id}/sites`: secret ids by access key, oldest first, of keys that match only; 204 where none
/// does. What is no access key matches nothing.
pub async fn find(
    app: web::Data<App>,
    caller: ConnectorVendor,
    account: web::Path<String>,
    body: Json<Body>,
) -> Result<Answer<FoundView>> {
    let vendor = &caller.0.vendor;
    own_account(&caller.0, &account)?;
    subscribed(vendor)?;
    let mut fields = body.0.fields();
    let asked = fields.required::<Vec<String>>("searchKeys");
    let asked = fields.finish_with(asked)?;
    if asked.len() > MOST {
        return Err(bad_number());
    }
    if vendor.is_support_paused(app.clock.now()) {
        return Err(Error::SupportPaused);
    }
    let keys = asked.into_iter().map(AccessKey::try_from);
    let keys: Vec<AccessKey> = keys.filter_map(std::result::Result::ok).collect();
    if keys.is_empty() {
        return Ok(Answer::other(HttpResponse::NoContent().finish()));
    }
    let mut found: BTreeMap<String, Vec<SecretId>> = BTreeMap::new();
    for Found { key, site } in search(&app, vendor, &keys, "vendor").await? {
        let ids = found.entry(key.expose().to_owned()).or_default();
        ids.push(site.secret_id);
    }
    if found.is_empty() {
        return Ok(Answer::other(HttpResponse::NoContent().finish()));
    }
    Ok(Answer::ok(FoundView(found)))
}

/// `POST /api/v1/sites/{accountId}/{secretId}/get-envelope`: an envelope, signed, for a Connector that signed a nonce.
pub async fn open(
    app: web::Data<App>,
    caller: ConnectorVendor,
    path: web::Path<(String, String)>,
    body: Json<Body>,
) -> Result<Answer<EnvelopeView>> {
    let (account, id) = path.into_inner();
    own_account(&caller.0, &account)?;
    subscribed(&caller.0.vendor)?;
    if caller.0.vendor.is_support_paused(app.clock.now()) {
        return Err(Error::SupportPaused);
    }
    let id = SecretId::parse(&id).map_err(|_| Error::NotFound)?;
    telemetry::current().seen.note_site(&id);
    let asked = Opening::read(&body.0)?;
    let worker = app.clone().into_inner();
    let opened = app.detached(async move { open::open(&worker, &caller.0, &id, &asked).await });
    let opened = opened.await?;
    Ok(Answer::written(opened))
}
