//! A vendor is suspended, resumed, cancelled: by the billing system ([`super::signup`]) or by an operator ([`http`]).
//!
//! Each is one transaction that holds the vendor's row. The ledger records no token while it is held, so a mint in flight
//! comes before and is found here, or after and is refused. Who is suspended is refused everywhere but in removals, its
//! live tokens are marked and revoked, its lockbox is locked. Who is cancelled stays so; what is left of it goes by
//! [`super::cancel`].

pub mod http;
pub mod store;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::{Status, account, cancel, create};
use crate::app::App;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::lockbox;
use crate::tokens::Kind;
use crate::tokens::revoke::{self, Doomed, Order};
use crate::types::VendorId;
use crate::webhooks::MessageType;

/// How long whoever suspends waits for OpenBao. What is not revoked then, the task `revoke_tokens` revokes.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is to be done behind the commit.
pub struct Follow {
    vendor: VendorId,
    doomed: Vec<Doomed>,
    lockbox: Option<i64>,
}

/// By whom, and when.
#[derive(Clone, Copy)]
pub struct By<'a> {
    /// As the events name the caller.
    pub actor: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// Brings a vendor whose row is held to a status. `None` where it is so already, or was cancelled, which nothing undoes.
/// Hand what is to follow to [`follow`] after the commit.
///
/// # Errors
/// Where the database does not answer.
pub async fn change(
    app: &App,
    client: &impl GenericClient,
    vendor: VendorId,
    (from, to): (Status, Status),
    by: By<'_>,
) -> Result<Option<Follow>> {
    if from == to || from == Status::Cancelled {
        return Ok(None);
    }
    store::set_status(client, vendor, to, by.at).await?;
    let follow = match to {
        Status::Active => Follow {
            vendor,
            doomed: Vec::new(),
            lockbox: None,
        },
        // A token that deletes a site's secret is left to its one use: removal goes on.
        Status::Suspended => {
            let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Delete);
            let kinds: Vec<Kind> = kinds.collect();
            shut(app, client, vendor, (&kinds, "vendor suspended"), by).await?
        }
        Status::Cancelled => end(app, client, vendor, by).await?,
    };
    let action = match to {
        Status::Active => "vendor.resumed",
        Status::Suspended => "vendor.suspended",
        Status::Cancelled => "vendor.cancelled",
    };
    Event::done(action, Some(vendor), by.actor)
        .record(client, by.at)
        .await?;
    Ok(Some(follow))
}

/// Marks the live tokens of some kinds, and locks the lockbox.
async fn shut(
    app: &App,
    client: &impl GenericClient,
    vendor: VendorId,
    (kinds, reason): (&[Kind], &str),
    by: By<'_>,
) -> Result<Follow> {
    let order = Order {
        by: by.actor,
        reason,
        at: by.at,
    };
    let doomed = revoke::mark_all(client, vendor, kinds, &order).await?;
    let locked = lockbox::store::lock(client, vendor, app.lockboxes.replica).await?;
    if locked.is_some() {
        let mut event = Event::done("lockbox.locked", Some(vendor), by.actor);
        event.details = json!({ "reason": reason });
        event.record(client, by.at).await?;
    }
    Ok(Follow {
        vendor,
        doomed,
        lockbox: locked.map(|locked| locked.epoch - 1),
    })
}

/// The transaction that cancels: from its commit on nothing of the vendor works, the job of [`cancel`] is on record, and the
/// platform hears of it.
async fn end(
    app: &App,
    client: &impl GenericClient,
    vendor: VendorId,
    by: By<'_>,
) -> Result<Follow> {
    let follow = shut(app, client, vendor, (&Kind::ALL, "vendor cancelled"), by).await?;
    store::strip(client, vendor, by.at).await?;
    let tokens = revoke::store::count_marked(client, vendor, by.at).await?;
    cancel::store::begin(client, vendor, tokens, by.at).await?;
    let about = MessageType::AccountCancelled;
    account::tell(client, vendor, about, by.at).await?;
    Ok(follow)
}

/// Keeps a vendor active until the transaction ends, for what must not outlive a suspension that comes meanwhile.
///
/// # Errors
/// [`Error::VendorSuspended`] or [`Error::VendorCancelled`] where it is active no more.
pub async fn keep_active(client: &impl GenericClient, vendor: VendorId) -> Result<()> {
    let status = store::keep_status(client, vendor).await?;
    status.ok_or(Error::NotFound)?.refuse_inactive()
}

/// Makes a change known here, as every replica hears of it, and ends the tokens that it marked.
///
/// # Errors
/// Where the database does not answer: then the others know of it all the same.
pub async fn follow(app: &App, follow: Follow) -> Result<()> {
    if let Some(epoch) = follow.lockbox {
        app.lockboxes.forget(follow.vendor, epoch);
    }
    create::reload(app, follow.vendor).await?;
    revoke::several(app, &follow.doomed, Instant::now() + PATIENCE).await;
    Ok(())
}

/// An operator brings a vendor to a status. The word counts from now on: one of the billing system's that is older does
/// not undo it.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::VendorCancelled`] for one that was cancelled, where it is to be anything else; trouble with
/// the database: then nothing has happened.
pub async fn by_operator(app: &Arc<App>, vendor: VendorId, to: Status, actor: &str) -> Result<()> {
    let at = app.clock.now();
    // Platform webhooks are told too.
    let mut client = app.db.all().await?;
    let transaction = client.transaction().await?;
    let held = store::hold(&transaction, vendor).await?;
    let mut held = held.ok_or(Error::NotFound)?;
    match (held.status, to) {
        // Where its status was set past the service, the job is begun all the same.
        (Status::Cancelled, Status::Cancelled) => {
            cancel::store::begin(&transaction, vendor, 0, at).await?;
        }
        (Status::Cancelled, _) => return Err(Error::VendorCancelled),
        _ => {
            held.told.take_operators(at);
            store::note_told(&transaction, vendor, &held).await?;
        }
    }
    let by = By { actor, at };
    let changed = change(app, &transaction, vendor, (held.status, to), by).await?;
    transaction.commit().await?;
    drop(client);
    match changed {
        Some(changed) => follow(app, changed).await,
        None => Ok(()),
    }
}
