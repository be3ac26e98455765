//! Makes, changes and removes trust policies.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{Audience, Gives, Mode, Terms, TrustPolicy, Ttl, store};
use crate::app::App;
use crate::auth::{VendorAdmin, new_id};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::federation::issuers::{self, Issuer};
use crate::federation::patterns::{ClaimPlace, ClaimRules};
use crate::types::{Change, IssuerUrl, Name, TrustPolicyId, VendorId};
use crate::users::workers;

/// Policies of one vendor.
const MOST: i64 = 100;

/// What a policy is to say. Of a new one all must be given but what has a default; `None` leaves a field as it is.
#[derive(Default)]
pub struct Wanted {
    /// Shown name.
    pub name: Option<Name>,
    /// Whose tokens.
    pub issuer: Option<IssuerUrl>,
    /// For which audience.
    pub audience: Option<Audience>,
    /// Which claims they must have.
    pub claims: Option<ClaimRules>,
    /// What is done with those that match; without it: exchanged.
    pub mode: Option<Mode>,
    /// What is handed out.
    pub gives: Option<Gives>,
    /// Its life; without it: an hour.
    pub ttl: Option<Ttl>,
    /// Whether each token is exchanged once only; without it: no.
    pub once: Option<bool>,
    /// From when on it matches nothing; emptied: never.
    pub ends_at: Change<Timestamp>,
}

impl Wanted {
    fn of_new(self, listed: &Issuer) -> Result<Terms> {
        let needed = |field| move || Error::field(field, "is needed");
        Ok(Terms {
            name: self.name.ok_or_else(needed("name"))?,
            issuer_id: listed.id,
            issuer: listed.issuer.clone(),
            audience: self.audience.ok_or_else(needed("audience"))?,
            claims: self.claims.ok_or_else(needed("claims"))?,
            mode: self.mode.unwrap_or(Mode::Enforce),
            gives: self.gives.ok_or_else(needed("grant"))?,
            ttl: self.ttl.unwrap_or(Ttl::DEFAULT),
            once: self.once.unwrap_or(false),
            ends_at: self.ends_at.over(None),
        })
    }

    fn over(self, former: Terms, listed: &Issuer) -> Terms {
        Terms {
            name: self.name.unwrap_or(former.name),
            issuer_id: listed.id,
            issuer: listed.issuer.clone(),
            audience: self.audience.unwrap_or(former.audience),
            claims: self.claims.unwrap_or(former.claims),
            mode: self.mode.unwrap_or(former.mode),
            gives: self.gives.unwrap_or(former.gives),
            ttl: self.ttl.unwrap_or(former.ttl),
            once: self.once.unwrap_or(former.once),
            ends_at: self.ends_at.over(former.ends_at),
        }
    }
}

/// Makes a policy.
///
/// # Errors
/// [`Error::TrustPolicyLimit`], [`Error::TrustPolicyExists`], a field that breaks a rule, or trouble with the database.
pub async fn create(app: &Arc<App>, by: &VendorAdmin, wanted: Wanted) -> Result<TrustPolicy> {
    let (now, vendor, id) = (app.clock.now(), by.vendor.id, TrustPolicyId(new_id()));
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if store::count_locked(&transaction, vendor).await? >= MOST {
        return Err(Error::TrustPolicyLimit);
    }
    let name = wanted.issuer.clone();
    let name = name.ok_or_else(|| Error::field("issuer", "is needed"))?;
    let listed = listed(&transaction, &name).await?;
    let terms = wanted.of_new(&listed)?;
    let policy = write(&transaction, vendor, id, &listed, &terms, now).await?;
    let made = event(by, "trust_policy.created", id, Some(&terms));
    made.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(policy)
}

/// Changes a policy. Nothing more is handed out by its former edition.
///
/// # Errors
/// [`Error::NotFound`], [`Error::TrustPolicyExists`], [`Error::Conflict`], a field that breaks a rule, or trouble with the
/// database.
pub async fn update(
    app: &Arc<App>,
    by: &VendorAdmin,
    id: TrustPolicyId,
    wanted: Wanted,
) -> Result<TrustPolicy> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    // The issuer is locked before its policies, as where it is changed itself.
    let before = store::find(&transaction, vendor, id, false).await?;
    let before = before.ok_or(Error::NotFound)?.terms.issuer;
    let listed = listed(&transaction, wanted.issuer.as_ref().unwrap_or(&before)).await?;
    let former = store::find(&transaction, vendor, id, true).await?;
    let former = former.ok_or(Error::NotFound)?.terms;
    if former.issuer != before {
        return Err(Error::Conflict);
    }
    let terms = wanted.over(former, &listed);
    let policy = write(&transaction, vendor, id, &listed, &terms, now).await?;
    let changed = event(by, "trust_policy.updated", id, Some(&terms));
    changed.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(policy)
}

/// Removes a policy. Tokens that it handed out live on: they can be revoked by their caller, `workload:<policy>`.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn remove(app: &Arc<App>, by: &VendorAdmin, id: TrustPolicyId) -> Result<()> {
    let now = app.clock.now();
    let mut client = app.db.of(by.vendor.id).await?;
    let transaction = client.transaction().await?;
    if !store::remove(&transaction, by.vendor.id, id).await? {
        return Err(Error::NotFound);
    }
    let removed = event(by, "trust_policy.removed", id, None);
    removed.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(())
}

/// The issuer of this name on the operators' list, which stays there until the transaction ends.
async fn listed(client: &impl GenericClient, name: &IssuerUrl) -> Result<Issuer> {
    let unlisted = || Error::field("issuer", "must be an issuer on the operator's list");
    let found = issuers::store::named_shared(client, name.as_str()).await?;
    found
        .filter(|issuer| issuer.disabled_at.is_none())
        .ok_or_else(unlisted)
}

async fn write(
    client: &impl GenericClient,
    vendor: VendorId,
    id: TrustPolicyId,
    listed: &Issuer,
    terms: &Terms,
    now: Timestamp,
) -> Result<TrustPolicy> {
    check(client, vendor, listed, terms).await?;
    if !store::put(client, vendor, id, terms, now).await? {
        return Err(Error::TrustPolicyExists);
    }
    let written = store::find(client, vendor, id, false).await?;
    written.ok_or(Error::NotFound)
}

/// The rules that hold between fields.
async fn check(
    client: &impl GenericClient,
    vendor: VendorId,
    listed: &Issuer,
    terms: &Terms,
) -> Result<()> {
    if !terms.claims.bind(&listed.workload_claims) {
        let names: Vec<&str> = listed
            .workload_claims
            .iter()
            .map(ClaimPlace::as_str)
            .collect();
        let rule = format!(
            "would let in others of the same issuer: must bind one of {}, with no wildcard before its second part",
            names.join(", ")
        );
        return Err(Error::field("claims", rule));
    }
    let mut most = u32::try_from(terms.gives.kind().rules().max_seconds).unwrap_or(u32::MAX);
    if let Some(id) = terms.gives.worker() {
        let worker = workers::store::find(client, vendor, id).await?;
        let worker = worker.ok_or_else(|| Error::field("grant", "must name a worker of yours"))?;
        most = worker.token_ttl.seconds();
    }
    if terms.ttl.seconds() > most {
        return Err(Error::field(
            "ttl",
            format!("must be 60 to {most} seconds for what is granted"),
        ));
    }
    Ok(())
}

fn event<'a>(
    by: &'a VendorAdmin,
    action: &'static str,
    id: TrustPolicyId,
    terms: Option<&Terms>,
) -> Event<'a> {
    let mut event = Event::done(action, Some(by.vendor.id), &by.actor);
    event.details = json!({ "policy": id });
    if let Some(terms) = terms {
        event.details = json!({
            "policy": id,
            "name": terms.name,
            "issuer": terms.issuer,
            "audience": terms.audience,
            "claims": terms.claims,
            "mode": terms.mode,
            "kind": terms.gives.kind().rules().name,
            "worker": terms.gives.worker().map(|worker| worker.to_string()),
            "site": terms.gives.site(),
            "ttl": terms.ttl,
            "once": terms.once,
            "endsAt": terms.ends_at,
        });
    }
    event
}
