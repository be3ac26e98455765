//! The token path: mint, then record, then answer.
//!
//! It runs in a tracked task of its own, so that a client that goes away cannot leave it half done. A token whose row
//! could not be written is revoked, with itself where that is possible, and never answered.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::bound;
use super::ledger::{NewIssuance, Refusal};
use super::mint::{discard, minted};
use super::{Grant, Scope, Terms, revoke, rules};
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::whereabouts;
use crate::http::limit::network;
use crate::telemetry;
use crate::types::{IssuanceId, Networks, Secret};
use crate::vault::tokens::{Auth, TokenInfo, WrapInfo};
use crate::vendors::Vendor;

/// How often a token is minted again because its entity, or its site, changed under it.
const TRIES: usize = 6;

/// The state of a site that a token is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteVersion(pub i64);

/// A token on record.
pub struct Issued {
    /// Its row.
    pub id: IssuanceId,
    /// The vendor.
    pub vendor: Arc<Vendor>,
    /// Names the token in OpenBao.
    pub accessor: String,
    /// The end of its first life.
    pub expires_at: Timestamp,
    /// What it was asked for with.
    pub terms: Terms,
    /// From where it works; `None`: from everywhere.
    pub networks: Option<Networks>,
    /// Whether its holder may renew it.
    pub renewable: bool,
    /// The token.
    pub handed: Handed,
}

/// A token as it is answered.
pub enum Handed {
    /// Itself.
    Plain(Auth),
    /// As a wrapping token, to be exchanged once, and what OpenBao says of the token inside.
    Wrapped(WrapInfo, TokenInfo),
}

impl Handed {
    pub(super) fn accessor(&self) -> &str {
        match self {
            Self::Plain(auth) => &auth.accessor,
            Self::Wrapped(info, _) => &info.wrapped_accessor,
        }
    }

    /// The accessor of the wrapping token.
    fn wrapping(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Wrapped(info, _) => Some(&info.accessor),
        }
        .filter(|accessor| !accessor.is_empty())
        .map(String::as_str)
    }

    fn entity(&self) -> Option<&str> {
        let id = match self {
            Self::Plain(auth) => &auth.entity_id,
            Self::Wrapped(_, inside) => &inside.entity_id,
        };
        Some(id.as_str()).filter(|id| !id.is_empty())
    }

    /// First life in seconds.
    #[must_use]
    pub fn life(&self) -> u64 {
        match self {
            Self::Plain(auth) => auth.lease_duration,
            Self::Wrapped(_, inside) => inside.creation_ttl,
        }
    }

    /// Whether it lives as long, is good for as many calls, and works from where, as asked for. A token that is not wrapped
    /// does not tell the last.
    pub(super) fn keeps(&self, grant: &Grant) -> bool {
        let (uses, is_renewable, is_bound) = match self {
            Self::Plain(auth) => (auth.num_uses, auth.renewable, true),
            Self::Wrapped(_, inside) => {
                let is_bound = match &grant.networks {
                    Some(networks) => networks.are(&inside.bound_cidrs),
                    None => inside.bound_cidrs.is_empty(),
                };
                (
                    u64::try_from(inside.num_uses).unwrap_or(u64::MAX),
                    inside.renewable,
                    is_bound,
                )
            }
        };
        let is_asked_for = uses == u64::from(grant.terms.uses.unwrap_or(0))
            && is_renewable == grant.is_renewable()
            && is_bound;
        is_asked_for && self.life() == u64::from(grant.terms.first)
    }

    /// What the token may do.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        match self {
            Self::Plain(auth) => &auth.policies,
            Self::Wrapped(_, inside) => &inside.policies,
        }
    }
}

/// Hands out a token: minted, on record, and its former one for the same site revoked.
///
/// # Errors
/// [`Error::Busy`], [`Error::NotProvisioned`], [`Error::LeaseBudget`], [`Error::NetworkSetsFull`], [`Error::WrapRequired`], the vendor's or site's state where it changed meanwhile, or trouble with OpenBao or the
/// database. No token lives on then that is not on record.
pub fn issue(app: &Arc<App>, grant: Grant) -> Issuing {
    let app = Arc::clone(app);
    Box::pin(async move {
        if !grant.kind.is_own() {
            rules::wrapping(&grant.vendor, grant.is_for_plugin(), grant.wrap_ttl)?;
        }
        rules::provisioned(&grant.vendor, grant.kind)?;
        let worker = Arc::clone(&app);
        let work = async move {
            // What is issued for the service's own use is part of what was let in already, or of a task.
            let _admitted = if grant.kind.is_own() {
                None
            } else {
                Some(worker.admission.enter().await?)
            };
            let place = worker.budget.take(&worker, &grant).await?;
            let issued = run(&worker, grant).await?;
            place.fill();
            Ok(issued)
        };
        app.detached(work).await
    })
}

/// Boxed, as storing a site anew first finishes its removal, which needs a delete token, which is issued here too.
type Issuing = Pin<Box<dyn Future<Output = Result<Issued>> + Send>>;

async fn run(app: &Arc<App>, grant: Grant) -> Result<Issued> {
    for attempt in 1..=TRIES {
        let site = current_site(app, &grant).await?;
        let id = IssuanceId::new(app.clock.now());
        let asked_at = app.clock.now();
        let (bound, handed) = match minted(app, &grant, id).await {
            // Its role was being removed.
            Err(Error::Conflict) if attempt < TRIES => {
                bound::forget(app, &grant);
                continue;
            }
            outcome => outcome?,
        };
        let row = NewIssuance {
            bound: bound.map(|bound| bound.id).zip(grant.networks.clone()),
            ..row(app, &grant, (id, asked_at), site, &handed)
        };
        let expires_at = row.expires_at;
        let outcome = app.ledger.record(app, row).await;
        match outcome {
            Ok(recorded) => {
                revoke::now(app, &recorded.superseded).await;
                metrics::counter!("gatehouse_tokens_issued_total", "kind" => grant.kind.rules().name).increment(1);
                let accessor = handed.accessor().to_owned();
                let renewable = grant.is_renewable();
                return Ok(Issued {
                    id,
                    vendor: grant.vendor,
                    accessor,
                    expires_at,
                    terms: grant.terms,
                    networks: grant.networks,
                    renewable,
                    handed,
                });
            }
            Err(error) => {
                discard(app, &handed).await;
                match error {
                    Refusal::RoleGone if attempt < TRIES => bound::forget(app, &grant),
                    Refusal::SiteChanged | Refusal::EntityGone if attempt < TRIES => {
                        // A deletion takes a moment to be done; the next token then has an entity of its own.
                        tokio::time::sleep(Duration::from_millis(50 * attempt as u64)).await;
                    }
                    other => return Err(refused(app, &grant, other).await),
                }
            }
        }
    }
    Err(Error::Conflict)
}

/// The site's state now. A removal still to be finished is finished first, so that it cannot reach what is stored anew.
async fn current_site(app: &Arc<App>, grant: &Grant) -> Result<Option<SiteVersion>> {
    let Some(secret_id) = grant
        .secret_id
        .as_ref()
        .filter(|_| grant.kind.is_for_site())
    else {
        return Ok(None);
    };
    let site = crate::sites::settled(app, &grant.vendor, secret_id).await?;
    rules::site(grant.kind, site.as_ref(), grant.over_registered)?;
    Ok(site.map(|site| SiteVersion(site.generation)))
}

fn row(
    app: &App,
    grant: &Grant,
    (id, asked_at): (IssuanceId, Timestamp),
    site: Option<SiteVersion>,
    handed: &Handed,
) -> NewIssuance {
    let now = app.clock.now();
    let after = |from: Timestamp, seconds: u64| {
        let life = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX / 4));
        from.checked_add(life).unwrap_or(Timestamp::MAX)
    };
    let (credentials, request) = (&grant.credentials, telemetry::current());
    let workload = grant.workload.clone();
    let (client_address, user_agent) = whereabouts(&grant.actor, &request);
    NewIssuance {
        id,
        vendor: grant.vendor.id,
        kind: grant.kind,
        accessor: handed.accessor().to_owned(),
        key: grant.key,
        actor: grant.actor.clone(),
        request_id: grant.request_id.clone(),
        secret_id: grant.secret_id.clone(),
        site,
        over_registered: grant.over_registered,
        entity_id: handed.entity().map(str::to_owned),
        issued_at: now,
        // The holder is never told of a later end than OpenBao's, and none is thought dead that may live.
        expires_at: after(asked_at, handed.life()),
        max_expires_at: after(now, grant.terms.longest.into()),
        uses: grant.terms.uses,
        cut_short: grant.is_renewable() && grant.terms.is_cut_short(),
        client_network: request
            .address
            .filter(|_| grant.is_public())
            .map(|address| network(address).to_string()),
        worker: credentials.worker,
        credential: match credentials.scope {
            Scope::Key(id) => Some(id),
            Scope::All | Scope::Worker(_) => None,
        },
        renew_at: (credentials.keep_alive && grant.is_renewable())
            .then(|| after(now, handed.life() / 2)),
        first_life: i32::try_from(handed.life()).unwrap_or(i32::MAX),
        client_address,
        user_agent,
        wrap_accessor: handed.wrapping().map(str::to_owned),
        bound: None,
        workload,
    }
}

/// What a refusal of the ledger means to the caller.
async fn refused(app: &App, grant: &Grant, refusal: Refusal) -> Error {
    match refusal {
        Refusal::VendorInactive => {
            let vendor = crate::vendors::create::reload(app, grant.vendor.id).await;
            match vendor.map(|vendor| vendor.status) {
                Ok(crate::vendors::Status::Cancelled) => Error::VendorCancelled,
                _ => Error::VendorSuspended,
            }
        }
        Refusal::KeyEnded => Error::CredentialsInvalid,
        Refusal::SiteChanged | Refusal::EntityGone | Refusal::RoleGone => Error::Conflict,
        Refusal::ScopeChanged => Error::ScopeChanged,
        Refusal::Busy => Error::Busy,
        Refusal::Failed(error) => error,
    }
}

impl Issued {
    /// The token itself, where it is not wrapped.
    #[must_use]
    pub fn token(&self) -> Option<&Secret> {
        match &self.handed {
            Handed::Plain(auth) => Some(&auth.client_token),
            Handed::Wrapped(..) => None,
        }
    }

    /// The wrapping token, where it is wrapped.
    #[must_use]
    pub fn wrap_token(&self) -> Option<&Secret> {
        match &self.handed {
            Handed::Plain(_) => None,
            Handed::Wrapped(info, _) => Some(&info.token),
        }
    }
}
