//! Name and password with each request: HTTP Basic, as RPort's users send it.

use std::sync::Arc;

use super::proof::{self, Second};
use super::{Origin, sessions};
use crate::app::App;
use crate::auth::{Proof, User};
use crate::error::{Error, Result};
use crate::types::{Secret, UserLogin};

/// What a request with HTTP Basic shows.
pub struct Shown {
    /// As it stands before the first colon.
    pub login: String,
    /// What stands after it: a password, or an access token.
    pub password: Secret,
    /// The `Host` of the request: a bare name means a user of its vendor.
    pub host: Option<String>,
}

/// The user, if what was shown is right.
///
/// # Errors
/// [`Error::CredentialsInvalid`] where it is not, or there is no such user; [`Error::RateLimited`] or
/// [`Error::LockedOut`] where no password counts from here.
pub async fn user_of(app: &Arc<App>, shown: &Shown, origin: &Origin) -> Result<User> {
    if app
        .keys()?
        .access_token_id(shown.password.expose())
        .is_some()
    {
        return token_user(app, shown, origin).await;
    }
    let host = shown.host.as_deref();
    let named = proof::named(app, &shown.login, host, origin).await?;
    let vendor = named.vendor.clone();
    let met = proof::meet(app, named, &shown.password, origin).await?;
    let attempt = met.attempt;
    let Some((secrets, vendor)) = met.found.zip(vendor) else {
        proof::prove(app, attempt, Second::Missing).await?;
        return Err(Error::CredentialsInvalid);
    };
    if secrets.needs_more() || secrets.account.disabled_at.is_some() {
        proof::prove(app, attempt, Second::Missing).await?;
        return Err(Error::CredentialsInvalid);
    }
    let account = secrets.account;
    let verified = proof::prove(app, attempt, Second::None);
    app.passwords
        .once(&account, &origin.network(), &shown.password, verified)
        .await?;
    Ok(User {
        vendor,
        account,
        proof: Proof::Password,
        enrolling: false,
        origin: origin.clone(),
    })
}

/// The user whose own access token stands in the place of the password.
async fn token_user(app: &Arc<App>, shown: &Shown, origin: &Origin) -> Result<User> {
    let user = sessions::user_of(app, &shown.password, origin).await?;
    let user = user.ok_or(Error::CredentialsInvalid)?;
    let named = proof::named(app, &shown.login, shown.host.as_deref(), origin).await?;
    let is_token = matches!(user.proof, Proof::Token(_));
    let same_vendor = named
        .vendor
        .is_some_and(|vendor| vendor.id == user.vendor.id);
    let login = UserLogin::parse(&shown.login);
    let same_name = login.is_some_and(|login| login.name == user.account.name);
    if is_token && same_vendor && same_name {
        Ok(user)
    } else {
        Err(Error::CredentialsInvalid)
    }
}
