//! One writer of a credential at a time, over all replicas: from before it calls OpenBao until it has noted what came
//! of it. Without that, a deletion could pass by a version that is just being written.

use std::time::Duration;

use uuid::Uuid;

use super::access::Caller;
use super::{Record, read, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::CredentialKey;

const PAUSE: Duration = Duration::from_millis(50);
const TRIES: usize = 120;

/// A credential that only this writer may change now.
pub struct Claimed {
    /// As it is.
    pub record: Record,
    /// What proves it.
    pub claim: Uuid,
}

/// Waits for a credential, for some seconds.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] where others are at it all the time, or trouble with the database.
pub async fn claim(app: &App, by: &Caller, key: &CredentialKey) -> Result<Claimed> {
    let claim = Uuid::now_v7();
    for _ in 0..TRIES {
        let id = read::record(app, by, key).await?.id;
        let client = app.db.of(by.vendor.id).await?;
        if store::claim(&client, by.vendor.id, id, claim).await? {
            drop(client);
            // As the writer before left it.
            let record = read::record(app, by, key).await?;
            return Ok(Claimed { record, claim });
        }
        drop(client);
        tokio::time::sleep(PAUSE).await;
    }
    Err(Error::Conflict)
}

/// Gives it back, unless the last call to OpenBao may still take effect: then it is held until its time is over.
pub async fn settle<T>(app: &App, by: &Caller, claimed: &Claimed, outcome: &Result<T>) {
    if matches!(outcome, Err(Error::Vault(error)) if error.is_outcome_unknown()) {
        return;
    }
    let released = async {
        let client = app.db.of(by.vendor.id).await?;
        store::release(&client, by.vendor.id, claimed.record.id, claimed.claim).await
    };
    if let Err(error) = released.await {
        tracing::warn!(credential.id = claimed.record.id.0, error.cause = %crate::error::cause_chain(&error), "A credential is held until its time is over");
    }
}
