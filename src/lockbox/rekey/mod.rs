//! Changing what a lockbox is locked with: its password, or its data key.

pub mod http;

use crate::app::App;
use crate::auth::Administrator;
use crate::error::{Error, Result};
use crate::lockbox::crypto::{self, DataKey};
use crate::lockbox::prove::{self, Opened};
use crate::lockbox::throttle::Patience;
use crate::lockbox::{Keys, store, unlock};
use crate::types::Secret;

/// Changes the password: the data key is wrapped anew, no value is touched, and it stays locked or unlocked. The new
/// password was checked by the caller's rules.
///
/// # Errors
/// [`Error::LockboxUninitialized`], [`Error::LockboxPasswordWrong`], [`Error::RateLimited`], [`Error::Conflict`] where
/// somebody else changed it meanwhile, or trouble with OpenBao or the database.
pub async fn change_password(
    app: &App,
    by: &Administrator,
    current: &Secret,
    new: &Secret,
) -> Result<()> {
    let vendor = &by.0.vendor;
    let Opened {
        stored, key, part, ..
    } = prove::open(app, by, current, Patience::Strict).await?;
    let (wrap, _) = prove::wrapped(app, &vendor.namespace, new, part, key).await?;
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    if !store::rewrap(&transaction, vendor.id, stored.edition, &wrap).await? {
        return Err(Error::Conflict);
    }
    prove::record(&transaction, app, by, "lockbox.password_changed").await?;
    transaction.commit().await?;
    Ok(())
}

/// Gives a lockbox a fresh data key. New values are sealed with it at once, those there are in the background; until
/// then the former key is kept under the new one.
///
/// # Errors
/// As [`change_password`], and [`Error::LockboxRotating`] while entries still need a former key.
pub async fn rotate(app: &App, by: &Administrator, password: &Secret) -> Result<()> {
    let vendor = &by.0.vendor;
    let Opened {
        stored, key, part, ..
    } = prove::open(app, by, password, Patience::Strict).await?;
    if stored.former.is_some() {
        return Err(Error::LockboxRotating);
    }
    let next = DataKey::new(key.generation + 1);
    let former = crypto::seal_former(&vendor.namespace, &next, &key)?;
    let (wrap, next) = prove::wrapped(app, &vendor.namespace, password, part, next).await?;
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    let rotated = store::rotate(&transaction, vendor.id, stored.edition, &wrap, &former).await?;
    let rotated = rotated.ok_or(Error::Conflict)?;
    if !rotated.locked {
        unlock::held(app, &transaction, vendor, rotated.epoch).await?;
    }
    prove::record(&transaction, app, by, "lockbox.key_rotated").await?;
    transaction.commit().await?;
    if !rotated.locked {
        let keys = Keys::new(&vendor.namespace, rotated.epoch, next, Some(key));
        app.lockboxes.hold(vendor.id, keys);
    }
    Ok(())
}
