//! Makes the policies of workers in OpenBao follow what the database says.

use std::sync::Arc;
use std::time::Duration;

use super::store::{self, Behind};
use crate::app::App;
use crate::error::{Error, Result};
use crate::tokens::Scope;
use crate::types::{VendorId, WorkerId};
use crate::vault::policies;

const BATCH: i64 = 50;

/// Brings the policy of one worker up to date: another replica may be at it, and then this waits.
///
/// # Errors
/// Trouble with OpenBao or the database; [`Error::Conflict`] where it is changed again and again meanwhile.
pub async fn follow(app: &Arc<App>, vendor: VendorId, worker: WorkerId) -> Result<()> {
    for _ in 0..40 {
        let client = app.db.of(vendor).await?;
        let behind = store::behind(&client, Some(worker), 1).await?;
        drop(client);
        let Some(behind) = behind.first() else {
            return Ok(());
        };
        if !alone(app, vendor, behind.id).await? {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Err(Error::Conflict)
}

/// Brings a few policies up to date, and gives how many were and how many could not be.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>) -> Result<(usize, usize)> {
    let client = app.db.all().await?;
    let behind = store::behind(&client, None, BATCH).await?;
    drop(client);
    let mut failed = 0;
    for one in &behind {
        if let Err(error) = alone(app, one.vendor, one.id).await {
            failed += 1;
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(worker.id = %one.id, error.cause = %cause, "The worker's policy could not be written yet");
        }
    }
    Ok((behind.len() - failed, failed))
}

/// One at a time for each worker, so that an older edition is never written over a newer one. `false` where somebody
/// else is at it.
async fn alone(app: &Arc<App>, vendor: VendorId, worker: WorkerId) -> Result<bool> {
    let client = app.db.of(vendor).await?;
    if !store::claim_policy(&client, worker).await? {
        return Ok(false);
    }
    let behind = store::behind(&client, Some(worker), 1).await?;
    drop(client);
    let done = match behind.first() {
        Some(behind) => bring_up(app, behind).await,
        None => Ok(()),
    };
    // One that may still be carried out keeps the others away until its time is over.
    if !matches!(&done, Err(Error::Vault(error)) if error.is_outcome_unknown()) {
        let client = app.db.of(vendor).await?;
        store::release_policy(&client, worker).await?;
    }
    done.map(|()| true)
}

async fn bring_up(app: &App, worker: &Behind) -> Result<()> {
    let name = Scope::Worker(worker.id).policy(&worker.namespace);
    let provisioner = &app.vault.provisioner;
    if let Some((patterns, edition)) = &worker.wanted {
        let policy = &policies::of_keys(name, &worker.namespace, patterns.as_slice());
        provisioner
            .call(|handle| async move { policies::write(&handle, policy).await })
            .await?;
        let client = app.db.of(worker.vendor).await?;
        store::mark_written(&client, worker.vendor, worker.id, *edition).await?;
    } else {
        let name = name.as_str();
        provisioner
            .call(|handle| async move { policies::delete(&handle, name).await })
            .await?;
        let client = app.db.of(worker.vendor).await?;
        store::mark_policy_gone(&client, worker.vendor, worker.id, app.clock.now()).await?;
    }
    Ok(())
}
