//! Access tokens that end before their time (RFC 7009): one, or all of a vendor.

pub mod http;
pub mod store;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::claims::AccessToken;
use super::signed;
use crate::app::App;
use crate::auth::{Client, VendorAdmin};
use crate::error::Result;
use crate::events::Event;
use crate::types::VendorId;
use store::Revoked;

/// Where replicas hear of a token that was revoked.
pub const CHANNEL: &str = "gatehouse_revoked_tokens";
/// How long one is remembered after its own end: replicas' clocks may be apart.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(300);

/// The tokens that were revoked, in memory. Those whose own end has come are left out in the end.
#[derive(Default)]
pub struct RevokedTokens(RwLock<HashMap<(VendorId, Uuid), Timestamp>>);

impl RevokedTokens {
    /// Whether it was.
    #[must_use]
    pub fn has(&self, vendor: VendorId, jti: Uuid) -> bool {
        let tokens = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tokens.contains_key(&(vendor, jti))
    }

    /// Adds some.
    pub fn add(&self, revoked: impl IntoIterator<Item = Revoked>) {
        let mut tokens = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let pairs = revoked.into_iter();
        tokens.extend(pairs.map(|one| ((one.vendor, one.jti), one.expires_at)));
    }

    /// Forgets those that are over.
    pub fn tidy(&self, now: Timestamp) {
        let mut tokens = self.0.write().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, expires_at| after(*expires_at) > now);
    }
}

fn after(expires_at: Timestamp) -> Timestamp {
    expires_at.checked_add(REMEMBERED).unwrap_or(Timestamp::MAX)
}

impl Revoked {
    /// From the text of a notification: vendor, name and end, with blanks between them.
    #[must_use]
    pub fn told(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut part = || parts.next();
        Some(Self {
            vendor: VendorId(part()?.parse().ok()?),
            jti: part()?.parse().ok()?,
            expires_at: Timestamp::from_second(part()?.parse().ok()?).ok()?,
        })
    }
}

/// Who asks for the end of a token.
pub enum Revoker {
    /// A client that showed what it logs in with.
    Client(Box<Client>),
    /// Whoever holds the token itself.
    Holder,
}

/// Revokes a token, where it is one of ours and its client's own. Nobody is told whether it was (RFC 7009, 2.2).
///
/// # Errors
/// Where the database does not answer.
pub async fn revoke(app: &Arc<App>, token: &AccessToken, by: &Revoker) -> Result<()> {
    let actor = match by {
        Revoker::Client(client) => {
            if client.vendor.id != token.vendor || client.id() != token.client_id {
                return Ok(());
            }
            client.actor()
        }
        Revoker::Holder => token.actor(),
    };
    let now = app.clock.now();
    let revoked = Revoked {
        vendor: token.vendor,
        jti: token.jti,
        expires_at: token.expires_at,
    };
    let mut client = app.db.of(token.vendor).await?;
    let transaction = client.transaction().await?;
    if !store::insert(&transaction, token.vendor, &revoked, now).await? {
        return Ok(());
    }
    let mut event = Event::done("access_token.revoked", Some(token.vendor), &actor);
    event.details = json!({ "jti": token.jti, "clientId": token.client_id });
    event.record(&transaction, now).await?;
    transaction.commit().await?;
    metrics::counter!("gatehouse_access_tokens_revoked_total").increment(1);
    app.directory.revoked.add([revoked]);
    Ok(())
}

/// Ends all access tokens of a vendor that were made so far: its own, its workers' and its users'.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_all(app: &App, by: &VendorAdmin) -> Result<()> {
    let (now, vendor) = (app.clock.now(), by.vendor.id);
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    store::end_all(&transaction, vendor).await?;
    Event::done("access_tokens.ended", Some(vendor), &by.actor)
        .record(&transaction, now)
        .await?;
    transaction.commit().await?;
    app.directory.reload(&client, vendor).await?;
    Ok(())
}

/// Forgets what matters no more, of vendors' own tokens too, and gives how many rows that were.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(app: &App) -> crate::db::Result<u64> {
    let client = app.db.all().await?;
    let now = app.clock.now();
    let before = now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let spent = signed::store::purge(&client, now).await?;
    Ok(spent + store::purge(&client, before).await?)
}
