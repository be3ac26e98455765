//! The grant of `POST /oauth/token` for workloads (RFC 8693).

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::exchange::{Exchanged, Wanted, exchange};
use super::policies::Gives;
use super::refusal::Refusal;
use crate::app::App;
use crate::error::{Error, OAuthError, Result};
use crate::http::{Form, client_address, in_background};
use crate::tokens::http::Place;
use crate::types::{IssuanceId, Namespace, Secret, TrustPolicyId};
use crate::vendors::Vendor;

/// `grant_type` of token exchange.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const SUBJECT_TYPES: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
];
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// Before the id of a trust policy, where it is named as `resource`, which is a URI.
const RESOURCE: &str = "urn:gatehouse:trust-policy:";

/// What was handed out (RFC 8693, 2.2.1), and where it opens something.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangedToken)]
pub struct ExchangedView {
    #[serde(serialize_with = "Secret::serialize_exposed")]
    access_token: Secret,
    issued_token_type: &'static str,
    /// `OpenBao` takes it as a bearer token too.
    token_type: &'static str,
    expires_in: u64,
    #[serde(rename = "expiresAt")]
    expires_at: Timestamp,
    accessor: String,
    policies: Vec<String>,
    #[serde(rename = "vaultUrl")]
    vault_url: String,
    store: String,
    path: String,
    #[serde(rename = "issuanceId")]
    issuance_id: IssuanceId,
    #[serde(rename = "trustPolicy")]
    trust_policy: TrustPolicyId,
}

/// A token of `OpenBao` for a token of a workload. `audience` is the vendor's namespace; `resource` may name one of its trust
/// policies.
pub async fn token_exchange(
    app: &web::Data<App>,
    request: &HttpRequest,
    form: &Form,
) -> Result<ExchangedView> {
    let asked = asked(app, form).await;
    let exchanged = match asked {
        Ok((vendor, wanted)) => {
            let work = |app: Arc<App>| async move { exchange(&app, &vendor, &wanted).await };
            in_background(app, work).await
        }
        Err(error) => Err(error),
    };
    match exchanged {
        Ok(exchanged) => view(app, &exchanged),
        Err(error @ Error::Workload(_)) => {
            app.limits.check_refused(client_address(app, request))?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

async fn asked(app: &App, form: &Form) -> Result<(Arc<Vendor>, Wanted)> {
    let refused = |what| Error::from(OAuthError::InvalidRequest(what));
    let token = form.secret("subject_token");
    let token = token.ok_or_else(|| refused("subject_token is missing."))?;
    let form_of = form.get("subject_token_type");
    if !form_of.is_some_and(|form_of| SUBJECT_TYPES.contains(&form_of)) {
        return Err(refused(
            "subject_token_type must be urn:ietf:params:oauth:token-type:jwt or urn:ietf:params:oauth:token-type:id_token.",
        ));
    }
    if form.get("actor_token").is_some() || form.get("actor_token_type").is_some() {
        return Err(refused(
            "Nobody acts for somebody else here: leave actor_token out.",
        ));
    }
    if form
        .get("requested_token_type")
        .is_some_and(|wanted| wanted != ACCESS_TOKEN)
    {
        return Err(refused(
            "requested_token_type can only be urn:ietf:params:oauth:token-type:access_token.",
        ));
    }
    if form.get("scope").is_some() {
        return Err(OAuthError::InvalidScope.into());
    }
    let ttl = form.get("ttl").map(|text| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let seconds = digits.then(|| text.parse().ok()).flatten();
        seconds.ok_or_else(|| refused("ttl must be a number of seconds."))
    });
    let wanted = Wanted {
        token: token.clone(),
        policy: form.get("resource").map(policy).transpose()?,
        ttl: ttl.transpose()?,
    };
    let namespace = form.get("audience");
    let namespace =
        namespace.ok_or_else(|| refused("audience is missing: it names the vendor."))?;
    let namespace = Namespace::parse(namespace).map_err(|_| Refusal::NoPolicy)?;
    app.directory.fresh().await?;
    let vendor = app.directory.by_namespace(&namespace);
    Ok((vendor.ok_or(Refusal::NoPolicy)?, wanted))
}

fn policy(resource: &str) -> Result<TrustPolicyId> {
    let id = resource.strip_prefix(RESOURCE);
    let id = id.and_then(TrustPolicyId::parse);
    id.ok_or_else(|| Refusal::NoPolicy.into())
}

fn view(app: &App, exchanged: &Exchanged) -> Result<ExchangedView> {
    let Exchanged { policy, issued } = exchanged;
    let token = issued.token();
    let token = token.ok_or_else(|| Error::Internal("the token came wrapped".to_owned()))?;
    let place = match &policy.terms.gives {
        Gives::Worker(_) => {
            let store = app
                .config
                .bao
                .below_v1(&issued.vendor.namespace.credentials());
            Place {
                path: store.clone(),
                store,
            }
        }
        gives => Place::of_site(app, issued, gives.site()),
    };
    Ok(ExchangedView {
        access_token: token.clone(),
        issued_token_type: ACCESS_TOKEN,
        token_type: "Bearer",
        expires_in: issued.handed.life(),
        expires_at: issued.expires_at,
        accessor: issued.accessor.clone(),
        policies: issued.handed.policies().to_vec(),
        vault_url: app.config.bao.public_url.clone(),
        store: place.store,
        path: place.path,
        issuance_id: issued.id,
        trust_policy: policy.id,
    })
}
