//! What users, and operators, do with their own accounts: the password, and the second factor.
//!
//! Each asks for the password again, and counts wrong ones as tries to log in. A right one is no log-in: it takes its
//! own try back, and leaves the others counted.

pub mod http;
pub mod store;

use std::sync::Arc;

use super::hashing::Slot;
use super::proof::{self, Try};
use super::recovery;
use super::rules::Rules;
use super::sessions::{self, Which};
use super::store::Secrets;
use super::totp::{self, Begun};
use super::tries::{Counted, Place};
use super::{Account, Origin, event, store as users};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::types::Secret;
use crate::vendors::Vendor;

/// What a password of a user of this vendor must be.
#[must_use]
pub fn rules(app: &App, vendor: &Vendor, name: &str, field: &'static str) -> Rules {
    let strong = !app.config.users.strength_waived;
    Rules {
        field,
        known_words: vec![
            name.to_owned(),
            vendor.namespace.as_str().to_owned(),
            vendor.name.as_str().to_owned(),
            "gatehouse".to_owned(),
        ],
        least_chars: if strong { 12 } else { 4 },
        strong,
    }
}

/// Whose account it is, and who asks.
pub struct Own {
    /// The account.
    pub account: Account,
    /// The session or access token that asks, if one.
    pub session: Option<i64>,
    /// From where.
    pub origin: Origin,
    /// As authenticator apps show the account.
    pub login: String,
    /// What a new password must be.
    pub rules: Rules,
}

impl Own {
    /// Of a user.
    #[must_use]
    pub fn of(app: &App, user: &User) -> Self {
        let account = user.account.clone();
        Self {
            session: user.session(),
            origin: user.origin.clone(),
            login: account.login(&user.vendor.namespace),
            rules: rules(app, &user.vendor, account.name.as_str(), "new"),
            account,
        }
    }
}

/// A try that is counted until it is known to be right.
struct Pending {
    shown: Try,
    counted: Counted,
    slot: Option<Slot>,
}

impl Pending {
    async fn begin(app: &Arc<App>, user: &Own, password: Option<&Secret>) -> Result<Self> {
        let account = &user.account;
        let place = Place {
            vendor: account.vendor,
            name: app
                .keys()?
                .name_digest(account.vendor, account.name.as_str()),
            network: user.origin.network(),
        };
        let turn = proof::turn(app, &place).await?;
        let slot = match password {
            Some(_) => Some(app.passwords.slot().await?),
            None => None,
        };
        let client = app.db.of(account.vendor).await?;
        let secrets = users::with_secrets(&client, account.vendor, &account.name).await?;
        drop(client);
        // Removed a moment ago, and perhaps made anew.
        let secrets = secrets.filter(|found| found.account.id == account.id);
        let counted = proof::begin(app, &place).await?;
        let shown = Try {
            place,
            secrets: Some(secrets.ok_or(Error::CredentialsInvalid)?),
            password: password.cloned().unwrap_or(Secret::new(String::new())),
            origin: user.origin.clone(),
            turn,
        };
        Ok(Self {
            shown,
            counted,
            slot,
        })
    }

    /// Whether the password is right.
    async fn verified(&mut self, app: &Arc<App>) -> Result<bool> {
        let slot = match self.slot.take() {
            Some(slot) => slot,
            None => app.passwords.slot().await?,
        };
        let stored = self.secrets()?.password.clone();
        let password = &self.shown.password;
        let right = app.passwords.verify(app, slot, password, Some(&stored));
        right.await
    }

    fn secrets(&self) -> Result<&Secrets> {
        self.shown.secrets.as_ref().ok_or(Error::CredentialsInvalid)
    }

    /// Ends the try: it was right, wrong (with the refusal), or could not be decided.
    async fn end(self, app: &Arc<App>, found: Result<bool>, refusal: Error) -> Result<Secrets> {
        match found {
            Ok(true) => {
                proof::take_back(app, &self.shown.place, &self.counted).await;
                self.shown.secrets.ok_or(Error::CredentialsInvalid)
            }
            Ok(false) => {
                let code = refusal.entry().code;
                proof::refused(app, &self.shown, &self.counted, code);
                Err(refusal)
            }
            Err(error) => {
                proof::take_back(app, &self.shown.place, &self.counted).await;
                Err(error)
            }
        }
    }
}

/// The user's secrets, if the password is right.
async fn with_password(app: &Arc<App>, user: &Own, password: &Secret) -> Result<Secrets> {
    let mut pending = Pending::begin(app, user, Some(password)).await?;
    let right = pending.verified(app).await;
    pending.end(app, right, Error::PasswordWrong).await
}

/// Changes the password. All other sessions and access tokens end.
///
/// # Errors
/// [`Error::PasswordWrong`]; 422 where a rule is broken or the password stays the same.
pub async fn change_password(
    app: &Arc<App>,
    user: &Own,
    current: &Secret,
    new: &Secret,
) -> Result<()> {
    let secrets = with_password(app, user, current).await?;
    if current.expose() == new.expose() {
        return Err(Error::field("new", "must be another password"));
    }
    let account = &secrets.account;
    let hash = app.passwords.hash(app, new, Some(&user.rules)).await?;
    let now = app.clock.now();
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    if !users::set_password(&transaction, account.vendor, account, &hash, now).await? {
        return Err(Error::Conflict);
    }
    let others = Which::Others(user.session);
    let ended = sessions::store::end(&transaction, account.vendor, account.id, others, now).await?;
    let actor = account.actor();
    let event = event::own(event::PASSWORD_CHANGED, account, &actor);
    event::with(event, "sessionsEnded", ended)
        .record(&transaction, now)
        .await?;
    Ok(transaction.commit().await?)
}

/// Begins a second factor; one that was begun before and not confirmed is gone.
///
/// # Errors
/// [`Error::PasswordWrong`], [`Error::TotpInForce`].
pub async fn begin_totp(app: &Arc<App>, user: &Own, password: &Secret) -> Result<Begun> {
    let secrets = with_password(app, user, password).await?;
    let account = &secrets.account;
    let begun = totp::begin(app.keys()?, account, &user.login)?;
    let (client, now) = (app.db.of(account.vendor).await?, app.clock.now());
    let (vendor, id) = (account.vendor, account.id);
    if store::begin_totp(&client, vendor, id, &begun.sealed, now).await? {
        Ok(begun)
    } else {
        Err(Error::TotpInForce)
    }
}

/// Puts the second factor into force by a first code of it. An operator gets recovery codes with it.
///
/// # Errors
/// [`Error::TotpWrong`], [`Error::TotpAbsent`], [`Error::TotpInForce`].
pub async fn confirm_totp(app: &Arc<App>, user: &Own, code: &Secret) -> Result<Vec<Secret>> {
    if user.account.totp_confirmed_at.is_some() {
        return Err(Error::TotpInForce);
    }
    let pending = Pending::begin(app, user, None).await?;
    let step = match &pending.secrets()?.totp {
        None => Err(Error::TotpAbsent),
        Some(_) => totp::step(app, pending.secrets()?, code),
    };
    let (step, found) = match step {
        Ok(step) => (step, Ok(step.is_some())),
        Err(error) => (None, Err(error)),
    };
    let secrets = pending.end(app, found, Error::TotpWrong).await?;
    let (now, account) = (app.clock.now(), &secrets.account);
    let sealed = secrets.totp.as_deref().ok_or(Error::TotpAbsent)?;
    let step = step.ok_or(Error::TotpWrong)?;
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    let (vendor, id) = (account.vendor, account.id);
    if !store::confirm_totp(&transaction, vendor, id, sealed, step, now).await? {
        return Err(Error::Conflict);
    }
    sessions::store::enrol(&transaction, vendor, id, user.session).await?;
    let codes = if account.is_operator() {
        recovery::renew(app, &transaction, account).await?
    } else {
        Vec::new()
    };
    let actor = account.actor();
    event::own(event::TOTP_ENABLED, account, &actor)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(codes)
}

/// Removes the second factor, and recovery codes with it.
///
/// # Errors
/// [`Error::PasswordWrong`], [`Error::TotpWrong`], [`Error::TotpAbsent`].
pub async fn remove_totp(
    app: &Arc<App>,
    user: &Own,
    password: &Secret,
    code: &Secret,
) -> Result<()> {
    let secrets = with_both(app, user, password, code).await?;
    let (now, account) = (app.clock.now(), &secrets.account);
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    store::end_totp(&transaction, account.vendor, account.id, now).await?;
    if account.is_operator() {
        recovery::store::forget(&transaction, account.id).await?;
    }
    let actor = account.actor();
    event::own(event::TOTP_DISABLED, account, &actor)
        .record(&transaction, now)
        .await?;
    Ok(transaction.commit().await?)
}

/// New recovery codes of an operator in the place of all before.
///
/// # Errors
/// As for [`remove_totp`]; [`Error::CallerNotAllowed`] where it is no operator; [`Error::Conflict`] where the second factor
/// is another by now.
pub async fn renew_recovery_codes(
    app: &Arc<App>,
    user: &Own,
    password: &Secret,
    code: &Secret,
) -> Result<Vec<Secret>> {
    if !user.account.is_operator() {
        return Err(Error::CallerNotAllowed);
    }
    let secrets = with_both(app, user, password, code).await?;
    let (now, account) = (app.clock.now(), &secrets.account);
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    if !users::hold(&transaction, account.vendor, account).await? {
        return Err(Error::Conflict);
    }
    let codes = recovery::renew(app, &transaction, account).await?;
    let actor = account.actor();
    event::own(event::CODES_RENEWED, account, &actor)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(codes)
}

/// The secrets of whoever has a second factor in force, if the password and a code of it are right.
async fn with_both(
    app: &Arc<App>,
    user: &Own,
    password: &Secret,
    code: &Secret,
) -> Result<Secrets> {
    if user.account.totp_confirmed_at.is_none() {
        return Err(Error::TotpAbsent);
    }
    let mut pending = Pending::begin(app, user, Some(password)).await?;
    let secrets = pending.secrets()?.clone();
    let (found, refusal) = match pending.verified(app).await {
        Ok(true) => (totp::accept(app, &secrets, code).await, Error::TotpWrong),
        other => (other, Error::PasswordWrong),
    };
    pending.end(app, found, refusal).await
}
