//! Access tokens of this service as bearers: from what a token was made to who that is now.

use std::sync::Arc;

use super::caller::VendorCaller;
use super::jwt::Unverified;
use super::user::{Proof, User};
use super::verify::Known;
use crate::app::App;
use crate::error::{Error, Result};
use crate::oauth::claims::{AccessToken, Source, TYPE};
use crate::types::{KeyId, Secret, SessionId, WorkerId};
use crate::users::accounts::{Origin, USERS, sessions};
use crate::users::workers;
use crate::vendors::Vendor;

/// Whether it says of itself that it is one. Nothing is proved by that.
pub(super) fn is_one(text: &Secret) -> bool {
    Unverified::parse(text.expose()).is_ok_and(|token| token.typ() == Some(TYPE))
}

/// The token, where this service made it and its time is not over. Asks nobody.
///
/// # Errors
/// [`Error::CredentialsInvalid`]; [`Error::Starting`] or [`Error::TokenKeyMissing`] where there are no keys.
pub async fn read(app: &App, text: &Secret) -> Result<AccessToken> {
    let keys = app.token_keys.get().await?;
    let issuer = &app.config.access_tokens.issuer;
    AccessToken::read(text.expose(), &keys, issuer, app.clock.now()).map_err(|reason| {
        metrics::counter!("gatehouse_access_tokens_refused_total", "reason" => reason).increment(1);
        tracing::debug!(reason, "An access token is refused");
        Error::CredentialsInvalid
    })
}

/// Who a token is of, where neither it nor what it was made from was ended.
///
/// # Errors
/// [`Error::CredentialsInvalid`] where it was; where the database does not answer.
pub(super) async fn known(app: &Arc<App>, text: &Secret, origin: &Origin) -> Result<Known> {
    let token = read(app, text).await?;
    app.directory.fresh().await?;
    let vendor = app.directory.by_id(token.vendor);
    // One made after this replica's last news of the vendor is not older than that.
    let vendor = vendor.filter(|vendor| token.epoch >= vendor.token_epoch);
    let vendor = vendor.ok_or_else(|| refused("ended"))?;
    if app.directory.revoked.has(token.vendor, token.jti) {
        return Err(refused("revoked"));
    }
    let found = match token.source {
        Source::KeyPair(key) => of_key_pair(app, vendor, key).await?,
        Source::WorkerKey(worker, key) => of_worker(app, vendor, worker, key).await?,
        Source::UserToken(session, edition) => {
            of_user(app, vendor, (session, edition), origin).await?
        }
    };
    found.ok_or_else(|| refused("source_ended"))
}

fn refused(reason: &'static str) -> Error {
    metrics::counter!("gatehouse_access_tokens_refused_total", "reason" => reason).increment(1);
    Error::CredentialsInvalid
}

async fn of_key_pair(app: &Arc<App>, vendor: Arc<Vendor>, key: KeyId) -> Result<Option<Known>> {
    // A pair newer than the memory costs one look-up.
    let owner = app.directory.by_key(&app.db, key).await?;
    let owner = owner.filter(|owner| owner.id == vendor.id);
    Ok(owner.and_then(|vendor| {
        vendor.live_key(key, app.clock.now())?.private.as_ref()?;
        Some(Known::Vendor(VendorCaller { vendor, key }))
    }))
}

async fn of_worker(
    app: &App,
    vendor: Arc<Vendor>,
    worker: WorkerId,
    key: i64,
) -> Result<Option<Known>> {
    let client = app.db.of(vendor.id).await?;
    let now = app.clock.now();
    let worker = workers::keys::store::by_key(&client, vendor.id, worker, key, now).await?;
    Ok(worker.map(|worker| Known::Worker(vendor, Box::new(worker))))
}

async fn of_user(
    app: &App,
    vendor: Arc<Vendor>,
    (session, edition): (SessionId, i32),
    origin: &Origin,
) -> Result<Option<Known>> {
    let client = app.db.of(vendor.id).await?;
    let found = sessions::store::by_id(&client, USERS, session.0, app.clock.now()).await?;
    let found = found.filter(|found| {
        let account = &found.account;
        account.vendor == vendor.id
            && account.password_edition == edition
            && found.kind == sessions::Kind::Token
    });
    Ok(found.map(|found| {
        Known::User(Box::new(User {
            vendor,
            proof: Proof::Token(session.0),
            account: found.account,
            enrolling: found.enrolling,
            origin: origin.clone(),
        }))
    }))
}
