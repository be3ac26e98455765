//! Exchanges a token of a workload for one of OpenBao.
//!
//! What is looked at first costs least: the form of the token, then whether its issuer is on the list and the vendor has a
//! policy for it. Only then are keys fetched, and only of that issuer. What is found out by its claims is told to the
//! caller, and is an event of the vendor, once the signature has proved them. Anybody may have a token of a public issuer,
//! so of those events there are at most some a second.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::issuers::{self, Issuer};
use super::policies::{self, Gives, Mode, TrustPolicy};
use super::refusal::{Reason, Refusal, shown};
use super::store;
use crate::app::App;
use crate::auth::jwks;
use crate::auth::jwt::{Claims, Fault, LEEWAY, Unverified};
use crate::credentials::access::Caller;
use crate::credentials::token::{self, Asked};
use crate::error::{Error, OAuthError, Result};
use crate::events::{Event, Outcome};
use crate::http::limit::Share;
use crate::telemetry;
use crate::tokens::{self, Grant, Issued, Terms, Wishes, Workload, rules};
use crate::types::{Metadata, Secret, TrustPolicyId};
use crate::users::workers::{self, TokenTtl};
use crate::vendors::Vendor;

/// Policies whose reasons are told, and reasons of each.
const TOLD_POLICIES: usize = 5;
const TOLD_REASONS: usize = 4;

/// What is asked for.
pub struct Wanted {
    /// The token of the workload.
    pub token: Secret,
    /// By which policy; without it: by the only one that matches.
    pub policy: Option<TrustPolicyId>,
    /// Life in seconds, at most the policy's; without it: the policy's.
    pub ttl: Option<u32>,
}

/// What was handed out.
pub struct Exchanged {
    /// By which policy.
    pub policy: TrustPolicy,
    /// The token.
    pub issued: Issued,
}

/// A token that its issuer made, whose time has come.
struct Proved {
    issuer: Issuer,
    claims: Claims,
    subject: String,
    digest: [u8; 32],
    end: Timestamp,
}

/// A policy, and what of the token does not match it.
struct Verdict {
    policy: TrustPolicy,
    reasons: Vec<Reason>,
}

/// Hands out what a vendor's policy gives to the workload of a token.
///
/// # Errors
/// [`Error::Workload`], [`Error::KeySetUnavailable`], a life above the policy's, or those of the token path.
pub async fn exchange(app: &Arc<App>, vendor: &Arc<Vendor>, wanted: &Wanted) -> Result<Exchanged> {
    let outcome = match exchange_once(app, vendor, wanted).await {
        // A policy or its worker was changed meanwhile: what holds now is asked.
        Err(Error::ScopeChanged) => exchange_once(app, vendor, wanted).await,
        outcome => outcome,
    };
    let told = match &outcome {
        Ok(_) => "exchanged",
        Err(Error::Workload(refusal)) => refusal.code(),
        Err(_) => "failed",
    };
    metrics::counter!("gatehouse_token_exchanges_total", "outcome" => told).increment(1);
    outcome
}

async fn exchange_once(app: &Arc<App>, vendor: &Arc<Vendor>, wanted: &Wanted) -> Result<Exchanged> {
    let token = Unverified::parse(wanted.token.expose()).map_err(Refusal::Token)?;
    let (listed, policies) = candidates(app, vendor, &token, wanted.policy).await?;
    let proved = prove(app, listed, token, wanted.token.expose()).await?;
    let now = app.clock.now();
    let mut verdicts: Vec<Verdict> = policies
        .into_iter()
        .map(|policy| Verdict {
            reasons: policy.mismatches(&proved.claims, now),
            policy,
        })
        .collect();
    audit(app, vendor, &proved, &verdicts).await?;
    match chosen(&verdicts) {
        Ok(at) => {
            let policy = verdicts.swap_remove(at).policy;
            telemetry::current()
                .seen
                .note_caller(Some(vendor.id), actor(&policy));
            app.limits.check_vendor(vendor.id, Share::Workloads)?;
            let issued = hand_out(app, vendor, &policy, &proved, wanted.ttl).await?;
            Ok(Exchanged { policy, issued })
        }
        Err(refusal) => {
            refuse(app, vendor, &proved, &refusal, &verdicts).await?;
            Err(refusal.into())
        }
    }
}

/// As the ledger and the events name a workload.
fn actor(policy: &TrustPolicy) -> String {
    format!("workload:{}", policy.id)
}

/// The issuer a token names, if it is on the list, and the vendor's policies for it. Nothing is fetched for that.
async fn candidates(
    app: &App,
    vendor: &Vendor,
    token: &Unverified<'_>,
    policy: Option<TrustPolicyId>,
) -> Result<(Issuer, Vec<TrustPolicy>)> {
    let name = token.issuer().ok_or(Refusal::IssuerNotListed)?;
    let client = app.db.of(vendor.id).await?;
    let issuer = issuers::store::named(&client, name).await?;
    let issuer = issuer
        .filter(|issuer| issuer.disabled_at.is_none())
        .ok_or(Refusal::IssuerNotListed)?;
    let policies = policies::store::for_issuer(&client, vendor.id, issuer.id, policy).await?;
    if policies.is_empty() {
        return Err(Refusal::NoPolicy.into());
    }
    Ok((issuer, policies))
}

/// Asks the issuer's keys, and looks at the times.
async fn prove(
    app: &Arc<App>,
    issuer: Issuer,
    token: Unverified<'_>,
    text: &str,
) -> Result<Proved> {
    if !issuer.algorithms.contains(&token.algorithm()) {
        return Err(Refusal::Token(Fault::Algorithm).into());
    }
    let keys = jwks::find(app, &issuer.source(), &token).await?;
    let claims = token.verify(&keys).map_err(Refusal::Token)?;
    claims
        .check_times(app.clock.now())
        .map_err(Refusal::Token)?;
    let subject = claims.subject().map_err(Refusal::Token)?.to_owned();
    let end = claims.expires_at().map_err(Refusal::Token)?;
    Ok(Proved {
        digest: digest(&claims, text),
        issuer,
        claims,
        subject,
        end,
    })
}

/// What is the same of a token however its signature is written: its `jti`, or all that is signed.
fn digest(claims: &Claims, text: &str) -> [u8; 32] {
    let signed = text.rsplit_once('.').map_or(text, |(signed, _)| signed);
    let mut digest = Sha256::new();
    match claims.text("jti") {
        Some(jti) => digest.update(format!("jti {jti}")),
        None => digest.update(format!("token {signed}")),
    }
    digest.finalize().into()
}

/// The policy that decides: the only one in force that matches.
fn chosen(verdicts: &[Verdict]) -> std::result::Result<usize, Refusal> {
    let matching = |mode: Mode| {
        let all = verdicts.iter().enumerate();
        let right = move |(_, one): &(usize, &Verdict)| {
            one.policy.terms.mode == mode && one.reasons.is_empty()
        };
        all.filter(right).map(|(at, _)| at)
    };
    let mut in_force = matching(Mode::Enforce);
    match (in_force.next(), in_force.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Refusal::Ambiguous),
        (None, _) if matching(Mode::Audit).next().is_some() => Err(Refusal::AuditOnly),
        (None, _) => {
            // The one that is nearest, as it is most likely the one that was meant.
            let nearest = verdicts.iter().min_by_key(|one| one.reasons.len());
            let reasons = nearest.map(|one| one.reasons.clone()).unwrap_or_default();
            Err(Refusal::Mismatch(reasons))
        }
    }
}

/// Puts on record what policies for audits would do.
async fn audit(app: &App, vendor: &Vendor, proved: &Proved, verdicts: &[Verdict]) -> Result<()> {
    let audits = |one: &&Verdict| one.policy.terms.mode == Mode::Audit;
    let decisions: Vec<&Verdict> = verdicts.iter().filter(audits).collect();
    if decisions.is_empty() || !app.limits.may_tell_workload(vendor.id) {
        return Ok(());
    }
    let mut event = Event::done("workload.audited", Some(vendor.id), "workload");
    event.details = proved.told(decisions.into_iter());
    let client = app.db.of(vendor.id).await?;
    event.record(&client, app.clock.now()).await?;
    Ok(())
}

/// Puts a refusal on record, with what did not match.
async fn refuse(
    app: &App,
    vendor: &Vendor,
    proved: &Proved,
    refusal: &Refusal,
    verdicts: &[Verdict],
) -> Result<()> {
    if !app.limits.may_tell_workload(vendor.id) {
        return Ok(());
    }
    let event = Event {
        outcome: Outcome::Refused(refusal.code()),
        details: proved.told(verdicts.iter()),
        ..Event::done("workload.refused", Some(vendor.id), "workload")
    };
    let client = app.db.of(vendor.id).await?;
    event.record(&client, app.clock.now()).await?;
    Ok(())
}

impl Proved {
    fn told<'v>(&self, verdicts: impl Iterator<Item = &'v Verdict>) -> Value {
        let one = |verdict: &Verdict| {
            let reasons: Vec<&Reason> = verdict.reasons.iter().take(TOLD_REASONS).collect();
            json!({
                "policy": verdict.policy.id,
                "mode": verdict.policy.terms.mode,
                "matches": verdict.reasons.is_empty(),
                "reasons": reasons,
            })
        };
        json!({
            "issuer": self.issuer.issuer,
            "subject": shown(&self.subject),
            "policies": verdicts.take(TOLD_POLICIES).map(one).collect::<Vec<_>>(),
        })
    }
}

/// Hands out what a policy gives. A token that counts once is spent before, and given back where nothing was handed out.
async fn hand_out(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    policy: &TrustPolicy,
    proved: &Proved,
    ttl: Option<u32>,
) -> Result<Issued> {
    let standing = Terms::standing(policy.terms.gives.kind(), vendor);
    let most = policy.terms.ttl.seconds().min(standing.longest);
    let life = ttl.unwrap_or(most);
    if !(60..=most).contains(&life) {
        let what = "ttl must be 60 seconds to what the trust policy and the vendor say.";
        return Err(OAuthError::InvalidRequest(what).into());
    }
    vendor.refuse_inactive()?;
    if !policy.terms.once {
        return issue(app, vendor, policy, proved, life).await;
    }
    let until = proved.end.checked_add(LEEWAY).unwrap_or(Timestamp::MAX);
    let (id, digest) = (policy.id, proved.digest);
    let client = app.db.of(vendor.id).await?;
    if !store::spend(&client, vendor.id, id, &digest, until).await? {
        return Err(Refusal::Spent.into());
    }
    drop(client);
    let issued = issue(app, vendor, policy, proved, life).await;
    if issued.is_err() {
        let given_back = async {
            let client = app.db.of(vendor.id).await?;
            store::unspend(&client, vendor.id, id, &digest).await
        };
        if let Err(error) = given_back.await {
            tracing::warn!(policy.id = %id, %error, "A subject token stays spent although nothing was handed out for it");
        }
    }
    issued
}

async fn issue(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    policy: &TrustPolicy,
    proved: &Proved,
    life: u32,
) -> Result<Issued> {
    let workload = Workload {
        policy: policy.id,
        edition: policy.edition,
        issuer: proved.issuer.issuer.to_string(),
        subject: shown(&proved.subject),
    };
    let issued = match &policy.terms.gives {
        Gives::Worker(id) => {
            let client = app.db.of(vendor.id).await?;
            let worker = workers::store::find(&client, vendor.id, *id).await?;
            drop(client);
            let worker = worker.ok_or(Refusal::WorkerRemoved)?;
            for_worker(app, vendor, worker, policy, (workload, life)).await?
        }
        _ => for_store(app, vendor, policy, (workload, life)).await?,
    };
    note_use(app, policy).await;
    Ok(issued)
}

/// The token is on record already: what fails here costs nobody anything.
async fn note_use(app: &App, policy: &TrustPolicy) {
    let noted = async {
        let client = app.db.of(policy.vendor).await?;
        policies::store::note_use(&client, policy.vendor, policy.id, app.clock.now()).await
    };
    if let Err(error) = noted.await {
        tracing::warn!(policy.id = %policy.id, %error, "The use of a trust policy could not be noted");
    }
}

/// A token as a worker's own log-in gives it. Where the worker's may live shorter, so does this.
async fn for_worker(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    worker: workers::Worker,
    policy: &TrustPolicy,
    (workload, life): (Workload, u32),
) -> Result<Issued> {
    let life = life.min(worker.token_ttl.seconds());
    let ttl = TokenTtl::try_from(life).map_err(|rule| Error::field("ttl", rule))?;
    let by = Caller {
        vendor: Arc::clone(vendor),
        worker: Some(worker),
        actor: actor(policy),
        key: None,
    };
    let asked = Asked {
        key: None,
        ttl: Some(ttl),
        max_ttl: Some(life),
        uses: None,
        networks: None,
        wrap_ttl: None,
        keep_alive: false,
        metadata: Metadata::default(),
        workload: Some(workload),
    };
    match token::hand_out(app, &by, &asked).await {
        // The worker was removed between two looks at it.
        Err(Error::CredentialsInvalid) => Err(Refusal::WorkerRemoved.into()),
        outcome => outcome,
    }
}

/// A token for the store or a site, by the rules that hold for the vendor itself.
async fn for_store(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    policy: &TrustPolicy,
    (workload, life): (Workload, u32),
) -> Result<Issued> {
    let kind = policy.terms.gives.kind();
    let whole = Wishes {
        ttl: Some(life),
        max_ttl: Some(life),
        uses: None,
    };
    match &policy.terms.gives {
        Gives::Write => rules::store_wide_writes(vendor)?,
        Gives::Read | Gives::ReadSite(_) => rules::support(vendor, app.clock.now())?,
        Gives::Worker(_) | Gives::WriteSite(_) => {}
    }
    let grant = Grant {
        secret_id: policy.terms.gives.site().cloned(),
        terms: Terms::standing(kind, vendor).with(&whole)?,
        workload: Some(workload),
        ..Grant::new(vendor, kind, actor(policy))
    };
    tokens::issue(app, grant).await
}
