//! A user logs in with name and password, and gets a session for hours.

use std::sync::Arc;

use super::proof::{self, Second};
use super::sessions::{self, Kind, Made, NewSession};
use super::store::Secrets;
use super::whose::tables;
use super::{Origin, event, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::limit::Share;
use crate::types::Secret;

/// What is shown at a log-in.
pub struct Shown {
    /// A bare name, or `name@namespace`.
    pub login: String,
    /// Of the user.
    pub password: Secret,
    /// A code of the second factor.
    pub code: Option<Secret>,
    /// The `Host` of the request.
    pub host: Option<String>,
}

/// A session, and whether it is good for setting up a second factor only.
pub struct LoggedIn {
    /// Its token.
    pub made: Made,
    /// Whether the vendor demands a second factor that the user has not.
    pub enrolling: bool,
}

/// Verifies what was shown and begins a session.
///
/// # Errors
/// As for [`proof::prove`], and where the vendor is not active.
pub async fn log_in(app: &Arc<App>, shown: Shown, origin: &Origin) -> Result<LoggedIn> {
    let host = shown.host.as_deref();
    let named = proof::named(app, &shown.login, host, origin).await?;
    let vendor = named.vendor.clone();
    let met = proof::meet(app, named, &shown.password, origin).await?;
    let attempt = met.attempt;
    let Some((secrets, vendor)) = met.found.zip(vendor) else {
        proof::prove(app, attempt, Second::Missing).await?;
        return Err(Error::CredentialsInvalid);
    };
    let account = &secrets.account;
    if account.disabled_at.is_some() || account.totp_confirmed_at.is_some() {
        proof::prove(app, attempt, Second::Code(shown.code)).await?;
    } else {
        let verified = proof::prove(app, attempt, Second::None);
        app.passwords
            .once(account, &origin.network(), &shown.password, verified)
            .await?;
    }
    vendor.refuse_inactive()?;
    app.limits.check_vendor(vendor.id, Share::Users)?;
    let (worker, origin) = (Arc::clone(app), origin.clone());
    app.detached(async move { begin(&worker, &secrets, &origin).await })
        .await
}

/// Begins a session of somebody whose password was verified.
///
/// # Errors
/// [`Error::CredentialsInvalid`] where the account changed meanwhile.
pub async fn begin(app: &App, secrets: &Secrets, origin: &Origin) -> Result<LoggedIn> {
    let (now, account) = (app.clock.now(), &secrets.account);
    let enrolling = secrets.totp_demanded && account.totp_confirmed_at.is_none();
    let _turn = app.passwords.sessions.take(&account.id.0).await?;
    let mut client = app.db.of(account.vendor).await?;
    let transaction = client.transaction().await?;
    if !store::hold(&transaction, account.vendor, account).await? {
        return Err(Error::CredentialsInvalid);
    }
    sessions::store::end_oldest(&transaction, account.vendor, account.id, now).await?;
    let new = NewSession {
        kind: Kind::Session,
        name: None,
        enrolling,
        life: tables(account.vendor).life,
    };
    let made = sessions::make(app, &transaction, account, &new, origin).await?;
    store::mark_log_in(&transaction, account.vendor, account.id, now).await?;
    let actor = account.actor();
    let event = event::own(event::LOGGED_IN, account, &actor);
    event::with(event, "address", origin.address.to_string())
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    Ok(LoggedIn { made, enrolling })
}
