//! Reads an envelope for somebody who may.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::{ACTOR, Envelope};
use crate::app::App;
use crate::error::{Error, Result};
use crate::sites::{Site, State, remove, store};
use crate::tokens::{Grant, Kind};
use crate::types::SecretId;
use crate::vault::kv;
use crate::vendors::Vendor;

/// A site that is registered a moment before its envelope is written is no ruin.
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// An envelope that was read.
pub struct Opened {
    /// The envelope.
    pub envelope: Envelope,
    /// OpenBao's id of the call.
    pub request_id: String,
    /// Of which of the sites that had this id.
    pub generation: i64,
}

/// Reads a site's envelope. One whose time is over, or that is gone from OpenBao, is removed with its site. Put it on
/// record before it is answered.
///
/// # Errors
/// [`Error::NotFound`], [`Error::SiteExpired`], or trouble with OpenBao or the database.
pub async fn read(app: &Arc<App>, vendor: &Arc<Vendor>, id: &SecretId) -> Result<Opened> {
    let site = live(app, vendor, id).await?;
    if let Some((fields, request_id)) = fetch(app, vendor, id).await? {
        // What a plugin of 2019 wrote itself is no envelope, and stays.
        let envelope = Envelope::of(&fields).ok_or(Error::NotFound)?;
        return Ok(Opened {
            envelope,
            request_id,
            generation: site.generation,
        });
    }
    let registered = site.registered_at.unwrap_or_default();
    if app.clock.now().duration_since(registered) > FRESH {
        remove::remove_aside(app, vendor, id, ACTOR).await?;
    }
    Err(Error::SiteExpired)
}

/// What lies in the store for a site, and OpenBao's id of the call; `None` where nothing does.
pub(super) async fn fetch(
    app: &Arc<App>,
    vendor: &Arc<Vendor>,
    id: &SecretId,
) -> Result<Option<(Map<String, Value>, String)>> {
    let grant = Grant::new(vendor, Kind::StoreRead, ACTOR);
    let namespace = &vendor.namespace;
    let read = app.brokered.call(app, &grant, |handle| async move {
        kv::read_site(&handle, namespace, id).await
    });
    read.await
}

/// A site that is registered and has not expired.
///
/// # Errors
/// As [`read`].
pub async fn live(app: &Arc<App>, vendor: &Arc<Vendor>, id: &SecretId) -> Result<Site> {
    let client = app.db.of(vendor.id).await?;
    let site = store::find(&client, vendor.id, id).await?;
    drop(client);
    let site = site.ok_or(Error::NotFound)?;
    // Read after the row: one that was ended for its time just now is over by this clock too.
    let now = app.clock.now();
    let is_over = site.expires_at.is_some_and(|at| at <= now);
    match site.state {
        State::Registered if is_over => {
            remove::expire(app, vendor, id).await?;
            Err(Error::SiteExpired)
        }
        State::Registered => Ok(site),
        // For as long as its record is kept.
        State::Removing | State::Removed if is_over => Err(Error::SiteExpired),
        State::Reserved | State::Removing | State::Removed => Err(Error::NotFound),
    }
}
