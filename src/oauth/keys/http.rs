//! The key set for everybody, and the keys for operators.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use jiff::Timestamp;
use serde::Serialize;

use super::{CACHED_FOR, Keys, rotate};
use crate::app::App;
use crate::auth::Operator;
use crate::error::Result;
use crate::http::in_background;

/// `GET /.well-known/jwks.json`: what access tokens are checked with.
pub async fn published(app: web::Data<App>) -> Result<HttpResponse> {
    let keys = app.token_keys.get().await?;
    Ok(cached(HttpResponse::Ok()).json(keys.published()))
}

/// An answer that may be kept for a minute.
pub(in crate::oauth) fn cached(mut answer: HttpResponseBuilder) -> HttpResponseBuilder {
    answer.insert_header((CACHE_CONTROL, format!("public, max-age={CACHED_FOR}")));
    answer
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeysView<'a> {
    keys: Vec<KeyView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyView<'a> {
    version: u32,
    kid: &'a str,
    created_at: Timestamp,
    signs_from: Timestamp,
    signs: bool,
    ends_at: Option<Timestamp>,
}

impl<'a> KeysView<'a> {
    fn new(keys: &'a Keys, now: Timestamp) -> Self {
        let keys = keys.shown(now).into_iter().map(|key| KeyView {
            version: key.version,
            kid: key.kid,
            created_at: key.created_at,
            signs_from: key.signs_from,
            signs: key.signs,
            ends_at: key.ends_at,
        });
        Self {
            keys: keys.collect(),
        }
    }
}

/// `GET /api/admin/token-keys`: the versions of the key, never the key.
pub async fn list(app: web::Data<App>, _operator: Operator) -> Result<HttpResponse> {
    let keys = app.token_keys.get().await?;
    Ok(HttpResponse::Ok().json(KeysView::new(&keys, app.clock.now())))
}

/// `POST /api/admin/token-keys`: a new version.
pub async fn rotate(app: web::Data<App>, operator: Operator) -> Result<HttpResponse> {
    let actor = operator.actor();
    let rotated = in_background(&app, move |app| async move {
        rotate::rotate(&app, &actor).await
    });
    let keys = rotated.await?;
    Ok(HttpResponse::Created().json(KeysView::new(&keys, app.clock.now())))
}
