//! An operator logs in.

use std::sync::Arc;

use crate::app::App;
use crate::error::{Error, Result};
use crate::types::Secret;
use crate::users::accounts::Origin;
use crate::users::accounts::log_in::{LoggedIn, begin};
use crate::users::accounts::proof::{self, Second};

/// What is shown at a log-in.
pub struct Shown {
    /// As it was typed.
    pub name: String,
    /// Of the operator.
    pub password: Secret,
    /// A code of the second factor, or a recovery code.
    pub second: Second,
}

/// A session, and whether something is to be done before it is good for more.
pub struct Begun {
    /// The session.
    pub session: LoggedIn,
    /// Whether the password must be changed first.
    pub password_temporary: bool,
}

/// Verifies what was shown and begins a session.
///
/// # Errors
/// As for [`proof::prove`].
pub async fn log_in(app: &Arc<App>, shown: Shown, origin: &Origin) -> Result<Begun> {
    let named = proof::named_operator(app, &shown.name, origin).await?;
    let met = proof::meet(app, named, &shown.password, origin).await?;
    let Some(secrets) = met.found else {
        proof::prove(app, met.attempt, Second::Missing).await?;
        return Err(Error::CredentialsInvalid);
    };
    proof::prove(app, met.attempt, shown.second).await?;
    let password_temporary = secrets.account.password_temporary;
    let (worker, origin) = (Arc::clone(app), origin.clone());
    let session = app
        .detached(async move { begin(&worker, &secrets, &origin).await })
        .await?;
    Ok(Begun {
        session,
        password_temporary,
    })
}
