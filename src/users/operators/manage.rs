//! Makes, changes and removes operators, on the database itself.

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::store::{self, NewPassword};
use crate::auth::{KeyRing, new_id};
use crate::bootstrap::COMMAND_LINE;
use crate::db::{self, GenericClient, Pool};
use crate::types::{Secret, SessionId, UserId, UserName};
use crate::users::accounts::manage::store as people;
use crate::users::accounts::own::store as own;
use crate::users::accounts::sessions::{self, Session, Which};
use crate::users::accounts::{Account, PLATFORM, event, password, recovery, rules, tries};

/// What is to be done to an operator without its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It may not log in, and its sessions end.
    Suspend,
    /// It may log in again.
    Resume,
    /// Its second factor and recovery codes are gone, and its sessions end.
    ResetTotp,
    /// It is gone; the name is free again.
    Remove,
}

impl Change {
    fn action(self) -> &'static str {
        match self {
            Self::Suspend => "operator.suspended",
            Self::Resume => "operator.resumed",
            Self::ResetTotp => "operator.totp_reset",
            Self::Remove => "operator.removed",
        }
    }
}

/// A password to be kept, and the password itself where it was made here.
fn new_password(
    ring: &KeyRing,
    name: &UserName,
    chosen: Option<&Secret>,
) -> anyhow::Result<(NewPassword, Option<Secret>)> {
    if let Some(chosen) = chosen
        && let Err(refused) = super::rules(name.as_str(), "password").check(chosen)
    {
        let rule = refused.field_errors().first().map(|e| e.detail.clone());
        bail!("the password {}", rule.unwrap_or_default());
    }
    let made = chosen.is_none().then(rules::made);
    let password = chosen.or(made.as_ref()).context("no password")?;
    let new = NewPassword {
        hash: password::hash(ring, password)?,
        temporary: made.is_some(),
    };
    Ok((new, made))
}

/// Makes an operator. Without a password it gets one, which is given back to be shown once, and must be changed at the
/// first log-in, within 72 hours.
///
/// # Errors
/// Where the name is taken, by an operator or a token; where the password breaks a rule; where the database does not
/// answer.
pub async fn create(
    pool: &Pool,
    ring: &KeyRing,
    name: &UserName,
    chosen: Option<&Secret>,
) -> anyhow::Result<Option<Secret>> {
    let (new, made) = new_password(ring, name, chosen)?;
    let now = Timestamp::now();
    let mut client = pool.all().await?;
    let transaction = client.transaction().await.map_err(db::Error::from)?;
    store::lock_names(&transaction).await?;
    ensure!(
        !store::has_token(&transaction, name.as_str()).await?,
        "a token for scripts has that name: revoke it, or take another name"
    );
    let id = UserId(new_id());
    let added = store::insert(&transaction, id, name, &new, now).await?;
    ensure!(added, "there is an operator of that name");
    forget_tries(&transaction, ring, name).await?;
    told(&transaction, "operator.created", name, 0, now).await?;
    transaction.commit().await.map_err(db::Error::from)?;
    Ok(made)
}

/// Sets a password in the operator's place. Its sessions end, its tries are forgotten, its second factor stays.
///
/// # Errors
/// As for [`create`], and where there is no such operator.
pub async fn reset_password(
    pool: &Pool,
    ring: &KeyRing,
    name: &UserName,
    chosen: Option<&Secret>,
) -> anyhow::Result<Option<Secret>> {
    let (new, made) = new_password(ring, name, chosen)?;
    let now = Timestamp::now();
    let mut client = pool.all().await?;
    let transaction = client.transaction().await.map_err(db::Error::from)?;
    let account = held(&transaction, name).await?;
    store::set_password(&transaction, account.id, &new, now).await?;
    let ended = end_all(&transaction, &account, now).await?;
    forget_tries(&transaction, ring, name).await?;
    told(&transaction, "operator.password_reset", name, ended, now).await?;
    transaction.commit().await.map_err(db::Error::from)?;
    Ok(made)
}

/// Changes an operator; gives how many sessions ended.
///
/// # Errors
/// Where there is no such operator, or the database does not answer.
pub async fn change(pool: &Pool, name: &UserName, change: Change) -> anyhow::Result<u64> {
    let now = Timestamp::now();
    let mut client = pool.all().await?;
    let transaction = client.transaction().await.map_err(db::Error::from)?;
    let account = held(&transaction, name).await?;
    let id = account.id;
    match change {
        Change::Suspend => store::set_suspended(&transaction, id, true, now).await?,
        Change::Resume => store::set_suspended(&transaction, id, false, now).await?,
        Change::ResetTotp => own::end_totp(&transaction, PLATFORM, id, now).await?,
        Change::Remove => people::remove(&transaction, PLATFORM, id, now).await?,
    }
    if matches!(change, Change::ResetTotp | Change::Remove) {
        recovery::store::forget(&transaction, id).await?;
    }
    let ended = if change == Change::Resume {
        0
    } else {
        end_all(&transaction, &account, now).await?
    };
    told(&transaction, change.action(), name, ended, now).await?;
    transaction.commit().await.map_err(db::Error::from)?;
    Ok(ended)
}

/// All operators.
///
/// # Errors
/// Where the database does not answer.
pub async fn list(pool: &Pool) -> anyhow::Result<Vec<Account>> {
    Ok(store::list(&pool.all().await?).await?)
}

/// The sessions of an operator that have not ended.
///
/// # Errors
/// Where there is no such operator, or the database does not answer.
pub async fn sessions(pool: &Pool, name: &UserName) -> anyhow::Result<Vec<Session>> {
    let client = pool.all().await?;
    let found = people::by_name(&client, PLATFORM, name, false).await?;
    let id = found.context(UNKNOWN)?.id;
    let (most, now) = (sessions::MOST, Timestamp::now());
    Ok(sessions::store::page(&client, PLATFORM, id, None, most, now).await?)
}

/// Ends one session of an operator, or all; gives how many.
///
/// # Errors
/// Where there is no such operator or session, or the database does not answer.
pub async fn end_sessions(
    pool: &Pool,
    name: &UserName,
    one: Option<SessionId>,
) -> anyhow::Result<u64> {
    let now = Timestamp::now();
    let mut client = pool.all().await?;
    let transaction = client.transaction().await.map_err(db::Error::from)?;
    let account = held(&transaction, name).await?;
    let which = one.map_or(Which::All, Which::One);
    let ended = sessions::store::end(&transaction, PLATFORM, account.id, which, now).await?;
    ensure!(
        ended > 0 || one.is_none(),
        "the operator has no such session"
    );
    told(&transaction, "operator.session_ended", name, ended, now).await?;
    transaction.commit().await.map_err(db::Error::from)?;
    Ok(ended)
}

const UNKNOWN: &str = "there is no operator of that name";

async fn held(client: &impl GenericClient, name: &UserName) -> anyhow::Result<Account> {
    let found = people::by_name(client, PLATFORM, name, true).await?;
    found.context(UNKNOWN)
}

async fn end_all(
    client: &impl GenericClient,
    account: &Account,
    now: Timestamp,
) -> db::Result<u64> {
    sessions::store::end(client, PLATFORM, account.id, Which::All, now).await
}

async fn forget_tries(
    client: &impl GenericClient,
    ring: &KeyRing,
    name: &UserName,
) -> db::Result<()> {
    let digest = ring.name_digest(PLATFORM, name.as_str());
    tries::store::forget(client, PLATFORM, &digest).await
}

async fn told(
    client: &impl GenericClient,
    action: &'static str,
    name: &UserName,
    ended: u64,
    now: Timestamp,
) -> db::Result<()> {
    let event = event::about(action, PLATFORM, name, COMMAND_LINE);
    let event = event::with(event, "sessionsEnded", Value::from(ended));
    event.record(client, now).await
}
