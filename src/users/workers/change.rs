//! Makes, changes and removes workers. The database says what is wanted; OpenBao follows at once, or later where it is
//! out of reach.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::store::{self, Changes, NewWorker};
use super::{Patterns, TokenTtl, Worker, keys, policy};
use crate::app::App;
use crate::auth::{VendorAdmin, new_id};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::tokens::revoke::{self, Order};
use crate::types::{Name, Secret, VendorId, WorkerId};

/// A worker to be made.
pub struct Wanted {
    /// Shown name.
    pub name: Name,
    /// What it may read.
    pub patterns: Patterns,
    /// First life of its tokens.
    pub token_ttl: TokenTtl,
}

/// Makes a worker with a key, which is shown once.
///
/// # Errors
/// Trouble with the database.
pub async fn create(app: &Arc<App>, by: &VendorAdmin, wanted: &Wanted) -> Result<(Worker, Secret)> {
    let (now, id) = (app.clock.now(), WorkerId(new_id()));
    let new = NewWorker {
        id,
        name: &wanted.name,
        patterns: &wanted.patterns,
        token_ttl: wanted.token_ttl,
    };
    let mut client = app.db.of(by.vendor.id).await?;
    let transaction = client.transaction().await?;
    store::insert(&transaction, by.vendor.id, &new, now).await?;
    let key = new_key(app, &transaction, by, id, now).await?;
    event(by, "worker.created", id)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    drop(client);
    Ok((followed(app, by, id).await?, key))
}

/// Changes a worker. Where it may read less now, its tokens for single credentials end; the others follow the policy.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn update(
    app: &Arc<App>,
    by: &VendorAdmin,
    id: WorkerId,
    changes: &Changes<'_>,
) -> Result<Worker> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::update(&transaction, vendor, id, changes, now).await? {
        return Err(Error::NotFound);
    }
    let mut doomed = Vec::new();
    if changes.patterns.is_some() {
        let order = order(by, "worker changed", now);
        doomed = revoke::store::mark_worker(&transaction, vendor, id, true, &order).await?;
    }
    event(by, "worker.updated", id)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    drop(client);
    revoke::now(app, &doomed).await;
    followed(app, by, id).await
}

/// Removes a worker with its keys, sessions and tokens.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn remove(app: &Arc<App>, by: &VendorAdmin, id: WorkerId) -> Result<()> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    if !store::remove(&transaction, vendor, id, now).await? {
        return Err(Error::NotFound);
    }
    let order = order(by, "worker removed", now);
    let doomed = revoke::store::mark_worker(&transaction, vendor, id, false, &order).await?;
    event(by, "worker.removed", id)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    drop(client);
    revoke::now(app, &doomed).await;
    follow(app, vendor, id).await;
    Ok(())
}

/// Another key for a worker, shown once. The former one lasts for `overlap`; one before that ends now. Without overlap
/// the tokens of the worker end too.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn rotate_key(
    app: &Arc<App>,
    by: &VendorAdmin,
    id: WorkerId,
    overlap: SignedDuration,
) -> Result<(Worker, Secret)> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let end = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let none = Changes::default();
    if !store::update(&transaction, vendor, id, &none, now).await? {
        return Err(Error::NotFound);
    }
    keys::store::end_older(&transaction, vendor, id, now).await?;
    keys::store::end_all(&transaction, vendor, id, end).await?;
    // A key that leaked may have been used already.
    let mut doomed = Vec::new();
    if overlap.is_zero() {
        let order = order(by, "worker's key replaced", now);
        doomed = revoke::store::mark_worker(&transaction, vendor, id, false, &order).await?;
    }
    let key = new_key(app, &transaction, by, id, now).await?;
    event(by, "worker.key_made", id)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    let worker = store::find(&client, vendor, id).await?;
    drop(client);
    revoke::now(app, &doomed).await;
    Ok((worker.ok_or(Error::NotFound)?, key))
}

async fn new_key(
    app: &App,
    client: &impl GenericClient,
    by: &VendorAdmin,
    worker: WorkerId,
    now: Timestamp,
) -> Result<Secret> {
    let (ring, id) = (app.keys()?, new_id());
    let key = ring.new_worker_key(id);
    let digest = ring.digest(key.expose());
    keys::store::insert(client, by.vendor.id, worker, id, &digest, now).await?;
    Ok(key)
}

/// The worker as it is after OpenBao followed, or did not yet.
async fn followed(app: &Arc<App>, by: &VendorAdmin, id: WorkerId) -> Result<Worker> {
    follow(app, by.vendor.id, id).await;
    let client = app.db.of(by.vendor.id).await?;
    let worker = store::find(&client, by.vendor.id, id).await?;
    worker.ok_or(Error::NotFound)
}

async fn follow(app: &Arc<App>, vendor: VendorId, id: WorkerId) {
    if let Err(error) = policy::follow(app, vendor, id).await {
        let cause = crate::error::cause_chain(&error);
        tracing::warn!(worker.id = %id, error.cause = %cause, "The worker's policy could not be written yet");
    }
}

fn order<'a>(by: &'a VendorAdmin, reason: &'a str, at: Timestamp) -> Order<'a> {
    let by = &by.actor;
    Order { by, reason, at }
}

fn event<'a>(by: &'a VendorAdmin, action: &'static str, worker: WorkerId) -> Event<'a> {
    let mut event = Event::done(action, Some(by.vendor.id), &by.actor);
    event.details = json!({ "worker": worker.to_string() });
    event
}
