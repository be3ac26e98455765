//! Handlers that end access tokens.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::Revoker;
use crate::app::App;
use crate::auth::{Client, VendorAdmin, read_access_token, refused};
use crate::error::{Error, OAuthError, Result};
use crate::http::{Answer, Form, in_background};
use crate::types::Secret;

/// `POST /oauth/revoke` (RFC 7009): 200 whatever the token was.
pub async fn revoke(app: web::Data<App>, request: HttpRequest, form: Form) -> Result<HttpResponse> {
    let token = form.secret("token").cloned();
    let token = token.ok_or(OAuthError::InvalidRequest("token is missing."))?;
    let by = match bearer(&request) {
        Some(shown) if shown.expose() == token.expose() => Revoker::Holder,
        Some(_) => return Err(refused(&app, &request)),
        None => {
            let app = app.clone().into_inner();
            Revoker::Client(Box::new(Client::of(&app, &request, &form).await?))
        }
    };
    match read_access_token(&app, &token).await {
        Ok(token) => {
            let revoked = in_background(&app, move |app| async move {
                super::revoke(&app, &token, &by).await
            });
            revoked.await?;
        }
        // A stranger's: nobody has shown anything.
        Err(Error::CredentialsInvalid) if matches!(by, Revoker::Holder) => {
            return Err(refused(&app, &request));
        }
        Err(Error::CredentialsInvalid) => {}
        Err(error) => return Err(error),
    }
    Ok(HttpResponse::Ok().finish())
}

fn bearer(request: &HttpRequest) -> Option<Secret> {
    let text = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| Secret::new(token.trim().to_owned()))
}

/// They ended.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessTokensEnded)]
pub struct EndedView {
    ended: bool,
}

/// `POST /api/access-tokens/revoke`: ends all access tokens that were made so far in the vendor's name.
pub async fn end_all(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<EndedView>> {
    in_background(
        &app,
        move |app| async move { super::end_all(&app, &by).await },
    )
    .await?;
    Ok(Answer::ok(EndedView { ended: true }))
}
