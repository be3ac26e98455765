//! Handlers on the list of issuers, for operators.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store::{self, Changes, NewIssuer};
use super::{Issuer, WORKLOAD_CLAIMS};
use crate::app::App;
use crate::auth::Operator;
use crate::auth::jwt::Algorithm;
use crate::error::{Error, Result};
use crate::federation::patterns::ClaimPlace;
use crate::http::{Answer, Deleted, IssuerPath, Json, Page, PageRequest};
use crate::types::{Change, IssuerId, IssuerUrl, KeySetUrl};

const MOST_CLAIMS: usize = 32;

/// An issuer as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Issuer)]
pub struct IssuerView {
    id: IssuerId,
    issuer: IssuerUrl,
    /// `null`: where the issuer says itself.
    #[schema(required)]
    key_set_url: Option<KeySetUrl>,
    algorithms: Vec<Algorithm>,
    workload_claims: Vec<ClaimPlace>,
    enabled: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Issuer> for IssuerView {
    fn from(issuer: Issuer) -> Self {
        Self {
            id: issuer.id,
            issuer: issuer.issuer,
            key_set_url: issuer.key_set_url,
            algorithms: issuer.algorithms,
            workload_claims: issuer.workload_claims,
            enabled: issuer.disabled_at.is_none(),
            created_at: issuer.created_at,
            updated_at: issuer.updated_at,
        }
    }
}

/// The body of `POST /api/admin/issuers`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateIssuerRequest {
    issuer: IssuerUrl,
    /// Without it: where the issuer says itself (`OpenID` Connect Discovery).
    key_set_url: Option<KeySetUrl>,
    algorithms: Vec<Algorithm>,
    /// Without it: those of the usual platforms.
    workload_claims: Option<Vec<ClaimPlace>>,
    enabled: Option<bool>,
}

/// The body of `PATCH /api/admin/issuers/{issuer}`; a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateIssuerRequest {
    /// `null`: where the issuer says itself.
    #[serde(default)]
    #[schema(value_type = Option<KeySetUrl>)]
    key_set_url: Change<KeySetUrl>,
    algorithms: Option<Vec<Algorithm>>,
    workload_claims: Option<Vec<ClaimPlace>>,
    enabled: Option<bool>,
}

/// Each once, in one order.
fn algorithms(mut all: Vec<Algorithm>) -> Result<Vec<Algorithm>> {
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        return Err(Error::field("algorithms", "must name at least one"));
    }
    Ok(all)
}

fn claims(mut all: Vec<ClaimPlace>) -> Result<Vec<ClaimPlace>> {
    all.sort_unstable();
    all.dedup();
    if (1..=MOST_CLAIMS).contains(&all.len()) {
        Ok(all)
    } else {
        Err(Error::field("workloadClaims", "must name 1 to 32 claims"))
    }
}

/// `POST /api/admin/issuers`: lists an issuer. 201.
pub async fn create(
    app: web::Data<App>,
    by: Operator,
    body: Json<CreateIssuerRequest>,
) -> Result<Answer<IssuerView>> {
    let body = body.0;
    let usual = || {
        let usual = WORKLOAD_CLAIMS.iter().map(|name| (*name).to_owned());
        usual
            .filter_map(|name| ClaimPlace::try_from(name).ok())
            .collect()
    };
    let new = NewIssuer {
        issuer: body.issuer,
        key_set_url: body.key_set_url,
        algorithms: algorithms(body.algorithms)?,
        workload_claims: claims(body.workload_claims.unwrap_or_else(usual))?,
        enabled: body.enabled.unwrap_or(true),
    };
    let issuer = super::create(&app.into_inner(), &by, &new).await?;
    Ok(Answer::created(IssuerView::from(issuer)))
}

/// `GET /api/admin/issuers`: a page.
pub async fn list(
    app: web::Data<App>,
    _by: Operator,
    page: PageRequest,
) -> Result<Answer<Page<IssuerView>>> {
    let after = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.all().await?;
    let rows = store::page(&client, after.map(IssuerId), page.limit).await?;
    let page = Page::from_rows(rows, page.limit, |row| row.id.0, IssuerView::from);
    Ok(Answer::ok(page))
}

/// `GET /api/admin/issuers/{issuer}`.
pub async fn show(
    app: web::Data<App>,
    _by: Operator,
    path: IssuerPath,
) -> Result<Answer<IssuerView>> {
    let client = app.db.all().await?;
    let issuer = store::find(&client, path.0).await?;
    Ok(Answer::ok(IssuerView::from(issuer.ok_or(Error::NotFound)?)))
}

/// `PATCH /api/admin/issuers/{issuer}`.
pub async fn update(
    app: web::Data<App>,
    by: Operator,
    path: IssuerPath,
    body: Json<UpdateIssuerRequest>,
) -> Result<Answer<IssuerView>> {
    let body = body.0;
    let changes = Changes {
        key_set_url: body.key_set_url,
        algorithms: body.algorithms.map(algorithms).transpose()?,
        workload_claims: body.workload_claims.map(claims).transpose()?,
        enabled: body.enabled,
    };
    let issuer = super::update(&app.into_inner(), &by, path.0, &changes).await?;
    Ok(Answer::ok(IssuerView::from(issuer)))
}

/// `DELETE /api/admin/issuers/{issuer}`.
pub async fn remove(
    app: web::Data<App>,
    by: Operator,
    path: IssuerPath,
) -> Result<Answer<Deleted>> {
    super::remove(&app.into_inner(), &by, path.0).await?;
    Ok(Answer::ok(Deleted::DONE))
}
