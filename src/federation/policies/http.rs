//! Handlers on trust policies: what the vendor or an operator does with them.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::{self, Wanted};
use super::{Audience, Gives, Mode, TrustPolicy, Ttl, store};
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::error::{Error, Result};
use crate::federation::patterns::ClaimRules;
use crate::http::{Answer, Deleted, Json, Page, PageRequest, TrustPolicyPath};
use crate::tokens::Kind;
use crate::types::{
    Change, ExpiresAt, IssuerUrl, Name, SecretId, TrustPolicyId, WorkerId, WorkerLogin,
};

/// A policy as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrustPolicy)]
pub struct TrustPolicyView {
    id: TrustPolicyId,
    name: Name,
    issuer: IssuerUrl,
    audience: Audience,
    claims: ClaimRules,
    mode: Mode,
    grant: GrantView,
    ttl: Ttl,
    once: bool,
    #[schema(required)]
    ends_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
}

/// What is handed out, as answers show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrustPolicyGrant)]
pub struct GrantView {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<SecretId>,
}

impl TrustPolicyView {
    fn new(by: &VendorAdmin, policy: TrustPolicy) -> Self {
        let terms = policy.terms;
        let login = |id: WorkerId| WorkerLogin {
            id,
            namespace: by.vendor.namespace.clone(),
        };
        Self {
            id: policy.id,
            grant: GrantView {
                kind: terms.gives.kind().rules().name,
                worker: terms.gives.worker().map(|id| login(id).to_string()),
                secret_id: terms.gives.site().cloned(),
            },
            name: terms.name,
            issuer: terms.issuer,
            audience: terms.audience,
            claims: terms.claims,
            mode: terms.mode,
            ttl: terms.ttl,
            once: terms.once,
            ends_at: terms.ends_at,
            created_at: policy.created_at,
            updated_at: policy.updated_at,
            last_used_at: policy.last_used_at,
        }
    }
}

/// The body of `POST /api/trust-policies`, and of `PATCH /api/trust-policies/{policy}`, where a field left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustPolicyRequest {
    name: Option<Name>,
    /// On the operator's list, to the byte.
    issuer: Option<IssuerUrl>,
    /// To the byte.
    audience: Option<Audience>,
    /// From each claim to a pattern, or a list of patterns of which one must match.
    claims: Option<ClaimRules>,
    mode: Option<Mode>,
    grant: Option<GrantRequest>,
    /// Seconds.
    ttl: Option<Ttl>,
    once: Option<bool>,
    /// `null`: never.
    #[serde(default)]
    #[schema(value_type = Option<ExpiresAt>)]
    ends_at: Change<ExpiresAt>,
}

/// What is to be handed out.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantRequest {
    kind: Kind,
    /// Log-in name, for `credentials`.
    worker: Option<String>,
    /// For `write_site` and `read_site`.
    secret_id: Option<SecretId>,
}

impl GrantRequest {
    fn gives(self, by: &VendorAdmin) -> Result<Gives> {
        let unknown = || Error::field("grant", "must name a worker of yours");
        let worker = match self.worker {
            None => None,
            Some(login) => {
                let login = WorkerLogin::parse(&login).ok_or_else(unknown)?;
                if login.namespace != by.vendor.namespace {
                    return Err(unknown());
                }
                Some(login.id)
            }
        };
        let rule = "must be of the kind credentials with a worker, write_site or read_site with a secretId, write, or read";
        Gives::of(self.kind, worker, self.secret_id).ok_or_else(|| Error::field("grant", rule))
    }
}

impl TrustPolicyRequest {
    fn wanted(self, by: &VendorAdmin) -> Result<Wanted> {
        Ok(Wanted {
            name: self.name,
            issuer: self.issuer,
            audience: self.audience,
            claims: self.claims,
            mode: self.mode,
            gives: self.grant.map(|grant| grant.gives(by)).transpose()?,
            ttl: self.ttl,
            once: self.once,
            ends_at: match self.ends_at {
                Change::Keep => Change::Keep,
                Change::Clear | Change::Set(ExpiresAt(None)) => Change::Clear,
                Change::Set(ExpiresAt(Some(end))) => Change::Set(end),
            },
        })
    }
}

/// `POST /api/trust-policies`: a policy. 201.
pub async fn create(
    app: web::Data<App>,
    by: VendorAdmin,
    body: Json<TrustPolicyRequest>,
) -> Result<Answer<TrustPolicyView>> {
    let wanted = body.0.wanted(&by)?;
    let policy = change::create(&app.into_inner(), &by, wanted).await?;
    Ok(Answer::created(TrustPolicyView::new(&by, policy)))
}

/// `GET /api/trust-policies`: a page.
pub async fn list(
    app: web::Data<App>,
    by: VendorAdmin,
    page: PageRequest,
) -> Result<Answer<Page<TrustPolicyView>>> {
    let after = page.cursor.map(|cursor| cursor.key()).transpose()?;
    let client = app.db.of(by.vendor.id).await?;
    let after = after.map(TrustPolicyId);
    let rows = store::page(&client, by.vendor.id, after, page.limit).await?;
    let page = Page::from_rows(
        rows,
        page.limit,
        |row| row.id.0,
        |row| TrustPolicyView::new(&by, row),
    );
    Ok(Answer::ok(page))
}

/// `GET /api/trust-policies/{policy}`.
pub async fn show(
    app: web::Data<App>,
    by: VendorAdmin,
    path: TrustPolicyPath,
) -> Result<Answer<TrustPolicyView>> {
    let client = app.db.of(by.vendor.id).await?;
    let policy = store::find(&client, by.vendor.id, path.0, false).await?;
    let policy = policy.ok_or(Error::NotFound)?;
    Ok(Answer::ok(TrustPolicyView::new(&by, policy)))
}

/// `PATCH /api/trust-policies/{policy}`.
pub async fn update(
    app: web::Data<App>,
    by: VendorAdmin,
    path: TrustPolicyPath,
    body: Json<TrustPolicyRequest>,
) -> Result<Answer<TrustPolicyView>> {
    let wanted = body.0.wanted(&by)?;
    let policy = change::update(&app.into_inner(), &by, path.0, wanted).await?;
    Ok(Answer::ok(TrustPolicyView::new(&by, policy)))
}

/// `DELETE /api/trust-policies/{policy}`. Tokens that it handed out live on.
pub async fn remove(
    app: web::Data<App>,
    by: VendorAdmin,
    path: TrustPolicyPath,
) -> Result<Answer<Deleted>> {
    change::remove(&app.into_inner(), &by, path.0).await?;
    Ok(Answer::ok(Deleted::DONE))
}
