//! What clients report of log-ins to their sites: those that failed, and lockdowns after too many. Kept for 30 days, for
//! the vendor to see. Addresses and user agents of whoever tried stand here and nowhere else.

pub mod http;
pub mod store;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::{Site, State, envelope};
use crate::app::App;
use crate::auth::PluginOrVendor;
use crate::db::GenericClient;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::{AttemptId, SecretId, SiteUrl, VendorId};
use crate::vendors::pause;
use crate::webhooks::{MessageType, outbox};

/// What is known of a log-in that failed, or of a lockdown.
pub struct Attempt {
    /// What failed: `login_failed`, `security_check_failed`, or `lockdown`.
    pub code: String,
    /// Of the site, as the client says.
    pub site_url: Option<SiteUrl>,
    /// In the client's words.
    pub reason: Option<String>,
    /// With what it was tried.
    pub user_agent: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// Of the identifier that was shown, a SHA-256.
    pub identifier_hash: Option<String>,
    /// When, by the client's clock.
    pub at: Option<Timestamp>,
}

/// What was reported, and when.
pub struct Reported {
    /// Names it.
    pub id: AttemptId,
    /// When it came.
    pub at: Timestamp,
    /// Of which site, if that is known.
    pub secret_id: Option<SecretId>,
    /// What it says.
    pub attempt: Attempt,
}

/// The code of a lockdown.
pub const LOCKDOWN: &str = "lockdown";

/// Keeps a log-in that failed. It may have failed because the site's access is over, so a site that was removed counts as
/// known for as long as its record is kept.
///
/// # Errors
/// [`Error::NotFound`], or trouble with the database.
pub async fn failed(
    app: &App,
    by: &PluginOrVendor,
    secret_id: SecretId,
    attempt: Attempt,
) -> Result<AttemptId> {
    let (vendor, now) = (by.vendor().id, app.clock.now());
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let site = super::store::find(&transaction, vendor, &secret_id).await?;
    if site.is_none_or(|site| site.state == State::Reserved) {
        return Err(Error::NotFound);
    }
    let reported = Reported::new(Some(secret_id), attempt, now);
    store::insert(&transaction, vendor, &reported).await?;
    let mut event = reported.event("site.login_failed", by);
    event.details["code"] = json!(reported.attempt.code);
    event.record(&transaction, now).await?;
    let about = MessageType::LoginFailed;
    reported.tell(&transaction, vendor, about).await?;
    transaction.commit().await?;
    Ok(reported.id)
}

/// Keeps a lockdown, and pauses support where the vendor chose so. A report that names no registered site is kept and
/// pauses nothing: whoever has the public key could make it.
///
/// # Errors
/// Trouble with the database: then nothing has happened.
pub async fn lockdown(app: &App, by: &PluginOrVendor, attempt: Attempt) -> Result<()> {
    let (vendor, now) = (by.vendor().id, app.clock.now());
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let site = match &attempt.site_url {
        Some(url) => store::site_at(&transaction, vendor, url, now).await?,
        None => None,
    };
    let reported = Reported::new(site, attempt, now);
    store::insert(&transaction, vendor, &reported).await?;
    let event = reported.event("site.lockdown_reported", by);
    event.record(&transaction, now).await?;
    let mut paused = None;
    if reported.secret_id.is_some() {
        let about = MessageType::LockdownReported;
        reported.tell(&transaction, vendor, about).await?;
        paused = pause::by_lockdown(&transaction, vendor, by.actor(), now).await?;
    }
    transaction.commit().await?;
    drop(client);
    if let Some(doomed) = paused {
        pause::follow(app, vendor, &doomed).await?;
    }
    Ok(())
}

impl Reported {
    fn new(secret_id: Option<SecretId>, attempt: Attempt, now: Timestamp) -> Self {
        Self {
            id: AttemptId::new(now),
            at: now,
            secret_id,
            attempt,
        }
    }

    fn event(&self, action: &'static str, by: &PluginOrVendor) -> Event<'_> {
        let mut event = Event::done(action, Some(by.vendor().id), by.actor());
        event.secret_id = self.secret_id.as_ref();
        event.details = json!({ "attempt": self.id });
        event
    }

    /// Tells the vendor's webhooks, where the site is known.
    async fn tell(
        &self,
        client: &impl GenericClient,
        vendor: VendorId,
        about: MessageType,
    ) -> Result<()> {
        let Some(site) = &self.secret_id else {
            return Ok(());
        };
        let url = self.attempt.site_url.as_ref().map(SiteUrl::as_str);
        let mut data = super::told(vendor, site, url);
        data["attempt"] = json!(self.id);
        data["code"] = json!(self.attempt.code);
        Ok(outbox::enqueue(client, vendor, about, &data, self.at).await?)
    }
}

/// Whether somebody may log in to a site still: it is registered, and its time is not over.
///
/// # Errors
/// [`Error::NotFound`], [`Error::SiteExpired`], or trouble with the database.
pub async fn verify(app: &Arc<App>, by: &PluginOrVendor, secret_id: &SecretId) -> Result<Site> {
    let (vendor, now) = (by.vendor(), app.clock.now());
    let site = envelope::live(app, vendor, secret_id).await?;
    let client = app.db.of(vendor.id).await?;
    let event = Event::done("site.login_verified", Some(vendor.id), by.actor());
    event.about_site(secret_id).record(&client, now).await?;
    Ok(site)
}
