//! The key set for everybody, and the keys for operators.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{CACHED_FOR, Keys, rotate};
use crate::app::App;
use crate::auth::Operator;
use crate::error::Result;
use crate::http::{Answer, in_background};

/// A JWK Set (RFC 7517, 5).
#[derive(Serialize, ToSchema)]
#[schema(as = KeySet)]
pub struct KeySetView {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Map<String, Value>>,
}

/// `GET /.well-known/jwks.json`: what access tokens are checked with.
pub async fn published(app: web::Data<App>) -> Result<Answer<KeySetView>> {
    let keys = app.token_keys.get().await?;
    cached(Answer::ok(KeySetView {
        keys: keys.published().cloned().collect(),
    }))
}

/// An answer that may be kept for a minute.
pub(in crate::oauth) fn cached<T>(answer: Answer<T>) -> Result<Answer<T>> {
    answer.with((CACHE_CONTROL, format!("public, max-age={CACHED_FOR}")))
}

/// The versions of the key that signs access tokens.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenKeys)]
pub struct KeysView<'a> {
    keys: Vec<KeyView<'a>>,
}

/// A version of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenKey)]
pub struct KeyView<'a> {
    version: u32,
    kid: &'a str,
    created_at: Timestamp,
    signs_from: Timestamp,
    signs: bool,
    #[schema(required)]
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
pub async fn list(app: web::Data<App>, _operator: Operator) -> Result<Answer<KeysView<'static>>> {
    let keys = app.token_keys.get().await?;
    Ok(Answer::ok(KeysView::new(&keys, app.clock.now())))
}

/// `POST /api/admin/token-keys`: a new version.
pub async fn rotate(app: web::Data<App>, operator: Operator) -> Result<Answer<KeysView<'static>>> {
    let actor = operator.actor();
    let rotated = in_background(&app, move |app| async move {
        rotate::rotate(&app, &actor).await
    });
    let keys = rotated.await?;
    Ok(Answer::created(KeysView::new(&keys, app.clock.now())))
}
