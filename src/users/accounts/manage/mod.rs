//! Makes, changes and removes users, and says what a vendor demands of them.

pub mod http;
pub mod store;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::sessions::{self, Which};
use super::store::{self as users, NewUser};
use super::{Account, event, own, rules, tries};
use crate::app::App;
use crate::auth::{UserAdmin, new_id};
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{GroupName, Secret, UserId, UserName};
use crate::webhooks::{MessageType, outbox};

/// Groups of a user: at most 64, none of them twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<GroupName>", into = "Vec<GroupName>")]
#[schema(max_items = 64)]
pub struct Groups(Vec<GroupName>);

impl Groups {
    /// Each.
    #[must_use]
    pub fn as_slice(&self) -> &[GroupName] {
        &self.0
    }

    fn has_administrators(&self) -> bool {
        self.0
            .iter()
            .any(|group| group.as_str() == GroupName::ADMINISTRATORS)
    }
}

impl TryFrom<Vec<GroupName>> for Groups {
    type Error = &'static str;
    fn try_from(groups: Vec<GroupName>) -> std::result::Result<Self, Self::Error> {
        let different: std::collections::BTreeSet<_> = groups.iter().collect();
        if groups.len() <= 64 && different.len() == groups.len() {
            Ok(Self(groups))
        } else {
            Err("must hold at most 64 groups, none of them twice")
        }
    }
}

impl From<Groups> for Vec<GroupName> {
    fn from(groups: Groups) -> Self {
        groups.0
    }
}

/// What a vendor demands of its users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserRules {
    /// A second factor.
    pub require_totp: bool,
}

/// A user to be made.
pub struct Wanted {
    /// Unique within the vendor.
    pub name: UserName,
    /// Without one the service makes it.
    pub password: Option<Secret>,
    /// Of the user.
    pub groups: Groups,
}

/// What is to change of a user; `None` leaves it as it is.
#[derive(Default)]
pub struct Changes {
    /// In place of those it had.
    pub groups: Option<Groups>,
    /// A new one: all sessions and access tokens end.
    pub password: Option<Secret>,
    /// Whether it may log in no more: all sessions and access tokens end.
    pub disabled: Option<bool>,
    /// Removes the second factor.
    pub reset_totp: bool,
    /// Lets it try to log in again from anywhere.
    pub reset_tries: bool,
}

impl Changes {
    fn is_empty(&self) -> bool {
        let sets = self.groups.is_some() || self.password.is_some() || self.disabled.is_some();
        !(sets || self.reset_totp || self.reset_tries)
    }
}

/// Makes a user. Gives the password too where the service made it.
///
/// # Errors
/// [`Error::UserExists`]; 422 where the password breaks a rule.
pub async fn create(
    app: &Arc<App>,
    by: &UserAdmin,
    wanted: &Wanted,
) -> Result<(Account, Option<Secret>)> {
    let vendor = &by.by.vendor;
    if is_taken(app, by, &wanted.name).await? {
        return Err(Error::UserExists);
    }
    let made = wanted.password.is_none().then(rules::made);
    let rules = own::rules(app, vendor, wanted.name.as_str(), "password");
    let password = wanted.password.as_ref().or(made.as_ref());
    let password = password.ok_or_else(|| Error::Internal("no password".to_owned()))?;
    let checked = made.is_none().then_some(&rules);
    let hash = app.passwords.hash(app, password, checked).await?;
    let (now, id) = (app.clock.now(), UserId(new_id()));
    let new = NewUser {
        id,
        name: &wanted.name,
        groups: wanted.groups.as_slice(),
        password: &hash,
    };
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    if !users::insert(&transaction, vendor.id, &new, now).await? {
        return Err(Error::UserExists);
    }
    let digest = app.keys()?.name_digest(vendor.id, wanted.name.as_str());
    tries::store::forget(&transaction, vendor.id, &digest).await?;
    about(by, "user.created", &wanted.name)
        .record(&transaction, now)
        .await?;
    let told = told(id, &wanted.name);
    outbox::enqueue(
        &transaction,
        vendor.id,
        MessageType::UserCreated,
        &told,
        now,
    )
    .await?;
    let account = store::by_name(&transaction, vendor.id, &wanted.name, false).await?;
    transaction.commit().await?;
    Ok((account.ok_or(Error::NotFound)?, made))
}

/// What webhooks are told of a user. Users have no address here.
fn told(id: UserId, name: &UserName) -> Value {
    json!({ "id": id.0.to_string(), "name": name, "email": null })
}

async fn is_taken(app: &App, by: &UserAdmin, name: &UserName) -> Result<bool> {
    let client = app.db.of(by.by.vendor.id).await?;
    let found = store::by_name(&client, by.by.vendor.id, name, false).await?;
    Ok(found.is_some())
}

/// A user of the vendor.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find(app: &App, by: &UserAdmin, name: &UserName) -> Result<Account> {
    let client = app.db.of(by.by.vendor.id).await?;
    let account = store::by_name(&client, by.by.vendor.id, name, false).await?;
    account.ok_or(Error::NotFound)
}

/// Changes a user.
///
/// # Errors
/// [`Error::NotFound`], [`Error::LastAdministrator`]; 422 where the password breaks a rule.
pub async fn update(
    app: &Arc<App>,
    by: &UserAdmin,
    name: &UserName,
    changes: &Changes,
) -> Result<Account> {
    let vendor = &by.by.vendor;
    let before = find(app, by, name).await?;
    if changes.is_empty() {
        return Ok(before);
    }
    refuse_own(&before, by, changes)?;
    let hash = match &changes.password {
        None => None,
        Some(password) => {
            let rules = own::rules(app, vendor, name.as_str(), "password");
            Some(app.passwords.hash(app, password, Some(&rules)).await?)
        }
    };
    let now = app.clock.now();
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    let stays = changes.disabled != Some(true)
        && changes
            .groups
            .as_ref()
            .is_none_or(Groups::has_administrators);
    let account = held(&transaction, by, name, stays).await?;
    store::update(&transaction, &account, changes, hash.as_deref(), now).await?;
    follow(app, &transaction, by, &account, changes, now).await?;
    let after = store::by_name(&transaction, vendor.id, name, false).await?;
    transaction.commit().await?;
    after.ok_or(Error::NotFound)
}

/// What proves a user to be one it changes itself, by what it proves now.
fn refuse_own(account: &Account, by: &UserAdmin, changes: &Changes) -> Result<()> {
    if by.user != Some(account.id) {
        return Ok(());
    }
    if changes.password.is_some() {
        return Err(Error::field(
            "password",
            "is yours: change it at /api/user/password",
        ));
    }
    if changes.reset_totp {
        return Err(Error::field(
            "resetTotp",
            "is yours: remove it at /api/user/totp",
        ));
    }
    if changes.reset_tries {
        return Err(Error::field(
            "resetTries",
            "is yours: another administrator resets it",
        ));
    }
    Ok(())
}

/// What a change brings with it: sessions that end, tries that are forgotten, events.
async fn follow(
    app: &App,
    client: &impl GenericClient,
    by: &UserAdmin,
    account: &Account,
    changes: &Changes,
    now: Timestamp,
) -> Result<()> {
    let (vendor, name) = (account.vendor, &account.name);
    let digest = app.keys()?.name_digest(vendor, name.as_str());
    if changes.password.is_some() {
        tries::store::forget(client, vendor, &digest).await?;
    } else if changes.reset_tries {
        tries::store::reset(client, vendor, &digest).await?;
    }
    let mut ended = 0;
    if changes.password.is_some() || changes.disabled == Some(true) {
        ended = sessions::store::end(client, vendor, account.id, Which::All, now).await?;
    }
    let fields = [
        ("groups", changes.groups.is_some()),
        ("password", changes.password.is_some()),
        ("disabled", changes.disabled.is_some()),
        ("totp", changes.reset_totp),
        ("tries", changes.reset_tries),
    ];
    let fields: Vec<&str> = fields
        .iter()
        .filter_map(|(name, is)| is.then_some(*name))
        .collect();
    let event = event::with(about(by, "user.updated", name), "changed", fields);
    let event = event::with(event, "sessionsEnded", ended);
    event.record(client, now).await?;
    if changes.password.is_some() {
        about(by, "user.password_changed", name)
            .record(client, now)
            .await?;
    }
    if changes.reset_totp && account.totp_confirmed_at.is_some() {
        about(by, "user.totp_disabled", name)
            .record(client, now)
            .await?;
    }
    Ok(())
}

/// Removes a user with its sessions and access tokens. The name is free again.
///
/// # Errors
/// [`Error::NotFound`], [`Error::LastAdministrator`].
pub async fn remove(app: &App, by: &UserAdmin, name: &UserName) -> Result<()> {
    let now = app.clock.now();
    let mut client = app.db.of(by.by.vendor.id).await?;
    let transaction = client.transaction().await?;
    let account = held(&transaction, by, name, false).await?;
    store::remove(&transaction, account.vendor, account.id, now).await?;
    let (vendor, id) = (account.vendor, account.id);
    sessions::store::end(&transaction, vendor, id, Which::All, now).await?;
    let digest = app.keys()?.name_digest(vendor, name.as_str());
    tries::store::forget(&transaction, vendor, &digest).await?;
    about(by, "user.removed", name)
        .record(&transaction, now)
        .await?;
    let told = told(id, name);
    outbox::enqueue(&transaction, vendor, MessageType::UserDeleted, &told, now).await?;
    Ok(transaction.commit().await?)
}

/// The user, its row held. Where a user takes an administrator away (`stays` is `false`), another one must be left.
async fn held(
    client: &impl GenericClient,
    by: &UserAdmin,
    name: &UserName,
    stays: bool,
) -> Result<Account> {
    let vendor = by.by.vendor.id;
    let guarded = by.user.is_some() && !stays;
    if guarded {
        // One at a time: two that take each other away would leave nobody.
        store::lock_administrators(client, vendor).await?;
    }
    let account = store::by_name(client, vendor, name, true).await?;
    let account = account.ok_or(Error::NotFound)?;
    let counts = account.is_in(GroupName::ADMINISTRATORS) && account.disabled_at.is_none();
    if guarded && counts && !store::other_administrators(client, vendor, account.id).await? {
        return Err(Error::LastAdministrator);
    }
    Ok(account)
}

fn about<'a>(by: &'a UserAdmin, action: &'static str, user: &UserName) -> Event<'a> {
    let by = &by.by;
    event::about(action, by.vendor.id, user, &by.actor)
}

/// Changes what a vendor demands of its users.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_rules(app: &App, by: &UserAdmin, to: UserRules) -> Result<()> {
    let now = app.clock.now();
    let by = &by.by;
    let mut client = app.db.of(by.vendor.id).await?;
    let transaction = client.transaction().await?;
    store::set_rules(&transaction, by.vendor.id, to, now).await?;
    let event = Event::done("user_rules.updated", Some(by.vendor.id), &by.actor);
    let event = event::with(event, "requireTotp", to.require_totp);
    event.record(&transaction, now).await?;
    Ok(transaction.commit().await?)
}
