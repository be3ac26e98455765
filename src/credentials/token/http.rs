//! The handler that hands out tokens for credentials.

#![expect(
    clippy::missing_errors_doc,
    reason = "the table in error.rs is the contract of every handler"
)]

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Asked, hand_out};
use crate::app::App;
use crate::auth::CredentialReader;
use crate::credentials::access::Caller;
use crate::error::{Error, Result};
use crate::http::{Answer, Json, in_background};
use crate::tokens::bound;
use crate::tokens::http::{IssuedView, Place, WrapTtl};
use crate::types::{CredentialKey, Metadata, WorkerLogin};
use crate::users::workers::{self, TokenTtl};

/// The body of `POST /api/credentials/token`, all of it optional.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialsTokenRequest {
    /// Then the token reads this one only.
    key: Option<CredentialKey>,
    /// The vendor may ask in a worker's name, to put the token into the worker's environment.
    worker: Option<String>,
    /// First life, seconds: at most the worker's.
    ttl: Option<TokenTtl>,
    /// Longest life, seconds.
    max_ttl: Option<u32>,
    /// How many calls it is good for.
    uses: Option<u32>,
    /// Networks in CIDR form, from which alone it works at OpenBao.
    #[schema(min_items = 1, max_items = 8)]
    bound_cidrs: Option<Vec<String>>,
    /// As for write tokens.
    wrap_ttl: Option<WrapTtl>,
    /// Whether the service renews it, until its longest life ends.
    #[serde(default)]
    keep_alive: bool,
    /// Goes into the token's `meta`.
    #[serde(default)]
    metadata: Metadata,
}

/// A token for credentials as it is answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CredentialsToken)]
pub struct CredentialsTokenView<'a> {
    #[serde(flatten)]
    issued: IssuedView<'a>,
    /// `VAULT_HOSTNAME` of the workers' SDK.
    vault_hostname: String,
}

/// `POST /api/credentials/token`: a token that reads credentials at OpenBao, for a worker or the vendor.
pub async fn issue(
    app: web::Data<App>,
    caller: CredentialReader,
    body: Json<CredentialsTokenRequest>,
) -> Result<Answer<CredentialsTokenView<'static>>> {
    let body = body.0;
    // On record is who asked, and beside it for which worker.
    let actor = caller.actor();
    let caller = in_whose_name(&app, caller, body.worker.as_deref()).await?;
    let by = Caller {
        actor,
        ..Caller::from(caller)
    };
    let asked = Asked {
        key: body.key,
        ttl: body.ttl,
        max_ttl: body.max_ttl,
        uses: body.uses,
        networks: bound::wished("/boundCidrs", body.bound_cidrs.as_deref())?,
        wrap_ttl: body.wrap_ttl.map(WrapTtl::seconds),
        keep_alive: body.keep_alive,
        metadata: body.metadata,
        workload: None,
    };
    let namespace = by.vendor.namespace.clone();
    let key = asked.key.clone();
    let issued = in_background(
        &app,
        move |app| async move { hand_out(&app, &by, &asked).await },
    )
    .await?;
    let store = app.config.bao.below_v1(&namespace.credentials());
    let place = Place {
        path: key.map_or_else(|| store.clone(), |key| format!("{store}/data/{key}")),
        store,
    };
    let mount = app.config.bao.below_v1(&format!("{namespace}-credentials"));
    Ok(Answer::ok(CredentialsTokenView {
        issued: IssuedView::new(&app, &issued, place),
        vault_hostname: format!("{}/v1/{mount}", app.config.bao.public_url),
    }))
}

async fn in_whose_name(
    app: &App,
    caller: CredentialReader,
    worker: Option<&str>,
) -> Result<CredentialReader> {
    let Some(login) = worker else {
        return Ok(caller);
    };
    let unknown = || Error::field("worker", "must be the log-in name of a worker of yours");
    let login = WorkerLogin::parse(login).ok_or_else(unknown)?;
    let of_vendor = login.namespace == caller.vendor.namespace;
    let itself = caller
        .worker
        .as_ref()
        .is_none_or(|worker| worker.id == login.id);
    if !of_vendor || !itself {
        return Err(unknown());
    }
    let client = app.db.of(caller.vendor.id).await?;
    let found = workers::store::find(&client, caller.vendor.id, login.id).await?;
    Ok(CredentialReader {
        worker: Some(found.ok_or_else(unknown)?),
        ..caller
    })
}
