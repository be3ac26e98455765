//! Where Connectors fetch the public key.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Result;
use crate::http::Answer;

/// No other name may end in `publicKey`: scripts that set Connectors up cut the last one out of the text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EnvelopeKeys)]
pub struct PublishedView {
    public_key: String,
    former_public_keys: Vec<FormerView>,
}

/// A key that was in force.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FormerEnvelopeKey)]
pub struct FormerView {
    key: String,
    ends_at: Timestamp,
}

/// `GET /api/v1/envelope-signing-public-key`: what the signatures of envelopes are checked with, and was a while ago.
pub async fn public_key(app: web::Data<App>) -> Result<Answer<PublishedView>> {
    let published = super::published(&app).await?;
    let former = published.former.into_iter().map(|former| FormerView {
        key: former.public_key,
        ends_at: former.ends_at,
    });
    let view = PublishedView {
        public_key: published.public_key,
        former_public_keys: former.collect(),
    };
    Ok(Answer::ok(view))
}

/// `GET /api/v1/envelope-signing-pubkey`: the same, by the name that TrustedLogin's own tests know.
pub async fn pubkey(app: web::Data<App>) -> Result<Answer<PublishedView>> {
    public_key(app).await
}
