//! Handlers on a vendor's key pairs, for the vendor or an operator.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store::{self, Pair};
use super::{reissue, rotate, set_end};
use crate::app::App;
use crate::auth::{KeyRing, VendorAdmin};
use crate::error::{Error, Result};
use crate::http::{Answer, Json, KeyPairPath, Page, PageRequest, in_background};
use crate::types::{ExpiresAt, KeyId};
use crate::vendors::claim::KeyPairView;

const DAY: u32 = 24 * 3600;
/// Copies of a plugin with the old public key are in the field for long.
const OVERLAP: u32 = 30 * DAY;
const LONGEST: u32 = 366 * DAY;

/// A key pair as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KeyPair)]
pub struct PairView {
    id: KeyId,
    public_key: String,
    /// 1 for the first.
    generation: i32,
    /// `live`, or `ended`.
    status: &'static str,
    /// Whether it has a private key.
    claimed: bool,
    created_at: Timestamp,
    /// `null`: it has no end.
    #[schema(required)]
    ends_at: Option<Timestamp>,
    #[schema(required)]
    public_key_used_at: Option<Timestamp>,
    #[schema(required)]
    private_key_used_at: Option<Timestamp>,
}

impl PairView {
    fn new(keys: &KeyRing, pair: &Pair, now: Timestamp) -> Self {
        Self {
            id: pair.id,
            public_key: keys.public_key(pair.id).expose().to_owned(),
            generation: pair.generation,
            status: if pair.is_live(now) { "live" } else { "ended" },
            claimed: pair.claimed,
            created_at: pair.created_at,
            ends_at: pair.ends_at,
            public_key_used_at: pair.public_at,
            private_key_used_at: pair.private_at,
        }
    }
}

/// `GET /api/key-pairs`: the newest first.
pub async fn list(
    app: web::Data<App>,
    by: VendorAdmin,
    page: PageRequest,
) -> Result<Answer<Page<PairView>>> {
    let before: Option<i32> = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.vendor.id).await?;
    let rows = store::page(&client, by.vendor.id, before, page.limit).await?;
    let (keys, now) = (app.keys()?, app.clock.now());
    let view = |pair: Pair| PairView::new(keys, &pair, now);
    let page = Page::from_rows(rows, page.limit, |pair| pair.generation, view);
    Ok(Answer::ok(page))
}

/// The body of `POST /api/key-pairs`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateKeyPairRequest)]
pub struct RotateRequest {
    /// Seconds until the pair before it ends: 0 to 366 days, 30 days by default.
    overlap: Option<u32>,
}

/// A key pair, shown once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MadeKeyPair)]
pub struct MadeView {
    #[serde(flatten)]
    pair: PairView,
    private_key: String,
}

/// `POST /api/key-pairs`: a new pair, shown once. 201.
pub async fn create(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<RotateRequest>,
) -> Result<Answer<MadeView>> {
    let overlap = body.0.overlap.unwrap_or(OVERLAP);
    if overlap > LONGEST {
        let rule = format!("must be 0 to {LONGEST} seconds");
        return Err(Error::field("overlap", rule));
    }
    let overlap = SignedDuration::from_secs(overlap.into());
    let made = in_background(
        &app,
        move |app| async move { rotate(&app, &by, overlap).await },
    )
    .await?;
    let view = MadeView {
        pair: PairView::new(app.keys()?, &made.pair, app.clock.now()),
        private_key: made.private.expose().to_owned(),
    };
    Ok(Answer::created(view))
}

/// The body of `PATCH /api/key-pairs/{pair}`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = EndKeyPairRequest)]
pub struct EndRequest {
    /// `null`: no end.
    ends_at: ExpiresAt,
}

/// `PATCH /api/key-pairs/{pair}`: another end of the pair before the newest.
pub async fn update(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPairPath,
    body: Json<EndRequest>,
) -> Result<Answer<PairView>> {
    let now = app.clock.now();
    let ends = body.0.ends_at.0;
    let longest = now
        .checked_add(SignedDuration::from_secs(LONGEST.into()))
        .unwrap_or(Timestamp::MAX);
    if ends.is_some_and(|end| end <= now || end > longest) {
        return Err(Error::field(
            "endsAt",
            "must be a time to come, at most 366 days ahead",
        ));
    }
    end(&app, by, path, ends).await
}

/// `DELETE /api/key-pairs/{pair}`: ends the pair before the newest now. Tokens it asked for live on: see
/// `POST /api/issuances/revoke`.
pub async fn remove(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPairPath,
) -> Result<Answer<PairView>> {
    let now = app.clock.now();
    end(&app, by, path, Some(now)).await
}

async fn end(
    app: &web::Data<App>,
    by: VendorAdmin,
    path: KeyPairPath,
    ends: Option<Timestamp>,
) -> Result<Answer<PairView>> {
    let id = path.0.ok_or(Error::LastKeyPair)?;
    let pair = in_background(
        app,
        move |app| async move { set_end(&app, &by, id, ends).await },
    )
    .await?;
    let view = PairView::new(app.keys()?, &pair, app.clock.now());
    Ok(Answer::ok(view))
}

/// `POST /api/admin/vendors/{namespace}/key-pairs/{pair}/private-key`: another private key for a pair whose private key was
/// never used, as where it was lost on its way. `current` names the newest pair.
pub async fn replace_private_key(
    app: web::Data<App>,
    by: VendorAdmin,
    path: KeyPairPath,
) -> Result<Answer<KeyPairView>> {
    let view = reissue(&app, &by.vendor, path.0, &by.actor).await?;
    Ok(Answer::ok(view))
}
