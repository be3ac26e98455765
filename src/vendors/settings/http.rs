//! Handlers on what a vendor says of its tokens, for the vendor or an operator.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::collections::BTreeMap;

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Changes, KindSettings, TokenSettings};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::error::{Error, Result};
use crate::http::{Answer, Json};
use crate::tokens::Kind;
use crate::tokens::terms::{MOST_USES, SHORTEST, Terms};

/// What a vendor says, and what comes of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenSettings)]
pub struct SettingsView {
    kinds: BTreeMap<&'static str, KindView>,
    wrap: WrapView,
    give_back: bool,
}

/// Of one kind: what holds, what the vendor says (`null`: nothing), and what it may say.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenKindSettings)]
pub struct KindView {
    ttl: u32,
    max_ttl: u32,
    #[schema(required)]
    uses: Option<u32>,
    said: SaidView,
    least_ttl: u32,
    most_ttl: u32,
    most_uses: u32,
}

/// What a vendor says of a kind.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SaidTokenSettings)]
pub struct SaidView {
    #[schema(required)]
    ttl: Option<u32>,
    #[schema(required)]
    max_ttl: Option<u32>,
    #[schema(required)]
    uses: Option<u32>,
}

/// How tokens come wrapped.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WrapSettings)]
pub struct WrapView {
    only: bool,
    min_ttl: u32,
    max_ttl: u32,
}

impl SettingsView {
    fn new(settings: &TokenSettings) -> Self {
        let handed_out = Kind::ALL.into_iter().filter(|kind| !kind.is_own());
        let (min_ttl, max_ttl) = settings.wrap.lives();
        Self {
            kinds: handed_out
                .map(|kind| (kind.rules().name, KindView::new(kind, settings)))
                .collect(),
            wrap: WrapView {
                only: settings.wrap.only,
                min_ttl,
                max_ttl,
            },
            give_back: settings.give_back,
        }
    }
}

impl KindView {
    fn new(kind: Kind, settings: &TokenSettings) -> Self {
        let (own, holds) = (Terms::of(kind), Terms::said(kind, settings));
        let KindSettings { ttl, max_ttl, uses } = settings.of(kind);
        Self {
            ttl: holds.first,
            max_ttl: holds.longest,
            uses: holds.uses,
            said: SaidView { ttl, max_ttl, uses },
            least_ttl: SHORTEST,
            most_ttl: own.longest,
            most_uses: MOST_USES,
        }
    }
}

/// `GET /api/token-settings`.
pub async fn show(app: web::Data<App>, by: VendorAdmin) -> Result<Answer<SettingsView>> {
    app.directory.fresh().await?;
    let vendor = app.directory.by_id(by.vendor.id).ok_or(Error::NotFound)?;
    Ok(Answer::ok(SettingsView::new(&vendor.token_settings)))
}

/// `PATCH /api/token-settings`: for the tokens handed out from now on.
pub async fn change(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<Changes>,
) -> Result<Answer<SettingsView>> {
    let settings = super::change(&app, &by, &body.0).await?;
    Ok(Answer::ok(SettingsView::new(&settings)))
}
