//! Handlers that hand out tokens.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::collections::BTreeMap;

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Grant, Handed, Issued, Kind, Wishes, bound, issue, rules};
use crate::app::App;
use crate::auth::{PluginOrVendor, VendorCaller};
use crate::error::Result;
use crate::http::{Answer, Json};
use crate::sites;
use crate::telemetry;
use crate::types::{AccessKey, Metadata, Networks, SecretId};
use crate::vault::tokens::Auth;

/// The body of `POST /api/site`, all of it optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteTokenRequest {
    /// Then the token is for this site only.
    secret_id: Option<SecretId>,
    /// To be shown where the site is registered already.
    access_key: Option<AccessKey>,
    /// Seconds, 30 to 3600: the token comes as a wrapping token that can be exchanged once.
    wrap_ttl: Option<WrapTtl>,
    /// First life, seconds.
    ttl: Option<u32>,
    /// Longest life, seconds.
    max_ttl: Option<u32>,
    /// How many calls it is good for.
    uses: Option<u32>,
    /// Networks in CIDR form, from which alone it works at OpenBao.
    #[schema(min_items = 1, max_items = 8)]
    bound_cidrs: Option<Vec<String>>,
    /// Goes into the token's `meta`.
    #[serde(default)]
    metadata: Metadata,
}

/// The body of `POST /sites/token`, all of it optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadTokenRequest {
    /// Then the token is for this site only.
    secret_id: Option<SecretId>,
    /// As for write tokens.
    wrap_ttl: Option<WrapTtl>,
    /// First life, seconds.
    ttl: Option<u32>,
    /// Longest life, seconds.
    max_ttl: Option<u32>,
    /// How many calls it is good for.
    uses: Option<u32>,
    /// Networks in CIDR form, from which alone it works at OpenBao.
    #[schema(min_items = 1, max_items = 8)]
    bound_cidrs: Option<Vec<String>>,
    /// Goes into the token's `meta`.
    #[serde(default)]
    metadata: Metadata,
}

/// How long a wrapping token can be exchanged: 30 to 3,600 seconds.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "u32")]
#[schema(minimum = 30, maximum = 3600)]
pub struct WrapTtl(u32);

impl WrapTtl {
    /// Seconds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for WrapTtl {
    type Error = &'static str;
    fn try_from(seconds: u32) -> std::result::Result<Self, Self::Error> {
        if (30..=3600).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err("must be 30 to 3600 seconds")
        }
    }
}

/// A token as it is answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
pub struct IssuedView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrap_ttl: Option<u64>,
    accessor: &'a str,
    policies: &'a [String],
    ttl: u64,
    expires_at: Timestamp,
    /// Longest life, seconds: nobody renews it beyond.
    max_ttl: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u32>,
    /// From where it works, where it does not from everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    bound_cidrs: Option<Vec<String>>,
    renewable: bool,
    vault_url: &'a str,
    store: String,
    /// The path below `/v1/` to write to or read from; the store alone for a store-wide token.
    path: String,
    issuance_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<AuthView<'a>>,
}

/// The seed's `auth` block, as OpenBao gave it.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenAuth)]
pub struct AuthView<'a> {
    client_token: &'a str,
    accessor: &'a str,
    policies: &'a [String],
    token_policies: &'a [String],
    #[schema(required)]
    metadata: Option<&'a BTreeMap<String, String>>,
    lease_duration: u64,
    renewable: bool,
    entity_id: &'a str,
    token_type: &'a str,
    orphan: bool,
}

impl<'a> From<&'a Auth> for AuthView<'a> {
    fn from(auth: &'a Auth) -> Self {
        Self {
            client_token: auth.client_token.expose(),
            accessor: &auth.accessor,
            policies: &auth.policies,
            token_policies: &auth.token_policies,
            metadata: auth.metadata.as_ref(),
            lease_duration: auth.lease_duration,
            renewable: auth.renewable,
            entity_id: &auth.entity_id,
            token_type: &auth.token_type,
            orphan: auth.orphan,
        }
    }
}

/// Where a token opens something, below `/v1/`.
pub struct Place {
    /// The mount.
    pub store: String,
    /// The secret, or the mount where it is for all of it.
    pub path: String,
}

impl Place {
    /// Of a token for a site, or the store.
    #[must_use]
    pub fn of_site(app: &App, issued: &Issued, secret_id: Option<&SecretId>) -> Self {
        let store = app.config.bao.store_path(&issued.vendor.namespace);
        Self {
            path: secret_id.map_or_else(|| store.clone(), |id| format!("{store}/{id}")),
            store,
        }
    }
}

impl<'a> IssuedView<'a> {
    /// The answer about a token.
    #[must_use]
    pub fn new(app: &'a App, issued: &'a Issued, place: Place) -> Self {
        let (auth, wrap) = match &issued.handed {
            Handed::Plain(auth) => (Some(auth), None),
            Handed::Wrapped(info, _) => (None, Some(info)),
        };
        Self {
            token: auth.map(|auth| auth.client_token.expose()),
            wrap_token: wrap.map(|info| info.token.expose()),
            wrap_ttl: wrap.map(|info| info.ttl),
            accessor: &issued.accessor,
            policies: issued.handed.policies(),
            ttl: issued.handed.life(),
            expires_at: issued.expires_at,
            max_ttl: issued.terms.longest,
            uses: issued.terms.uses,
            bound_cidrs: issued.networks.as_ref().map(Networks::written),
            renewable: issued.renewable,
            vault_url: &app.config.bao.public_url,
            store: place.store,
            path: place.path,
            issuance_id: issued.id.to_string(),
            auth: auth.map(AuthView::from),
        }
    }
}

/// `POST /api/site`: a short-lived write token for the vendor's store, or for one site in it.
pub async fn issue_write(
    app: web::Data<App>,
    caller: PluginOrVendor,
    body: Json<WriteTokenRequest>,
) -> Result<Answer<IssuedView<'static>>> {
    let body = body.0;
    note_site(body.secret_id.as_ref());
    caller.may_store(body.secret_id.as_ref())?;
    let kind = if body.secret_id.is_some() {
        Kind::WriteSite
    } else {
        Kind::Write
    };
    let over_registered = if let Some(id) = &body.secret_id {
        sites::may_replace(&app, &caller, id, body.access_key.as_ref()).await?
    } else {
        rules::store_wide_writes(caller.vendor())?;
        false
    };
    let asked = Grant::new(caller.vendor(), kind, caller.actor());
    let wishes = Wishes {
        ttl: body.ttl,
        max_ttl: body.max_ttl,
        uses: body.uses,
    };
    let grant = Grant {
        secret_id: body.secret_id.clone(),
        over_registered,
        terms: asked.terms.with(&wishes)?,
        networks: bound::wished("/boundCidrs", body.bound_cidrs.as_deref())?,
        key: Some(caller.key()),
        metadata: body.metadata,
        wrap_ttl: body.wrap_ttl.map(|ttl| ttl.0),
        ..asked
    };
    let issued = issue(&app, grant).await?;
    let place = Place::of_site(&app, &issued, body.secret_id.as_ref());
    Ok(Answer::ok(IssuedView::new(&app, &issued, place)))
}

/// `POST /sites/token`: a short-lived read token for the support side, for the store or for one site.
pub async fn issue_read(
    app: web::Data<App>,
    caller: VendorCaller,
    body: Json<ReadTokenRequest>,
) -> Result<Answer<IssuedView<'static>>> {
    let body = body.0;
    note_site(body.secret_id.as_ref());
    rules::support(&caller.vendor, app.clock.now())?;
    let kind = if body.secret_id.is_some() {
        Kind::ReadSite
    } else {
        Kind::Read
    };
    let asked = Grant::new(&caller.vendor, kind, "vendor");
    let wishes = Wishes {
        ttl: body.ttl,
        max_ttl: body.max_ttl,
        uses: body.uses,
    };
    let grant = Grant {
        secret_id: body.secret_id.clone(),
        terms: asked.terms.with(&wishes)?,
        networks: bound::wished("/boundCidrs", body.bound_cidrs.as_deref())?,
        key: Some(caller.key),
        metadata: body.metadata,
        wrap_ttl: body.wrap_ttl.map(|ttl| ttl.0),
        ..asked
    };
    let issued = issue(&app, grant).await?;
    let place = Place::of_site(&app, &issued, body.secret_id.as_ref());
    Ok(Answer::ok(IssuedView::new(&app, &issued, place)))
}

/// A refusal stands in the log of the site it is about.
fn note_site(secret_id: Option<&SecretId>) {
    if let Some(id) = secret_id {
        telemetry::current().seen.note_site(id);
    }
}

/// A store-wide read token for the vendor itself.
#[must_use]
pub fn read_grant(caller: &VendorCaller) -> Grant {
    Grant {
        key: Some(caller.key),
        ..Grant::new(&caller.vendor, Kind::Read, "vendor")
    }
}
