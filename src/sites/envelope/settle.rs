//! Clears up after storing that was begun and never ended: the service died under way, or OpenBao did not say whether it
//! has written.
//!
//! The secret of a site that was never registered is removed. Of one that was to be extended, the record follows what
//! lies in the store: the envelope holds its own end, URL and labels.

use std::sync::Arc;

use super::read::fetch;
use super::{Envelope, store};
use crate::app::App;
use crate::error::{Result, cause_chain};
use crate::events::Event;
use crate::sites::store::{Due, Registration, find, find_for_update, register};
use crate::sites::{State, remove};
use crate::types::ExpiresAt;

/// Settles some.
///
/// # Errors
/// Where the database does not answer.
pub async fn pass(app: &Arc<App>, limit: i64) -> Result<usize> {
    let client = app.db.all().await?;
    let left = store::abandoned(&client, app.clock.now(), limit).await?;
    drop(client);
    for due in &left {
        if let Err(error) = settle(app, due).await {
            let cause = cause_chain(&error);
            tracing::warn!(vendor.id = due.vendor.0, error.cause = %cause, "Half-done storing waits for OpenBao");
        }
    }
    Ok(left.len())
}

async fn settle(app: &Arc<App>, due: &Due) -> Result<()> {
    let (vendor, id) = (due.vendor, &due.secret_id);
    let client = app.db.of(vendor).await?;
    let site = find(&client, vendor, id).await?;
    drop(client);
    let known = app.directory.by_id(vendor);
    let found = match known.filter(|_| site.is_some_and(|site| site.state == State::Registered)) {
        Some(vendor) => fetch(app, &vendor, id).await?,
        None => None,
    };
    let now = app.clock.now();
    let mut client = app.db.of(vendor).await?;
    let transaction = client.transaction().await?;
    let site = find_for_update(&transaction, vendor, id).await?;
    if !store::drop_claim(&transaction, vendor, id, now).await? {
        return Ok(());
    }
    let is_registered = site.is_some_and(|site| site.state == State::Registered);
    let kept = found.and_then(|(fields, _)| Envelope::of(&fields));
    if !is_registered {
        remove::begin(&transaction, vendor, id, remove::REMOVER, now).await?;
    } else if let Some((envelope, ExpiresAt(expires_at))) = kept.and_then(Envelope::with_end) {
        let metadata = serde_json::from_str(&envelope.metadata).ok();
        let registration = Registration {
            secret_id: id,
            site_url: Some(envelope.site_url.as_str()),
            access_key: None,
            delete_key: None,
            metadata: metadata.as_ref(),
            expires_at,
        };
        register(&transaction, vendor, &registration, now).await?;
        let event = Event::done("site.settled", Some(vendor), remove::REMOVER);
        event.about_site(id).record(&transaction, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}
