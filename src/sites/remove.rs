//! Removes a site: first the tombstone, from which on it is refused everywhere, then its live tokens, then its secret
//! through a delete token of one use, then the record.
//!
//! Where OpenBao is out of reach the removal stays queued, and the `remove_sites` task finishes it. Only one worker
//! at a time carries a removal out, so that a late one cannot reach what was stored anew.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};

use super::{envelope, store};
use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::kill_point::kill_point;
use crate::tokens::revoke::{self, Order};
use crate::tokens::{self, Grant, Kind};
use crate::types::{SecretId, VendorId};
use crate::vault::kv;
use crate::vendors::{Level, Vendor};
use crate::webhooks::MessageType;

/// How long a removal is one worker's; taken anew before the secret is deleted.
const CLAIM: SignedDuration = SignedDuration::from_secs(60);
/// Who carries removals out.
pub(super) const REMOVER: &str = "task:remove_sites";
/// Who asks for those of sites whose time is over.
const EXPIRER: &str = "task:expire_sites";

/// Whether OpenBao has followed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The secret is gone and the tokens are dead.
    Done,
    /// The site is refused everywhere; OpenBao is still to follow.
    Queued,
}

/// Removes a site, known or not. An expired one is removed only if it is expired still.
///
/// # Errors
/// Where the database does not answer: then nothing has happened.
pub async fn remove(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    secret_id: &SecretId,
    actor: &str,
) -> Result<Removal> {
    let generation = ask(app, vendor.id, secret_id, actor).await?;
    let (worker, vendor, id) = (Arc::clone(app), Arc::clone(vendor), secret_id.clone());
    app.detached(async move { Ok(follow(&worker, &vendor, &id, generation).await) })
        .await
}

/// As [`remove`], without waiting for OpenBao.
///
/// # Errors
/// As [`remove`].
pub(super) async fn remove_aside(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    secret_id: &SecretId,
    actor: &str,
) -> Result<()> {
    let generation = ask(app, vendor.id, secret_id, actor).await?;
    follow_aside(app, vendor, secret_id, generation);
    Ok(())
}

async fn ask(app: &App, vendor: VendorId, secret_id: &SecretId, actor: &str) -> Result<i64> {
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let generation = begin(&transaction, vendor, secret_id, actor, app.clock.now()).await?;
    kill_point("before asking for a removal");
    transaction.commit().await?;
    kill_point("after asking for a removal");
    Ok(generation)
}

/// Carries a removal out, or leaves it in the queue.
async fn follow(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    secret_id: &SecretId,
    generation: i64,
) -> Removal {
    match finish(app, vendor, secret_id, generation).await {
        Ok(()) => Removal::Done,
        Err(error) => {
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(vendor.id = vendor.id.0, error.cause = %cause, "A removal is queued");
            Removal::Queued
        }
    }
}

fn follow_aside(app: &Arc<App>, vendor: &Arc<Vendor>, secret_id: &SecretId, generation: i64) {
    let (worker, vendor, id) = (Arc::clone(app), Arc::clone(vendor), secret_id.clone());
    app.aside(async move {
        follow(&worker, &vendor, &id, generation).await;
    });
}

/// Puts the tombstone on a site, known or not, and marks its tokens. Gives its generation.
///
/// # Errors
/// Where the database does not answer.
pub async fn begin(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    actor: &str,
    now: Timestamp,
) -> Result<i64> {
    tell_of_end(client, vendor, secret_id, MessageType::SiteDeleted, now).await?;
    let generation = store::ask_removal(client, vendor, secret_id, now).await?;
    let order = Order {
        by: actor,
        reason: "site removed",
        at: now,
    };
    revoke::store::mark_site(client, vendor, secret_id, &order).await?;
    let event = Event::done("site.removal_asked", Some(vendor), actor);
    event.about_site(secret_id).record(client, now).await?;
    Ok(generation)
}

/// Tells the vendor's webhooks of the end of a site that was registered.
async fn tell_of_end(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    about: MessageType,
    now: Timestamp,
) -> Result<()> {
    let site = store::find_for_update(client, vendor, secret_id).await?;
    let Some(site) = site.filter(|site| site.state == super::State::Registered) else {
        return Ok(());
    };
    let site = (secret_id, site.site_url.as_deref());
    super::tell(client, vendor, about, site, now).await
}

/// Carries a removal out. Waits a moment for another worker that has it.
///
/// # Errors
/// What stopped it; it stays queued then.
pub async fn finish(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    secret_id: &SecretId,
    generation: i64,
) -> Result<()> {
    for _ in 0..20 {
        let (now, until) = claim_times(app);
        let client = app.db.of(vendor.id).await?;
        if store::claim_removal(&client, vendor.id, secret_id, generation, now, until).await? {
            drop(client);
            kill_point("after claiming a removal");
            let claim = Claim {
                vendor,
                secret_id,
                generation,
                until,
            };
            let done = claim.carry_out(app).await;
            if done.is_err() {
                let client = app.db.of(vendor.id).await?;
                store::release_removal(&client, vendor.id, secret_id, generation, app.clock.now())
                    .await?;
            }
            return done;
        }
        let site = store::find(&client, vendor.id, secret_id).await?;
        drop(client);
        if site.is_none_or(|site| {
            site.generation != generation || site.state != super::State::Removing
        }) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Error::RemovalPending)
}

/// Now and the end of a claim, as precise as the database is, which is asked for the latter again.
fn claim_times(app: &App) -> (Timestamp, Timestamp) {
    let now = app.clock.now().round(Unit::Microsecond).unwrap_or_default();
    (now, now.checked_add(CLAIM).unwrap_or(Timestamp::MAX))
}

/// A removal that is this worker's until a moment.
struct Claim<'a> {
    vendor: &'a Arc<Vendor>,
    secret_id: &'a SecretId,
    generation: i64,
    until: Timestamp,
}

impl Claim<'_> {
    async fn carry_out(&self, app: &Arc<App>) -> Result<()> {
        let (vendor, secret_id) = (self.vendor, self.secret_id);
        let client = app.db.of(vendor.id).await?;
        let order = Order {
            by: REMOVER,
            reason: "site removed",
            at: app.clock.now(),
        };
        let doomed = revoke::store::mark_removing(&client, vendor.id, secret_id, &order).await?;
        drop(client);
        // Tokens first: one that still lived could write the secret again.
        for token in &doomed {
            revoke::one(app, token).await?;
        }
        self.extend(app).await?;
        let client = app.db.of(vendor.id).await?;
        let now = app.clock.now();
        let is_storing = envelope::store::is_storing(&client, vendor.id, secret_id, now).await?;
        drop(client);
        delete_secret(app, vendor, secret_id).await?;
        if is_storing {
            // What is being written may come after this. No other one is stored while the site is being removed.
            return Err(Error::RemovalPending);
        }
        self.note(app).await
    }

    /// The record and its event, both or neither. A worker that stood still may come after another that has done it.
    async fn note(&self, app: &App) -> Result<()> {
        let (vendor, secret_id, now) = (self.vendor.id, self.secret_id, app.clock.now());
        let mut client = app.db.of(vendor).await?;
        let transaction = client.transaction().await?;
        if !store::mark_removed(&transaction, vendor, secret_id, self.generation, now).await? {
            return Ok(());
        }
        let event = Event::done("site.removed", Some(vendor), REMOVER);
        event
            .about_site(secret_id)
            .record(&transaction, now)
            .await?;
        kill_point("before noting a removal");
        transaction.commit().await?;
        kill_point("after noting a removal");
        Ok(())
    }

    /// A worker that was late must not delete what was stored anew meanwhile.
    async fn extend(&self, app: &App) -> Result<()> {
        let (_, longer) = claim_times(app);
        let client = app.db.of(self.vendor.id).await?;
        let (vendor, times) = (self.vendor.id, (self.until, longer));
        let ours =
            store::extend_removal(&client, vendor, self.secret_id, self.generation, times).await?;
        if ours {
            Ok(())
        } else {
            Err(Error::RemovalPending)
        }
    }
}

/// The seed's way: a temporary delete token, then the DELETE with it. It is good for one call, and revoked all the
/// same, for where that call did not arrive.
async fn delete_secret(app: &Arc<App>, vendor: &Arc<Vendor>, secret_id: &SecretId) -> Result<()> {
    if vendor.provisioned < Level::STORE {
        return Ok(());
    }
    let grant = Grant {
        secret_id: Some(secret_id.clone()),
        ..Grant::new(vendor, Kind::Delete, REMOVER)
    };
    let issued = tokens::issue(app, grant).await?;
    let token = issued
        .token()
        .ok_or_else(|| Error::Internal("a delete token came wrapped".to_owned()))?;
    let deleted = kv::delete_site(&app.vault.with_token(token), &vendor.namespace, secret_id).await;
    let client = app.db.of(vendor.id).await?;
    let order = Order {
        by: REMOVER,
        reason: "used",
        at: app.clock.now(),
    };
    let doomed = revoke::store::mark_one(&client, vendor.id, issued.id, &order).await?;
    drop(client);
    revoke::now(app, doomed.as_slice()).await;
    Ok(deleted?)
}

/// Finishes removals that wait, and asks for those of expired sites. Gives how many were done, and how many failed.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>, limit: i64) -> Result<(usize, usize)> {
    let client = app.db.all().await?;
    let expired = store::expired(&client, app.clock.now(), limit).await?;
    for site in &expired {
        end(app, site.vendor, &site.secret_id).await?;
    }
    envelope::settle::pass(app, limit).await?;
    let due = store::removals_due(&client, app.clock.now(), limit).await?;
    drop(client);
    let (mut done, mut failed) = (0, 0);
    for site in due {
        let Some(vendor) = app.directory.by_id(site.vendor) else {
            continue;
        };
        match finish(app, &vendor, &site.secret_id, site.generation).await {
            Ok(()) => done += 1,
            Err(error) => {
                failed += 1;
                let cause = crate::error::cause_chain(&error);
                tracing::warn!(vendor.id = vendor.id.0, error.cause = %cause, "A removal waits for OpenBao");
            }
        }
    }
    Ok((done, failed))
}

/// Ends a site whose time is over, if it is over still. Its secret is removed meanwhile, or later.
///
/// # Errors
/// Where the database does not answer.
pub async fn expire(app: &Arc<App>, vendor: &Arc<Vendor>, secret_id: &SecretId) -> Result<()> {
    if let Some(generation) = end(app, vendor.id, secret_id).await? {
        follow_aside(app, vendor, secret_id, generation);
    }
    Ok(())
}

/// Puts the tombstone on a site whose time is over, if it is over still: its owner may have extended it just now.
async fn end(app: &App, vendor: VendorId, secret_id: &SecretId) -> Result<Option<i64>> {
    let now = app.clock.now();
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let site = store::find_for_update(&transaction, vendor, secret_id).await?;
    let over = site.is_some_and(|site| {
        site.state == super::State::Registered && site.expires_at.is_some_and(|at| at <= now)
    });
    let mut generation = None;
    if over {
        tell_of_end(
            &transaction,
            vendor,
            secret_id,
            MessageType::SiteExpired,
            now,
        )
        .await?;
        generation = Some(store::ask_removal(&transaction, vendor, secret_id, now).await?);
        let order = Order {
            by: EXPIRER,
            reason: "site expired",
            at: now,
        };
        revoke::store::mark_site(&transaction, vendor, secret_id, &order).await?;
        Event::done("site.expired", Some(vendor), EXPIRER)
            .about_site(secret_id)
            .record(&transaction, now)
            .await?;
    }
    transaction.commit().await?;
    Ok(generation)
}
