//! Name and password with each request: HTTP Basic, as RPort's users send it.

use std::sync::Arc;

use super::{Account, password, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::{Namespace, Secret, UserLogin};
use crate::vendors::Vendor;

/// What a request with HTTP Basic shows.
pub struct Shown {
    /// As it stands before the first colon.
    pub login: String,
    /// What stands after it.
    pub password: Secret,
    /// The `Host` of the request: a bare name means a user of its vendor.
    pub host: Option<String>,
}

/// The vendor a log-in name is of.
///
/// # Errors
/// [`Error::CredentialsInvalid`] where it is of none.
pub fn vendor_of(app: &App, login: &UserLogin, host: Option<&str>) -> Result<Arc<Vendor>> {
    let by_host = || {
        let base = app.config.users.base_domain.as_deref()?;
        let host = host?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let label = name.strip_suffix(base)?.strip_suffix('.')?;
        Namespace::parse(label).ok()
    };
    let namespace = login.namespace.clone().or_else(by_host);
    let namespace = namespace.or_else(|| app.config.users.default_vendor.clone());
    namespace
        .and_then(|namespace| app.directory.by_namespace(&namespace))
        .ok_or(Error::CredentialsInvalid)
}

/// The user, if the password is right.
///
/// # Errors
/// [`Error::CredentialsInvalid`] where it is not, or there is no such user.
pub async fn user_of(app: &Arc<App>, shown: &Shown) -> Result<(Arc<Vendor>, Account)> {
    let login = UserLogin::parse(&shown.login).ok_or(Error::CredentialsInvalid)?;
    app.directory.fresh().await?;
    let vendor = vendor_of(app, &login, shown.host.as_deref())?;
    let client = app.db.get().await?;
    let found = store::with_password(&client, vendor.id, &login.name).await?;
    drop(client);
    let (account, stored) = found.ok_or(Error::CredentialsInvalid)?;
    let (hashing, password) = (Arc::clone(app), shown.password.clone());
    let verified =
        tokio::task::spawn_blocking(move || password::verify(hashing.keys()?, &password, &stored));
    let verified = verified
        .await
        .map_err(|e| Error::Internal(format!("hashing ended: {e}")))??;
    if verified && account.disabled_at.is_none() {
        Ok((vendor, account))
    } else {
        Err(Error::CredentialsInvalid)
    }
}
