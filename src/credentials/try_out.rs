//! Tries a credential that is stored, and puts on record how that went.

use std::sync::Arc;

use serde_json::json;

use super::access::Caller;
use super::models::Credential;
use super::probe::{self, Outcome};
use super::read;
use crate::app::App;
use crate::error::{Error, Result};
use crate::types::CredentialKey;

/// Tries the newest version against the service it is for.
///
/// # Errors
/// [`Error::RateLimited`] where the vendor tries too many, [`Error::NotFound`], [`Error::NotTestable`] for the type
/// `generic`, or trouble with OpenBao or the database.
pub async fn try_out(app: &Arc<App>, by: &Caller, key: &CredentialKey) -> Result<Outcome> {
    app.limits.check_test(by.vendor.id)?;
    let slot = app.probes.take(by.vendor.id);
    let _slot = slot.ok_or(Error::RateLimited { retry_after: 5 })?;
    let (found, openbao) = read::fetch(app, by, key, None).await?;
    let credential = Credential::from_stored(found.value)?;
    let outcome = probe::probe(&app.egress, &credential).await;
    let outcome = outcome.ok_or(Error::NotTestable)?;
    let more = json!({ "ok": outcome.ok, "failed": outcome.failed, "openbaoRequestId": openbao });
    let client = app.db.of(by.vendor.id).await?;
    by.event("credential.tested", key, more)
        .record(&client, app.clock.now())
        .await?;
    Ok(outcome)
}
