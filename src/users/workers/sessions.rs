//! A worker logs in with its name and key, and gets an access token for minutes.

use std::sync::Arc;

use jiff::Timestamp;

use super::keys::store::{self, NewSession};
use super::{SESSION_LIFE, Worker};
use crate::app::App;
use crate::auth::new_id;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{Secret, WorkerLogin};
use crate::vendors::Vendor;

/// An access token of a worker.
pub struct Session {
    /// The token, `gho_…`.
    pub token: Secret,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Verifies name and key.
///
/// # Errors
/// [`Error::CredentialsInvalid`] for anything that is not a worker's name with a live key of it.
pub async fn log_in(app: &App, email: &str, password: &Secret) -> Result<Session> {
    let (vendor, login, key) = prove(app, email, password).await?;
    let (ring, now) = (app.keys()?, app.clock.now());
    let mut client = app.db.of(vendor.id).await?;
    admit(app, &vendor)?;
    let id = new_id();
    let token = ring.new_access_token(id);
    let expires_at = now.checked_add(SESSION_LIFE).unwrap_or(Timestamp::MAX);
    let session = NewSession {
        id,
        worker: login.id,
        key,
        digest: &ring.digest(token.expose()),
        expires_at,
    };
    let actor = super::actor(login.id);
    let transaction = client.transaction().await?;
    store::insert_session(&transaction, vendor.id, &session, now).await?;
    Event::done("worker.logged_in", Some(vendor.id), &actor)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(Session { token, expires_at })
}

/// Finds out whose key this is: the vendor, the worker's name, and the id of the key.
async fn prove(
    app: &App,
    email: &str,
    password: &Secret,
) -> Result<(Arc<Vendor>, WorkerLogin, i64)> {
    let ring = app.keys()?;
    let key = ring
        .worker_key_id(password.expose())
        .ok_or(Error::CredentialsInvalid)?;
    let login = WorkerLogin::parse(email).ok_or(Error::CredentialsInvalid)?;
    app.directory.fresh().await?;
    let vendor = app
        .directory
        .by_namespace(&login.namespace)
        .ok_or(Error::CredentialsInvalid)?;
    let client = app.db.of(vendor.id).await?;
    let right = store::digest_of(&client, vendor.id, login.id, key, app.clock.now()).await?;
    let shown = ring.digest(password.expose());
    if right.is_some_and(|right| right.matches(&shown)) {
        Ok((vendor, login, key))
    } else {
        Err(Error::CredentialsInvalid)
    }
}

/// The worker whose name and key these are, without a session.
///
/// # Errors
/// [`Error::CredentialsInvalid`] for anything that is not a worker's name with a live key of it.
pub async fn worker_by_key(
    app: &App,
    email: &str,
    password: &Secret,
) -> Result<(Arc<Vendor>, Worker)> {
    let (vendor, login, key) = prove(app, email, password).await?;
    let client = app.db.of(vendor.id).await?;
    let now = app.clock.now();
    store::mark_used(&client, vendor.id, key, now).await?;
    let worker = store::by_key(&client, vendor.id, login.id, key, now).await?;
    Ok((vendor, worker.ok_or(Error::CredentialsInvalid)?))
}

fn admit(app: &App, vendor: &Vendor) -> Result<()> {
    vendor.refuse_inactive()?;
    app.limits
        .check_vendor(vendor.id, crate::http::limit::Share::Workers)
}

/// The worker whose session this token is of.
///
/// # Errors
/// Where the database does not answer.
pub async fn worker_of(app: &App, token: &Secret) -> Result<Option<Worker>> {
    let ring = app.keys()?;
    let Some(id) = ring.access_token_id(token.expose()) else {
        return Ok(None);
    };
    // The session's own row says whose it is.
    let client = app.db.all().await?;
    let found = store::by_session(&client, id, app.clock.now()).await?;
    let shown = ring.digest(token.expose());
    Ok(found
        .filter(|(_, right)| right.matches(&shown))
        .map(|(worker, _)| worker))
}
