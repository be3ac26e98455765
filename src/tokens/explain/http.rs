//! The handler that explains.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use std::sync::Arc;

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asker, Explained, Wanted, Wish, Would, explain as ask};
use crate::app::App;
use crate::auth::Operator;
use crate::credentials::token::Asked;
use crate::error::{Error, FieldError, Result};
use crate::http::{Answer, Json};
use crate::tokens::http::WrapTtl;
use crate::tokens::{Wishes, bound};
use crate::types::{
    AccessKey, CredentialKey, Metadata, Namespace, Networks, SecretId, WorkerLogin,
};
use crate::users::workers::TokenTtl;
use crate::vendors::{self, Vendor};

/// The body of `POST /api/admin/explain`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExplainRequest {
    /// Namespace of the vendor.
    vendor: String,
    caller: AskerRequest,
    token: WantedRequest,
}

/// Who would ask.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskerRequest {
    kind: AskerKind,
    /// Of a worker: its log-in name.
    login: Option<String>,
}

/// As the events name kinds of callers.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum AskerKind {
    PublicKey,
    SignedClient,
    Vendor,
    Worker,
    User,
    Operator,
    Billing,
}

/// What would be asked for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedRequest {
    kind: WantedKind,
    /// Write and read: one site instead of the whole store.
    secret_id: Option<SecretId>,
    /// Write: the access key that would be shown.
    access_key: Option<AccessKey>,
    /// Credentials: one instead of all the caller may read.
    key: Option<CredentialKey>,
    /// First life, seconds.
    ttl: Option<TokenTtl>,
    /// Longest life, seconds.
    max_ttl: Option<u32>,
    /// How many calls it would be good for.
    uses: Option<u32>,
    /// Networks in CIDR form, from which alone it would work at OpenBao.
    #[schema(min_items = 1, max_items = 8)]
    bound_cidrs: Option<Vec<String>>,
    /// How long its wrapping would live, seconds.
    wrap_ttl: Option<WrapTtl>,
    /// Credentials: whether the service would renew it.
    keep_alive: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WantedKind {
    Write,
    Read,
    Credentials,
}

/// The answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Explained)]
pub struct ExplainView {
    allowed: bool,
    decided_by: DecisionView,
    /// The rules that let it pass, in the order they are asked.
    passed: Vec<&'static str>,
    /// What would be handed out; `null` where nothing would.
    #[schema(required)]
    token: Option<TokenView>,
}

/// The rule that decides: the one that refuses, or the last that lets it pass.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedDecision)]
pub struct DecisionView {
    rule: &'static str,
    /// Of the refusal, as the caller would be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What is wrong with fields, where that is it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// The token that would be handed out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExplainedToken)]
pub struct TokenView {
    kind: &'static str,
    role: &'static str,
    policies: Vec<String>,
    /// First life, seconds.
    ttl: u32,
    /// Longest life, seconds.
    max_ttl: u32,
    /// How many calls it would be good for; `null`: any number.
    #[schema(required)]
    uses: Option<u32>,
    /// From where it would work; `null`: from everywhere.
    #[schema(required)]
    bound_cidrs: Option<Vec<String>>,
    renewable: bool,
}

impl TokenView {
    fn new(vendor: &Vendor, would: &Would) -> Self {
        let rules = would.kind.rules();
        Self {
            kind: rules.name,
            role: rules.role.name,
            policies: would.kind.granted(&vendor.namespace, would.scope),
            ttl: would.terms.first,
            max_ttl: would.terms.longest,
            uses: would.terms.uses,
            bound_cidrs: would.networks.as_ref().map(Networks::written),
            renewable: rules.role.renewable && would.terms.is_renewable(),
        }
    }
}

/// `POST /api/admin/explain`: whether a caller would get a token, and which rule decides. Issues nothing.
pub async fn explain(
    app: web::Data<App>,
    _operator: Operator,
    body: Json<ExplainRequest>,
) -> Result<Answer<ExplainView>> {
    let ExplainRequest {
        vendor,
        caller,
        token,
    } = body.0;
    let namespace = Namespace::parse(&vendor)
        .map_err(|rule| Error::field("vendor", format!("must be a namespace: {rule}")))?;
    let (asker, wanted) = (asker(&caller)?, wanted(token)?);
    let app = app.into_inner();
    app.directory.fresh().await?;
    let vendor = vendors::create::named(&app, &namespace).await?;
    let explained = ask(&app, &vendor, &asker, &wanted).await?;
    Ok(Answer::ok(view(&vendor, explained)))
}

fn asker(caller: &AskerRequest) -> Result<Asker> {
    let field = |says: &str| Error::InvalidField(vec![FieldError::at("/caller/login", says)]);
    match (caller.kind, &caller.login) {
        (AskerKind::Worker, Some(login)) => WorkerLogin::parse(login)
            .map(Asker::Worker)
            .ok_or_else(|| field("must be the log-in name of a worker")),
        (AskerKind::Worker, None) => Err(field("is required for a worker")),
        (_, Some(_)) => Err(field("is for workers only")),
        (AskerKind::PublicKey, None) => Ok(Asker::PublicKey),
        (AskerKind::SignedClient, None) => Ok(Asker::SignedClient),
        (AskerKind::Vendor, None) => Ok(Asker::Vendor),
        (AskerKind::User, None) => Ok(Asker::User),
        (AskerKind::Operator | AskerKind::Billing, None) => Ok(Asker::Outsider),
    }
}

fn wanted(token: WantedRequest) -> Result<Wanted> {
    let given = [
        (
            "secretId",
            token.secret_id.is_some(),
            token.kind != WantedKind::Credentials,
        ),
        (
            "accessKey",
            token.access_key.is_some(),
            token.kind == WantedKind::Write,
        ),
        (
            "key",
            token.key.is_some(),
            token.kind == WantedKind::Credentials,
        ),
        (
            "keepAlive",
            token.keep_alive.is_some(),
            token.kind == WantedKind::Credentials,
        ),
    ];
    let misplaced = given
        .iter()
        .filter(|(_, is_given, fits)| *is_given && !fits);
    let errors: Vec<_> = misplaced
        .map(|(name, ..)| {
            FieldError::at(format!("/token/{name}"), "is not for tokens of this kind")
        })
        .collect();
    if !errors.is_empty() {
        return Err(Error::InvalidField(errors));
    }
    let wrap_ttl = token.wrap_ttl.map(WrapTtl::seconds);
    let networks = bound::wished("/token/boundCidrs", token.bound_cidrs.as_deref())?;
    let wish = Wish {
        terms: Wishes {
            ttl: token.ttl.map(TokenTtl::seconds),
            max_ttl: token.max_ttl,
            uses: token.uses,
        },
        networks: networks.clone(),
        wrap_ttl,
    };
    Ok(match token.kind {
        WantedKind::Write => Wanted::Write {
            secret_id: token.secret_id,
            access_key: token.access_key,
            wish,
        },
        WantedKind::Read => Wanted::Read {
            secret_id: token.secret_id,
            wish,
        },
        WantedKind::Credentials => Wanted::Credentials(Asked {
            key: token.key,
            ttl: token.ttl,
            max_ttl: token.max_ttl,
            uses: token.uses,
            networks,
            wrap_ttl,
            keep_alive: token.keep_alive.unwrap_or(false),
            metadata: Metadata::default(),
            workload: None,
        }),
    })
}

fn view(vendor: &Arc<Vendor>, explained: Explained) -> ExplainView {
    let refusal = explained.outcome.as_ref().err().map(Error::entry);
    let (status, code) = (
        refusal.as_ref().map(|entry| entry.status.as_u16()),
        refusal.as_ref().map(|entry| entry.code),
    );
    ExplainView {
        allowed: refusal.is_none(),
        decided_by: DecisionView {
            rule: explained.decided_by,
            status,
            code,
            detail: refusal.map(|entry| entry.detail),
            errors: explained
                .outcome
                .as_ref()
                .err()
                .map_or_else(Vec::new, |error| error.field_errors().to_vec()),
        },
        passed: explained.passed,
        token: explained
            .outcome
            .ok()
            .map(|would| TokenView::new(vendor, &would)),
    }
}
