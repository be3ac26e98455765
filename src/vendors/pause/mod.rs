//! Pause mode: until it ends, look-ups, envelopes and read tokens of a vendor are refused, while sites may still be
//! stored and removed.
//!
//! The vendor or an operator pauses, for as long as they say, and what is in force is replaced. A report of a lockdown
//! pauses where the vendor chose so. Everybody has the public key that such reports are made with, so they never
//! lengthen a pause, and after one that they began they begin no other one for twice its length: by reports, support is
//! paused for half of the time at most, whoever ends a pause early.

pub mod http;
pub mod store;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::create;
use crate::app::App;
use crate::auth::VendorAdmin;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::tokens::Kind;
use crate::tokens::revoke::{self, Doomed, Order};
use crate::types::VendorId;

/// How long whoever pauses waits for OpenBao. What is not revoked then, the task `revoke_tokens` revokes.
const PATIENCE: Duration = Duration::from_secs(3);
/// Tokens that the service itself reads a store with.
const HELD: [Kind; 1] = [Kind::StoreRead];

/// Whether support is paused, and by what it will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its end, which may be over.
    pub until: Option<Timestamp>,
    /// Whether a report of a lockdown pauses too.
    pub on_lockdown: bool,
    /// For how long then.
    pub lockdown_minutes: i32,
}

impl Pause {
    /// The end of the pause in force.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }
}

/// What is to change of what reports of lockdowns do; `None` leaves a field as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    /// Whether they pause.
    pub on_lockdown: Option<bool>,
    /// For how long.
    pub lockdown_minutes: Option<i32>,
}

/// Pauses support until a time, whatever pause was in force.
///
/// # Errors
/// Trouble with the database: then nothing has happened.
pub async fn set(app: &Arc<App>, by: &VendorAdmin, until: Timestamp) -> Result<Pause> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let pause = store::set(&transaction, vendor, Some(until), now).await?;
    let doomed = begin(&transaction, vendor, &by.actor, (until, "asked for"), now).await?;
    transaction.commit().await?;
    drop(client);
    follow(app, vendor, &doomed).await?;
    pause.ok_or(Error::NotFound)
}

/// Ends the pause in force, if there is one.
///
/// # Errors
/// Trouble with the database: then nothing has happened.
pub async fn end(app: &App, by: &VendorAdmin) -> Result<Pause> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let former = store::find_for_update(&transaction, vendor).await?;
    let until = former.and_then(|pause| pause.in_force(now));
    let pause = store::set(&transaction, vendor, None, now).await?;
    if let Some(until) = until {
        let mut event = Event::done("support.resumed", Some(vendor), &by.actor);
        event.details = json!({ "wasUntil": until });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    drop(client);
    create::reload(app, vendor).await?;
    pause.ok_or(Error::NotFound)
}

/// Changes what reports of lockdowns do from now on.
///
/// # Errors
/// Trouble with the database: then nothing has happened.
pub async fn change(app: &App, by: &VendorAdmin, to: &Changes) -> Result<Pause> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let pause = store::change(&transaction, vendor, to, now).await?;
    let pause = pause.ok_or(Error::NotFound)?;
    let mut event = Event::done("support.pause_changed", Some(vendor), &by.actor);
    event.details = json!({
        "pauseOnLockdown": pause.on_lockdown, "lockdownPauseMinutes": pause.lockdown_minutes,
    });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    Ok(pause)
}

/// Pauses support after a report of a lockdown, where the vendor chose so, none is in force, and none was begun like
/// this a while ago; `None` where it is not paused by this report. In the transaction of the report; hand the tokens to
/// [`follow`] after its commit.
///
/// # Errors
/// Where the database does not answer.
pub async fn by_lockdown(
    client: &impl GenericClient,
    vendor: VendorId,
    actor: &str,
    now: Timestamp,
) -> Result<Option<Vec<Doomed>>> {
    let Some(until) = store::set_by_lockdown(client, vendor, now).await? else {
        return Ok(None);
    };
    begin(client, vendor, actor, (until, "lockdown"), now)
        .await
        .map(Some)
}

/// Says that support is paused, and marks the tokens that the service itself reads the store with.
async fn begin(
    client: &impl GenericClient,
    vendor: VendorId,
    actor: &str,
    (until, reason): (Timestamp, &str),
    now: Timestamp,
) -> Result<Vec<Doomed>> {
    let mut event = Event::done("support.paused", Some(vendor), actor);
    event.details = json!({ "until": until, "reason": reason });
    event.record(client, now).await?;
    let order = Order {
        by: actor,
        reason: "support paused",
        at: now,
    };
    Ok(revoke::mark_all(client, vendor, &HELD, &order).await?)
}

/// Makes a pause known here, as every replica hears of it, and ends the tokens that it marked.
///
/// # Errors
/// Where the database does not answer: then the others know of it all the same.
pub async fn follow(app: &App, vendor: VendorId, doomed: &[Doomed]) -> Result<()> {
    create::reload(app, vendor).await?;
    revoke::several(app, doomed, Instant::now() + PATIENCE).await;
    Ok(())
}
