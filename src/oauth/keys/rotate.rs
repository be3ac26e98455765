//! A new version of the key: by an operator, or when the one in use is old.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::{CHANNEL, KEY_NAME, Keys};
use crate::app::App;
use crate::auth::new_ring_key;
use crate::db;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::vault::{self, kv};

/// Writes the next version. It is published as soon as replicas read it, and signs a while later.
///
/// # Errors
/// [`Error::Conflict`] while a change is under way; where OpenBao or the database does not answer.
pub async fn rotate(app: &Arc<App>, actor: &str) -> Result<Arc<Keys>> {
    // As OpenBao has it now, not as it was read a while ago.
    super::read(app).await;
    let keys = app.token_keys.get().await?;
    let now = app.clock.now();
    let newest = keys.newest().ok_or(Error::TokenKeyMissing)?;
    // Another one before that would sign before everybody has heard of it.
    if newest.key.version > 1 && newest.signs_from() > now {
        return Err(Error::Conflict);
    }
    let (version, key) = (newest.key.version, new_ring_key());
    let written = app.vault.provisioner.call(|handle| {
        let key = key.clone();
        async move { kv::replace_key(&handle, KEY_NAME, &key, version).await }
    });
    match written.await {
        Ok(()) => {}
        Err(vault::Error::VersionMoved) => return Err(Error::Conflict),
        Err(error) => return Err(error.into()),
    }
    super::read(app).await;
    metrics::counter!("gatehouse_token_key_rotations_total").increment(1);
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let mut event = Event::done("token_key.rotated", None, actor);
    event.details = json!({ "version": version + 1 });
    event.record(&transaction, now).await?;
    db::tell(&transaction, CHANNEL, "").await?;
    transaction.commit().await?;
    app.token_keys.get().await
}

/// The same where the newest version is as old as it may be. `false` where it is not.
///
/// # Errors
/// As [`rotate`].
pub async fn rotate_old(app: &Arc<App>, actor: &str) -> Result<bool> {
    let keys = app.token_keys.get().await?;
    let newest = keys.newest().ok_or(Error::TokenKeyMissing)?;
    let days = i64::from(app.config.access_tokens.key_days);
    let longest = SignedDuration::from_hours(24 * days);
    if app.clock.now().duration_since(newest.key.created) < longest {
        return Ok(false);
    }
    match rotate(app, actor).await {
        Ok(_) => Ok(true),
        // Somebody else just did.
        Err(Error::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}
