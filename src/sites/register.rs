//! `POST /sites`: registers a site, and hands out a token for it where one is asked for.
//!
//! The token comes first: where it cannot be had, nothing is registered. Where the registration fails after it, the
//! token is revoked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store::{self, Registration};
use super::{Site, State, shows_access_key};
use crate::app::App;
use crate::auth::{KeyedDigest, PluginOrVendor};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::tokens::http::WrapTtl;
use crate::tokens::revoke::{self, Doomed};
use crate::tokens::{self, Grant, Issued, Kind};
use crate::types::{AccessKey, ExpiresAt, IssuanceId, Metadata, Secret, SecretId, SiteUrl};
use crate::webhooks::MessageType;

/// How long whoever registers waits for the end of tokens that are given back.
const PATIENCE: Duration = Duration::from_secs(2);

/// The body. `keyStoreID` and `publicKey` are what the plugins of 2019 send.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RegisterSiteRequest)]
pub struct RegisterRequest {
    /// Names the site.
    #[serde(alias = "keyStoreID")]
    pub secret_id: SecretId,
    /// Where it is.
    pub site_url: Option<SiteUrl>,
    /// What the support team finds it by.
    pub access_key: Option<AccessKey>,
    /// When it is removed by itself; never where it is left out.
    #[serde(default)]
    pub expires_at: ExpiresAt,
    /// The caller's labels.
    pub metadata: Option<Metadata>,
    /// A store-wide write token to bind to the site, so that it dies with it.
    pub issuance_id: Option<IssuanceId>,
    /// Whether the answer holds a write token for the site.
    #[serde(default)]
    pub with_token: bool,
    /// Seconds, 30 to 3600: the token comes as a wrapping token that can be exchanged once.
    pub wrap_ttl: Option<WrapTtl>,
    /// Instead of an `Authorization` header.
    pub public_key: Option<Secret>,
}

/// The answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegisteredSite)]
pub struct RegisteredView {
    /// Always true.
    pub success: bool,
    /// The secret id.
    pub site_id: SecretId,
    /// When it is removed by itself.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
    /// A write token for this site, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Instead, where it was to come wrapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_token: Option<String>,
    /// Removes this site; for the plugins of 2019.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_key: Option<String>,
}

/// A registration, asked for.
pub struct Registering {
    /// By whom.
    pub caller: PluginOrVendor,
    /// What.
    pub body: RegisterRequest,
    /// Whether the caller showed the public key in the body, as the plugins of 2019 do, and awaits what they await.
    pub by_body_key: bool,
}

/// Registers the site.
///
/// # Errors
/// [`Error::AccessKeyRequired`] where the site is registered and the caller may not change it;
/// [`Error::IssuanceNotBindable`]; trouble with OpenBao or the database.
pub async fn register(app: &Arc<App>, asked: &Registering) -> Result<RegisteredView> {
    let (caller, body) = (&asked.caller, &asked.body);
    caller.may_store(Some(&body.secret_id))?;
    let now = app.clock.now();
    if body.expires_at.0.is_some_and(|at| at <= now) {
        return Err(Error::field("expiresAt", "must be in the future"));
    }
    let before = super::settled(app, caller.vendor(), &body.secret_id).await?;
    may_change(app, asked, before.as_ref())?;
    let token = if body.with_token || asked.by_body_key {
        Some(token(app, asked, before.as_ref()).await?)
    } else {
        None
    };
    let delete_key = if asked.by_body_key {
        Some(app.keys()?.new_delete_key())
    } else {
        None
    };
    let kept = token.as_ref().map(|issued| issued.id);
    match write(app, asked, delete_key.as_ref(), kept).await {
        // What is not revoked in time the task `revoke_tokens` revokes.
        Ok(given_back) => {
            revoke::several(app, &given_back, Instant::now() + PATIENCE).await;
        }
        Err(error) => {
            if let Some(issued) = token {
                withdraw(app, &issued, caller.actor()).await;
            }
            return Err(error);
        }
    }
    Ok(RegisteredView {
        success: true,
        site_id: body.secret_id.clone(),
        expires_at: body.expires_at.0,
        token: token
            .as_ref()
            .and_then(Issued::token)
            .map(|token| token.expose().to_owned()),
        wrap_token: token
            .as_ref()
            .and_then(Issued::wrap_token)
            .map(|token| token.expose().to_owned()),
        delete_key: delete_key.map(|key| key.expose().to_owned()),
    })
}

/// A new site is anybody's to register; a registered one the vendor's, or who shows its access key. Saying the same
/// again changes nothing, so a plugin that got no answer may repeat itself.
fn may_change(app: &App, asked: &Registering, site: Option<&Site>) -> Result<()> {
    let (caller, body) = (&asked.caller, &asked.body);
    let Some(site) = site.filter(|site| site.state == State::Registered) else {
        return Ok(());
    };
    if caller.is_vouched_for()
        || shows_access_key(app, caller.vendor(), site, body.access_key.as_ref())?
    {
        return Ok(());
    }
    let asks_for_more = body.with_token
        || asked.by_body_key
        || body.issuance_id.is_some()
        || body.access_key.is_some();
    let same_url = body
        .site_url
        .as_ref()
        .is_none_or(|url| site.site_url.as_deref() == Some(url.as_str()));
    let same_labels = match &body.metadata {
        None => true,
        Some(labels) => serde_json::to_value(labels).is_ok_and(|labels| labels == site.metadata),
    };
    let seconds = |at: Option<Timestamp>| at.map(Timestamp::as_second);
    let same_end = seconds(body.expires_at.0) == seconds(site.expires_at);
    if !asks_for_more && same_url && same_labels && same_end {
        Ok(())
    } else {
        Err(Error::AccessKeyRequired)
    }
}

async fn token(app: &Arc<App>, asked: &Registering, before: Option<&Site>) -> Result<Issued> {
    let (caller, body) = (&asked.caller, &asked.body);
    let over_registered = caller.is_vouched_for()
        || match before {
            Some(site) => shows_access_key(app, caller.vendor(), site, body.access_key.as_ref())?,
            None => false,
        };
    let vendor = caller.vendor();
    let grant = Grant {
        secret_id: Some(body.secret_id.clone()),
        over_registered,
        key: Some(caller.key()),
        wrap_ttl: body.wrap_ttl.map(WrapTtl::seconds),
        ..Grant::new(vendor, Kind::WriteSite, caller.actor())
    };
    tokens::issue(app, grant).await
}

/// Gives the tokens that are given back: all write tokens of the site but the one that is handed out with it.
async fn write(
    app: &App,
    asked: &Registering,
    delete_key: Option<&Secret>,
    kept: Option<IssuanceId>,
) -> Result<Vec<Doomed>> {
    let (caller, body) = (&asked.caller, &asked.body);
    let (now, vendor) = (app.clock.now(), caller.vendor());
    let ring = app.keys()?;
    let access_key: Option<KeyedDigest> = body
        .access_key
        .as_ref()
        .map(|key| ring.access_key_digest(vendor.id, key));
    let delete_key: Option<KeyedDigest> = delete_key.map(|key| ring.digest(key.expose()));
    let labels = body.metadata.as_ref().map(serde_json::to_value).transpose();
    let labels = labels.map_err(|e| Error::Internal(e.to_string()))?;
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    // Looked at again under lock, for which there must be a row: another request may have registered it since.
    store::reserve(&transaction, vendor.id, &body.secret_id, now).await?;
    let site = store::find_for_update(&transaction, vendor.id, &body.secret_id).await?;
    may_change(app, asked, site.as_ref())?;
    let new = Registration {
        secret_id: &body.secret_id,
        site_url: body.site_url.as_ref().map(SiteUrl::as_str),
        access_key: access_key.as_ref(),
        delete_key: delete_key.as_ref(),
        metadata: labels.as_ref(),
        expires_at: body.expires_at.0,
    };
    if !store::register(&transaction, vendor.id, &new, now).await? {
        return Err(Error::Conflict);
    }
    bind(&transaction, caller, body, now).await?;
    if site.is_none_or(|site| site.state != State::Registered) {
        let site = (&body.secret_id, new.site_url);
        super::tell(&transaction, vendor.id, MessageType::SiteCreated, site, now).await?;
    }
    let event = Event::done("site.registered", Some(vendor.id), caller.actor());
    event
        .about_site(&body.secret_id)
        .record(&transaction, now)
        .await?;
    let given_back = give_back(&transaction, asked, kept, now).await?;
    transaction.commit().await?;
    Ok(given_back)
}

/// Where the vendor says so: a plugin registers a site when it has written its secret, and needs no token then.
async fn give_back(
    client: &impl GenericClient,
    asked: &Registering,
    kept: Option<IssuanceId>,
    now: Timestamp,
) -> Result<Vec<Doomed>> {
    let vendor = asked.caller.vendor();
    if !vendor.token_settings.give_back {
        return Ok(Vec::new());
    }
    let order = revoke::Order {
        by: asked.caller.actor(),
        reason: "given back",
        at: now,
    };
    let site = &asked.body.secret_id;
    Ok(revoke::store::mark_given_back(client, vendor.id, site, kept, &order).await?)
}

async fn bind(
    client: &impl GenericClient,
    caller: &PluginOrVendor,
    body: &RegisterRequest,
    now: Timestamp,
) -> Result<()> {
    let Some(issuance) = body.issuance_id else {
        return Ok(());
    };
    let bound =
        tokens::store::bind_to_site(client, caller.vendor().id, issuance, &body.secret_id, now)
            .await?;
    if bound {
        Ok(())
    } else {
        Err(Error::IssuanceNotBindable)
    }
}

/// Revokes the token of a registration that failed.
async fn withdraw(app: &App, issued: &Issued, by: &str) {
    let marked = async {
        let client = app.db.of(issued.vendor.id).await?;
        let order = revoke::Order {
            by,
            reason: "registration failed",
            at: app.clock.now(),
        };
        revoke::store::mark_one(&client, issued.vendor.id, issued.id, &order).await
    };
    match marked.await {
        Ok(doomed) => {
            revoke::now(app, doomed.as_slice()).await;
        }
        Err(error) => {
            let cause = crate::error::cause_chain(&error);
            tracing::error!(issuance.id = %issued.id, error.cause = %cause, "A token that was not answered lives on to its end");
        }
    }
}
