//! Whether a password that was shown is right: the one place that finds out.
//!
//! Each try is counted before the password is looked at, and a name that nobody has takes the same way as one that
//! somebody has: the same statements, the same hashing, the same answer.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::hashing::Slot;
use super::store::{self, Secrets};
use super::tries::{self, Counted, LOCKED_OUT, Place, folded};
use super::turns::Turn;
use super::{Account, Origin, PLATFORM, event, password, recovery, totp};
use crate::app::App;
use crate::db::Client;
use crate::error::{Error, Result};
use crate::events::Outcome;
use crate::telemetry;
use crate::types::{Namespace, Secret, UserLogin, UserName, VendorId};
use crate::vendors::Vendor;

/// How long a password that the service made for an operator is good for the first log-in.
pub const TEMPORARY: SignedDuration = SignedDuration::from_hours(72);

/// A name as it was typed, and whose user it can mean.
pub struct Named {
    /// `None` where the name is of no vendor.
    pub vendor: Option<Arc<Vendor>>,
    /// Who tries.
    pub place: Place,
    /// In whose table the name stands, and as what, where it can be one.
    account: Option<(VendorId, UserName)>,
}

/// Finds out whose user a name means.
///
/// # Errors
/// Where the service cannot see its database.
pub async fn named(app: &App, typed: &str, host: Option<&str>, origin: &Origin) -> Result<Named> {
    app.directory.fresh().await?;
    let folded = folded(typed);
    let (name, said) = match folded.rsplit_once('@') {
        Some((name, namespace)) => (name, Some(namespace)),
        None => (folded.as_str(), None),
    };
    let namespace = match said {
        Some(text) => Namespace::parse(text).ok(),
        None => by_host(app, host).or_else(|| app.config.users.default_vendor.clone()),
    };
    let vendor = namespace.and_then(|namespace| app.directory.by_namespace(&namespace));
    let (id, counted) = match &vendor {
        Some(vendor) => (vendor.id, name),
        None => (VendorId(0), folded.as_str()),
    };
    Ok(Named {
        place: Place {
            vendor: id,
            name: app.keys()?.name_digest(id, counted),
            network: origin.network(),
        },
        account: vendor
            .as_ref()
            .zip(UserLogin::parse(typed))
            .map(|(vendor, login)| (vendor.id, login.name)),
        vendor,
    })
}

/// The same for the name of an operator.
///
/// # Errors
/// Where the service cannot see its database, or has not its keys.
pub async fn named_operator(app: &App, typed: &str, origin: &Origin) -> Result<Named> {
    app.directory.fresh().await?;
    Ok(Named {
        place: Place {
            vendor: PLATFORM,
            name: app.keys()?.name_digest(PLATFORM, &folded(typed)),
            network: origin.network(),
        },
        vendor: None,
        account: UserName::try_from(typed.to_owned())
            .ok()
            .map(|name| (PLATFORM, name)),
    })
}

/// The vendor whose host name this is.
fn by_host(app: &App, host: Option<&str>) -> Option<Namespace> {
    let base = app.config.users.base_domain.as_deref()?;
    let host = host?.to_ascii_lowercase();
    let name = host
        .rsplit_once(':')
        .map_or(host.as_str(), |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = name.strip_suffix(base)?.strip_suffix('.')?;
    Namespace::parse(label).ok()
}

impl Named {
    /// The user, where there is one: read with each request, so that a change counts at once.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn secrets(&self, client: &Client) -> Result<Option<Secrets>> {
        let Some((vendor, name)) = &self.account else {
            return Ok(None);
        };
        Ok(store::with_secrets(client, *vendor, name).await?)
    }
}

/// A password to be verified. Whoever tries the same name from the same network waits until it is decided.
pub struct Try {
    /// Counted for.
    pub place: Place,
    /// Whose, where there is such a user.
    pub secrets: Option<Secrets>,
    /// As shown.
    pub password: Secret,
    /// By whom.
    pub origin: Origin,
    /// Of the place.
    pub turn: Turn,
}

/// A try, and whom it can be of.
pub struct Met {
    /// What was tried.
    pub attempt: Try,
    /// Whoever has that name.
    pub found: Option<Secrets>,
}

/// Waits for the turn of those who try this name from this network: until one is decided the next is not looked at, so
/// that many at once learn no more than one after the other.
///
/// # Errors
/// [`Error::PasswordsBusy`] where it does not come within seconds.
pub async fn turn(app: &App, place: &Place) -> Result<Turn> {
    let thing = (place.vendor, place.name.index(), &place.network);
    app.passwords.tries.take(&thing).await
}

/// Finds whom a name means. Whoever is shut out gets no further, whatever is shown: so what is remembered
/// of right passwords is no way around a block.
///
/// # Errors
/// [`Error::RateLimited`], [`Error::LockedOut`], [`Error::PasswordsBusy`], or trouble with the database.
pub async fn meet(app: &App, named: Named, password: &Secret, origin: &Origin) -> Result<Met> {
    let turn = turn(app, &named.place).await?;
    let client = app.db.of(named.place.vendor).await?;
    tries::look(&client, &named.place, app.clock.now()).await?;
    let secrets = named.secrets(&client).await?;
    drop(client);
    let attempt = Try {
        place: named.place,
        secrets: secrets.clone(),
        password: password.clone(),
        origin: origin.clone(),
        turn,
    };
    Ok(Met {
        attempt,
        found: secrets,
    })
}

/// What must be shown besides the password.
#[derive(Clone)]
pub enum Second {
    /// Nothing.
    None,
    /// A code, where a second factor is in force.
    Code(Option<Secret>),
    /// A recovery code, in its place.
    Recovery(Secret),
    /// Whatever it is, it was not shown: the password counts for nothing.
    Missing,
}

/// Verifies a password, and a code with it. Goes on to its end, whoever hangs up.
///
/// # Errors
/// [`Error::CredentialsInvalid`], [`Error::TotpRequired`], [`Error::RateLimited`], [`Error::LockedOut`].
pub async fn prove(app: &Arc<App>, shown: Try, second: Second) -> Result<()> {
    let worker = Arc::clone(app);
    app.detached(async move { counted(&worker, &shown, &second).await })
        .await
}

async fn counted(app: &Arc<App>, shown: &Try, second: &Second) -> Result<()> {
    app.limits.check_password(shown.origin.address)?;
    let slot = app.passwords.slot().await?;
    let counted = begin(app, &shown.place).await?;
    match is_right(app, slot, shown, second).await {
        Ok(true) => {
            let noted = succeeded(app, shown, &counted).await;
            if noted.is_err() {
                take_back(app, &shown.place, &counted).await;
            }
            noted
        }
        Ok(false) => {
            refused(app, shown, &counted, "credentials_invalid");
            Err(Error::CredentialsInvalid)
        }
        // No failure of whoever tried.
        Err(error) => {
            take_back(app, &shown.place, &counted).await;
            Err(error)
        }
    }
}

async fn succeeded(app: &Arc<App>, shown: &Try, counted: &Counted) -> Result<()> {
    let client = app.db.of(shown.place.vendor).await?;
    let now = app.clock.now();
    tries::store::succeeded(&client, &shown.place, counted, now).await?;
    if let Some(secrets) = &shown.secrets {
        let account = &secrets.account;
        store::mark_log_in(&client, account.vendor, account.id, now).await?;
        drop(client);
        renew_hash(app, secrets, &shown.password).await;
    }
    Ok(())
}

async fn is_right(app: &Arc<App>, slot: Slot, shown: &Try, second: &Second) -> Result<bool> {
    let secrets = shown.secrets.as_ref();
    let stored = secrets.map(|secrets| secrets.password.as_str());
    let right = app.passwords.verify(app, slot, &shown.password, stored);
    let right = right.await?;
    let may =
        |account: &Account| account.disabled_at.is_none() && !is_over(account, app.clock.now());
    let Some(secrets) = secrets.filter(|found| right && may(&found.account)) else {
        return Ok(false);
    };
    match second {
        Second::None => Ok(true),
        Second::Missing => Ok(false),
        Second::Code(_) | Second::Recovery(_) if secrets.account.totp_confirmed_at.is_none() => {
            Ok(true)
        }
        Second::Code(None) => Err(Error::TotpRequired),
        Second::Code(Some(code)) => totp::accept(app, secrets, code).await,
        Second::Recovery(code) => recovery::accept(app, &secrets.account, code).await,
    }
}

/// Whether a password is one that the service made, and was not changed in time.
fn is_over(account: &Account, now: Timestamp) -> bool {
    account.password_temporary && now.duration_since(account.password_changed_at) > TEMPORARY
}

/// Counts a try.
///
/// # Errors
/// [`Error::RateLimited`], [`Error::LockedOut`].
pub async fn begin(app: &App, place: &Place) -> Result<Counted> {
    let client = app.db.of(place.vendor).await?;
    tries::begin(&client, place, app.clock.now()).await
}

/// Takes a try back that was no failure, and no log-in either. Where the database does not answer it is tried again
/// aside.
pub async fn take_back(app: &Arc<App>, place: &Place, counted: &Counted) {
    if taken_back(app, place, counted).await.is_ok() {
        return;
    }
    let (worker, place, counted) = (Arc::clone(app), place.clone(), counted.clone());
    app.aside(async move {
        for seconds in [1, 5, 20] {
            let wait = tokio::time::sleep(Duration::from_secs(seconds));
            if worker.stop.run_until_cancelled(wait).await.is_none() {
                break;
            }
            if taken_back(&worker, &place, &counted).await.is_ok() {
                return;
            }
        }
        tracing::warn!("A try to log in stays counted as a failure: the database does not answer");
    });
}

async fn taken_back(app: &App, place: &Place, counted: &Counted) -> Result<()> {
    let client = app.db.of(place.vendor).await?;
    Ok(tries::store::take_back(&client, place, counted).await?)
}

/// Notes a failure in the trail, where it is about somebody. Aside, so that the answer takes as long for nobody.
pub fn refused(app: &Arc<App>, shown: &Try, counted: &Counted, code: &'static str) {
    metrics::counter!("gatehouse_login_refused_total").increment(1);
    let Some(account) = shown.secrets.as_ref().map(|found| found.account.clone()) else {
        return;
    };
    telemetry::current().seen.note_told();
    let (worker, counted, origin) = (Arc::clone(app), counted.clone(), shown.origin.clone());
    app.aside(async move {
        if let Err(error) = record(&worker, &account, &counted, &origin, code).await {
            let cause = crate::error::cause_chain(&error);
            tracing::warn!(error.cause = %cause, "A refused log-in could not be noted");
        }
    });
}

async fn record(
    app: &App,
    account: &Account,
    counted: &Counted,
    origin: &Origin,
    code: &'static str,
) -> Result<()> {
    let (now, actor) = (app.clock.now(), account.actor());
    let client = app.db.of(account.vendor).await?;
    let event = event::own(event::REFUSED, account, &actor);
    let event = event::with(event, "failures", counted.failures);
    let mut event = event::with(event, "address", origin.address.to_string());
    event.outcome = Outcome::Refused(code);
    event.record(&client, now).await?;
    if counted.source.is_empty() && counted.failures >= LOCKED_OUT {
        event::own(event::LOCKED_OUT, account, &actor)
            .record(&client, now)
            .await?;
    }
    Ok(())
}

/// A hash that took less work than today's gives way to a new one.
async fn renew_hash(app: &Arc<App>, secrets: &Secrets, shown: &Secret) {
    let renewed = async {
        if !password::is_outdated(&secrets.password)? {
            return Ok::<_, Error>(());
        }
        let hash = app.passwords.hash(app, shown, None).await?;
        let client = app.db.of(secrets.account.vendor).await?;
        let account = &secrets.account;
        store::rehash(
            &client,
            account.vendor,
            account.id,
            &secrets.password,
            &hash,
        )
        .await?;
        Ok(())
    };
    if let Err(error) = renewed.await {
        let cause = crate::error::cause_chain(&error);
        tracing::warn!(error.cause = %cause, "A password's hash could not be renewed; the next log-in tries again");
    }
}
