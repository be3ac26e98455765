//! A vendor's key pairs: two may live at a time, so that a new one is everywhere before the old one ends.
//!
//! The newest pair never ends by itself: it is replaced. The one before it ends when its vendor says, at once where a key
//! leaked. [`uses`] tells whether anybody still shows it.

pub mod http;
pub mod store;
pub mod uses;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::create::new_private_key;
use super::{Vendor, claim, create};
use crate::app::App;
use crate::auth::{VendorAdmin, new_id};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{KeyId, Secret};
use store::Pair;

/// A replica whose memory is older than a second answers nobody: after this all know what was committed.
const KNOWN_EVERYWHERE: Duration = Duration::from_millis(1200);

/// A new pair, shown once.
pub struct Made {
    /// The pair.
    pub pair: Pair,
    /// Its secret.
    pub private: Secret,
}

/// Makes a new pair, and gives the one before it an end. Answers when every replica knows both.
///
/// # Errors
/// [`Error::TwoKeyPairs`] where two live already, or trouble with the database.
pub async fn rotate(app: &App, by: &VendorAdmin, overlap: SignedDuration) -> Result<Made> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let ends = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
    let id = KeyId(new_id());
    let (private, digests) = new_private_key(app, id)?;
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let live = live(store::lock(&transaction, vendor).await?, now);
    let [former] = live.as_slice() else {
        return Err(Error::TwoKeyPairs);
    };
    let generation = former.generation + 1;
    store::insert_key(&transaction, vendor, id, generation, now).await?;
    store::set_private_key(&transaction, vendor, id, &digests, now).await?;
    store::set_end(&transaction, vendor, former.id, Some(ends)).await?;
    let mut event = Event::done("key_pair.made", Some(vendor), &by.actor);
    event.details = json!({ "pair": id, "former": former.id, "formerEndsAt": ends });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    let pair = store::pair(&client, vendor, id).await?;
    drop(client);
    create::reload(app, vendor).await?;
    tokio::time::sleep(KNOWN_EVERYWHERE).await;
    Ok(Made {
        pair: pair.ok_or(Error::NotFound)?,
        private,
    })
}

fn live(mut pairs: Vec<Pair>, now: Timestamp) -> Vec<Pair> {
    pairs.retain(|pair| pair.is_live(now));
    pairs
}

/// Changes the end of the pair before the newest; `None` for none.
///
/// # Errors
/// [`Error::NotFound`], [`Error::LastKeyPair`] for the newest, [`Error::KeyPairEnded`], or trouble with the database.
pub async fn set_end(
    app: &App,
    by: &VendorAdmin,
    id: KeyId,
    ends: Option<Timestamp>,
) -> Result<Pair> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let pairs = store::lock(&transaction, vendor).await?;
    let newest = pairs.iter().map(|pair| pair.generation).max();
    let pair = pairs
        .iter()
        .find(|pair| pair.id == id)
        .ok_or(Error::NotFound)?;
    if Some(pair.generation) == newest {
        return Err(Error::LastKeyPair);
    }
    if !pair.is_live(now) {
        return Err(Error::KeyPairEnded);
    }
    store::set_end(&transaction, vendor, id, ends).await?;
    let mut event = Event::done("key_pair.end_set", Some(vendor), &by.actor);
    event.details = json!({ "pair": id, "endsAt": ends });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    let pair = store::pair(&client, vendor, id).await?;
    drop(client);
    create::reload(app, vendor).await?;
    pair.ok_or(Error::NotFound)
}

/// Another private key for a pair whose private key was never used, as where it was lost on its way.
///
/// # Errors
/// [`Error::NotFound`], [`Error::ClaimUsed`], or trouble with the database.
pub async fn reissue(
    app: &App,
    vendor: &Vendor,
    id: Option<KeyId>,
    actor: &str,
) -> Result<claim::KeyPairView> {
    let now = app.clock.now();
    let key = match id {
        Some(id) => vendor.live_key(id, now),
        None => vendor.current_key(now),
    };
    claim::replace_private_key(app, vendor, key.ok_or(Error::NotFound)?, actor).await
}
