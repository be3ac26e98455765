//! What it takes to open a lockbox: the password, the secret in OpenBao, and the time to stretch the one over the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crypto::{self, DataKey, OpenBaoPart, Wrap};
use super::store::Wrapped;
use super::throttle::{self, Patience};
use super::{SECRET_NAME, store};
use crate::app::App;
use crate::auth::Administrator;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::{Event, Outcome};
use crate::types::{Namespace, Secret};
use crate::vault::kv;

/// How long a password waits for its turn to be stretched.
const WAIT: Duration = Duration::from_secs(3);
/// A little less than what a request may take.
const PATIENCE: Duration = Duration::from_secs(9);

/// A lockbox that a password opened.
pub(super) struct Opened {
    /// What the password opened.
    pub stored: Wrapped,
    /// The data key.
    pub key: DataKey,
    /// The former one, while entries need it.
    pub former: Option<DataKey>,
    /// The secret in OpenBao as it is today.
    pub part: Arc<OpenBaoPart>,
}

/// Opens a lockbox's wrapped key with a password, after the delay that wrong ones before have earned.
pub(super) async fn open(
    app: &App,
    by: &Administrator,
    password: &Secret,
    patience: Patience,
) -> Result<Opened> {
    let (vendor, begun) = (&by.0.vendor, Instant::now());
    let stored = read(app, by).await?.ok_or(Error::LockboxUninitialized)?;
    let part = openbao_part(app, None).await?;
    let theirs = if part.version == stored.wrap.secret_version {
        Arc::clone(&part)
    } else {
        openbao_part(app, Some(version_of(&stored.wrap))).await?
    };
    let key = key_of(app, by, password, patience, &theirs, &stored.wrap).await?;
    // Whoever asked was told that it took too long: it is not done behind their back.
    if begun.elapsed() > PATIENCE {
        return Err(Error::RequestTimeout);
    }
    let former = stored.former.as_deref();
    let former = former.map(|sealed| crypto::open_former(&vendor.namespace, &key, sealed));
    Ok(Opened {
        former: former.transpose()?,
        stored,
        key,
        part,
    })
}

/// The version of the secret in OpenBao that a wrap takes.
pub(super) fn version_of(wrap: &Wrap) -> u32 {
    u32::try_from(wrap.secret_version).unwrap_or(u32::MAX)
}

/// The data key of a wrap, if the password is right; counted as a wrong one until that is known.
pub(super) async fn key_of(
    app: &App,
    by: &Administrator,
    password: &Secret,
    patience: Patience,
    part: &Arc<OpenBaoPart>,
    wrap: &Wrap,
) -> Result<DataKey> {
    let vendor = &by.0.vendor;
    let counted = throttle::admit(app, vendor.id, by.0.account.id, patience).await?;
    match unwrapped(app, &vendor.namespace, password, Arc::clone(part), wrap).await {
        Ok(Some(key)) => {
            counted.succeeded().await?;
            Ok(key)
        }
        Ok(None) => {
            refused(app, by).await?;
            Err(Error::LockboxPasswordWrong)
        }
        Err(error) => {
            counted.undecided().await;
            Err(error)
        }
    }
}

async fn read(app: &App, by: &Administrator) -> Result<Option<Wrapped>> {
    let client = app.db.of(by.0.vendor.id).await?;
    Ok(store::wrapped(&client, by.0.vendor.id).await?)
}

async fn refused(app: &App, by: &Administrator) -> Result<()> {
    metrics::counter!("gatehouse_lockbox_refused_passwords_total").increment(1);
    let client = app.db.of(by.0.vendor.id).await?;
    let refused = Event {
        outcome: Outcome::Refused("lockbox_password_wrong"),
        ..event(by, "lockbox.unlock_refused", &by.0.account.actor())
    }
    .record(&client, app.clock.now())
    .await;
    Ok(refused?)
}

/// An event about the lockbox as a whole. The actor is given for as long as it lives.
pub(super) fn event<'a>(by: &'a Administrator, action: &'static str, actor: &'a str) -> Event<'a> {
    Event::done(action, Some(by.0.vendor.id), actor)
}

/// Records that something was done to the lockbox as a whole.
pub(super) async fn record(
    client: &impl GenericClient,
    app: &App,
    by: &Administrator,
    action: &'static str,
) -> Result<()> {
    let actor = by.0.account.actor();
    event(by, action, &actor)
        .record(client, app.clock.now())
        .await?;
    Ok(())
}

/// The secret of all lockboxes, read from OpenBao each time: it is kept in no memory.
pub(super) async fn openbao_part(app: &App, version: Option<u32>) -> Result<Arc<OpenBaoPart>> {
    let read = app
        .vault
        .issuer
        .call(|handle| async move { kv::read_key_version(&handle, SECRET_NAME, version).await });
    let stored = read.await?.ok_or(Error::LockboxSecretMissing(version))?;
    let number = i32::try_from(stored.version).ok();
    number
        .and_then(|number| OpenBaoPart::from_hex(number, &stored.key))
        .map(Arc::new)
        .ok_or(Error::LockboxSecretMissing(version))
}

/// Wraps a data key, off the request's thread, with today's parameters.
pub(super) async fn wrapped(
    app: &App,
    namespace: &Namespace,
    password: &Secret,
    part: Arc<OpenBaoPart>,
    key: DataKey,
) -> Result<(Wrap, DataKey)> {
    let (namespace, password) = (namespace.clone(), password.clone());
    let kdf = app.config.lockbox.kdf;
    stretching(app, move || {
        let wrap = crypto::wrap(&namespace, &password, &part, kdf, &key)?;
        Ok((wrap, key))
    })
    .await
}

/// Unwraps a data key, off the request's thread.
pub(super) async fn unwrapped(
    app: &App,
    namespace: &Namespace,
    password: &Secret,
    part: Arc<OpenBaoPart>,
    wrap: &Wrap,
) -> Result<Option<DataKey>> {
    let (namespace, password, wrap) = (namespace.clone(), password.clone(), wrap.clone());
    stretching(app, move || {
        crypto::unwrap(&namespace, &password, &part, &wrap)
    })
    .await
}

/// A few at a time: each takes its memory.
async fn stretching<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let slot = tokio::time::timeout(WAIT, app.lockboxes.stretching.acquire()).await;
    let Ok(Ok(_slot)) = slot else {
        return Err(Error::PasswordsBusy);
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| Error::Internal(format!("hashing ended: {e}")))?
}
