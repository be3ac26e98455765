//! The token endpoint, and what the service says of itself as an authorization server.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::issue::{self, LIVES};
use super::keys;
use crate::app::App;
use crate::auth::Client;
use crate::error::{OAuthError, Result};
use crate::federation;
use crate::federation::http::ExchangedView;
use crate::http::{Answer, Form};
use crate::types::Secret;

/// An access token (RFC 6749, 5.1).
#[derive(Serialize, ToSchema)]
// Says in the description that it has no other fields: then it is not taken for an exchanged token.
#[serde(deny_unknown_fields)]
#[schema(as = AccessToken)]
pub struct TokenView {
    #[serde(serialize_with = "Secret::serialize_exposed")]
    access_token: Secret,
    token_type: &'static str,
    expires_in: u32,
}

/// By a grant: an access token of this service, or a token of OpenBao.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = GrantedToken)]
pub enum GrantedView {
    /// RFC 6749.
    Own(TokenView),
    /// RFC 8693.
    Exchanged(ExchangedView),
}

/// `POST /oauth/token`: what the kind of grant says.
pub async fn token(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form,
) -> Result<Answer<GrantedView>> {
    match form.get("grant_type") {
        Some("client_credentials") => client_credentials(&app, &request, &form).await,
        Some(federation::http::GRANT_TYPE) => {
            let view = federation::http::token_exchange(&app, &request, &form).await?;
            Ok(Answer::ok(GrantedView::Exchanged(view)))
        }
        Some(_) => Err(OAuthError::UnsupportedGrantType.into()),
        None => Err(OAuthError::InvalidRequest("grant_type is missing.").into()),
    }
}

/// RFC 6749, 4.4.
async fn client_credentials(
    app: &web::Data<App>,
    request: &HttpRequest,
    form: &Form,
) -> Result<Answer<GrantedView>> {
    let app = app.clone().into_inner();
    let client = Client::of(&app, request, form).await?;
    if form.get("scope").is_some() {
        return Err(OAuthError::InvalidScope.into());
    }
    let own = app.config.access_tokens.issuer.as_str();
    for name in ["audience", "resource"] {
        if form.get(name).is_some_and(|target| target != own) {
            return Err(OAuthError::InvalidTarget.into());
        }
    }
    let life = wanted_life(form)?.unwrap_or(app.config.access_tokens.life);
    let worker = std::sync::Arc::clone(&app);
    let work = async move { issue::issue(&worker, &client, life).await };
    let made = app.detached(work).await?;
    Ok(Answer::ok(GrantedView::Own(TokenView {
        access_token: made.token,
        token_type: "Bearer",
        expires_in: made.life,
    })))
}

/// `ttl`, which is ours: seconds.
fn wanted_life(form: &Form) -> Result<Option<u32>> {
    let Some(text) = form.get("ttl") else {
        return Ok(None);
    };
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let life: Option<u32> = digits.then(|| text.parse().ok()).flatten();
    let (least, most) = LIVES;
    let life = life.filter(|life| (least..=most).contains(life));
    life.map(Some)
        .ok_or_else(|| OAuthError::InvalidRequest("ttl must be 60 to 3600 seconds.").into())
}

/// What OAuth clients need to know (RFC 8414, 2).
#[derive(Serialize, ToSchema)]
#[schema(as = AuthorizationServer)]
pub struct MetadataView {
    issuer: String,
    token_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    grant_types_supported: [&'static str; 2],
    /// None: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    token_endpoint_auth_methods_supported: [&'static str; 2],
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
}

/// `GET /.well-known/oauth-authorization-server` (RFC 8414).
pub async fn metadata(app: web::Data<App>) -> Result<Answer<MetadataView>> {
    let issuer = &app.config.access_tokens.issuer;
    let methods = ["client_secret_basic", "client_secret_post"];
    let view = MetadataView {
        issuer: issuer.clone(),
        token_endpoint: format!("{issuer}/oauth/token"),
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        grant_types_supported: ["client_credentials", federation::http::GRANT_TYPE],
        response_types_supported: [],
        token_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_methods_supported: methods,
    };
    keys::http::cached(Answer::ok(view))
}
