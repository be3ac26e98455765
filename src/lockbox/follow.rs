//! Keeps this replica's keys in step with the database: wipes those whose epoch moved, hands keys to replicas that ask,
//! asks for those it may have.
//!
//! A pass runs on each notification, and twice a second without any. Where the database is out of sight for some
//! seconds, everything is wiped: a lock could have been missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::handover::{self, Asked, Wanted};
use super::{Keys, crypto, replicas};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::VendorId;

const EVERY: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(2);
/// Longer out of sight, and all keys are wiped.
const SIGHT: Duration = Duration::from_secs(5);
/// A request that nobody answered is made again.
const ASKED_FOR: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Follower {
    /// Requests without an answer yet.
    asked: HashMap<Uuid, (Asked, Instant)>,
    /// When the database was told that this replica lives.
    told: Option<Instant>,
}

/// Runs passes until the service stops.
pub async fn follow(app: Arc<App>) {
    let mut follower = Follower::default();
    let mut seen = Instant::now();
    while !app.stop.is_cancelled() {
        match tokio::time::timeout(LIMIT, follower.pass(&app)).await {
            Ok(Ok(())) => seen = Instant::now(),
            Ok(Err(Error::Starting)) => {}
            Ok(Err(error)) => {
                let cause = crate::error::cause_chain(&error);
                tracing::warn!(error.cause = %cause, "Lockboxes could not be followed");
            }
            Err(_) => tracing::warn!("Lockboxes could not be followed in time"),
        }
        if seen.elapsed() > SIGHT && app.lockboxes.forget_all() {
            tracing::error!("The database is out of sight: all lockboxes are locked here");
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = app.lockboxes.wake.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    app.lockboxes.forget_all();
    if let Ok(client) = app.db.all().await {
        replicas::gone(&client, app.lockboxes.replica).await.ok();
    }
}

impl Follower {
    async fn pass(&mut self, app: &App) -> Result<()> {
        let client = app.db.all().await?;
        let replica = app.lockboxes.replica;
        if self.told.is_none_or(|at| at.elapsed() >= EVERY * 2) {
            replicas::seen(&client, replica).await?;
            self.told = Some(Instant::now());
        }
        Self::wipe_moved(app, &client).await?;
        Self::hand_over(app, &client).await?;
        self.collect(app, &client).await?;
        self.ask(app, &client).await
    }

    /// Wipes the keys whose epoch moved, and says which are held.
    async fn wipe_moved(app: &App, client: &impl crate::db::GenericClient) -> Result<()> {
        let held = app.lockboxes.all();
        let vendors: Vec<VendorId> = held.iter().map(|(vendor, _)| *vendor).collect();
        let epochs = replicas::unlocked_epochs(client, &vendors).await?;
        let mut still = Vec::new();
        for (vendor, keys) in held {
            if epochs.get(&vendor) == Some(&keys.epoch) {
                still.push((vendor, keys.epoch, keys.take_use()));
            } else {
                app.lockboxes.forget(vendor, keys.epoch);
            }
        }
        replicas::hold_only(client, app.lockboxes.replica, &still).await?;
        Ok(())
    }

    /// Answers other replicas.
    async fn hand_over(app: &App, client: &impl crate::db::GenericClient) -> Result<()> {
        let held: HashMap<VendorId, Arc<Keys>> = app.lockboxes.all().into_iter().collect();
        if held.is_empty() {
            return Ok(());
        }
        let vendors: Vec<VendorId> = held.keys().copied().collect();
        for request in replicas::requests(client, app.lockboxes.replica, &vendors).await? {
            let wanted = request.wanted;
            let Some(keys) = held.get(&wanted.vendor).filter(|k| k.epoch == wanted.epoch) else {
                continue;
            };
            if let Ok(Some(answer)) = handover::answer(app.keys()?, &request, keys.current()) {
                replicas::answer(client, &wanted, &answer).await?;
            } else {
                replicas::remove_request(client, wanted.id).await?;
                metrics::counter!("gatehouse_lockbox_handovers_refused_total").increment(1);
                tracing::error!(vendor.id = %wanted.vendor, "A request for a lockbox's key was forged");
            }
        }
        Ok(())
    }

    /// Takes what others answered.
    async fn collect(&mut self, app: &App, client: &impl crate::db::GenericClient) -> Result<()> {
        let ids: Vec<Uuid> = self.asked.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        for (id, answer) in replicas::answers(client, &ids).await? {
            replicas::remove_request(client, id).await?;
            let Some((asked, _)) = self.asked.remove(&id) else {
                continue;
            };
            let wanted = asked.wanted;
            let taken = match asked.open(app.keys()?, &answer) {
                Ok(key) => take(app, client, &wanted, key).await,
                Err(error) => Err(error),
            };
            // One lockbox whose rows were changed does not keep the others from their keys.
            if let Err(error) = taken {
                let cause = crate::error::cause_chain(&error);
                tracing::error!(vendor.id = %wanted.vendor, error.cause = %cause, "A lockbox's key could not be taken over");
            }
        }
        Ok(())
    }

    /// Asks for keys that this replica may have and others hold.
    async fn ask(&mut self, app: &App, client: &impl crate::db::GenericClient) -> Result<()> {
        let late: Vec<Uuid> = self
            .asked
            .iter()
            .filter(|(_, (_, at))| at.elapsed() > ASKED_FOR)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.asked.remove(&id);
            replicas::remove_request(client, id).await?;
        }
        let held: Vec<VendorId> = app.lockboxes.all().iter().map(|(id, _)| *id).collect();
        for mut wanted in replicas::wanted(client, app.lockboxes.replica, &held).await? {
            let is_asked = |(asked, _): &(Asked, Instant)| {
                asked.wanted.vendor == wanted.vendor && asked.wanted.epoch == wanted.epoch
            };
            if self.asked.values().any(is_asked) {
                continue;
            }
            wanted.id = Uuid::now_v7();
            let (asked, request) = handover::ask(app.keys()?, wanted)?;
            replicas::request(client, &request).await?;
            self.asked.insert(wanted.id, (asked, Instant::now()));
        }
        Ok(())
    }
}

/// Takes a key that was handed over, if its epoch is still the one.
async fn take(
    app: &App,
    client: &impl crate::db::GenericClient,
    wanted: &Wanted,
    key: crypto::DataKey,
) -> Result<()> {
    let Some(vendor) = app.directory.by_id(wanted.vendor) else {
        return Ok(());
    };
    let joined = replicas::join(client, wanted, key.generation).await?;
    let Some(joined) = joined else {
        return Ok(());
    };
    let former = joined
        .former
        .map(|sealed| crypto::open_former(&vendor.namespace, &key, &sealed));
    let former = former.transpose()?;
    let keys = Keys::new(&vendor.namespace, wanted.epoch, key, former);
    app.lockboxes.hold(vendor.id, keys);
    Ok(())
}
