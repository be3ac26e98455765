//! Notes where a vendor's Connector answers.

use std::sync::Arc;

use serde_json::json;

use super::store;
use crate::app::App;
use crate::auth::VendorCaller;
use crate::egress::EgressError;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::ApiEndpoint;

/// As bodies name it.
const FIELD: &str = "api_endpoint";

/// Notes the endpoint that a Connector names as its own. One that is named again is asked for its key again, however
/// short ago that failed.
///
/// # Errors
/// An endpoint that may not be asked, or trouble with the database.
pub async fn register(app: &Arc<App>, by: &VendorCaller, endpoint: &str) -> Result<()> {
    let vendor = &by.vendor;
    let endpoint =
        ApiEndpoint::try_from(endpoint).map_err(|e| Error::field(FIELD, e.to_string()))?;
    check(app, &endpoint).await?;
    let now = app.clock.now();
    let mut client = app.db.get().await?;
    let transaction = client.transaction().await?;
    let former = store::endpoint_locked(&transaction, vendor.id).await?;
    if former.as_deref() != Some(endpoint.as_str()) {
        store::set_endpoint(&transaction, vendor.id, &endpoint, now).await?;
        let mut event = Event::done("connector.endpoint_changed", Some(vendor.id), "vendor");
        let former = former.and_then(|url| ApiEndpoint::try_from(url.as_str()).ok());
        event.details = json!({
            "endpoint": endpoint.without_query(),
            "former": former.map(|former| former.without_query()),
        });
        event.record(&transaction, now).await?;
    }
    transaction.commit().await?;
    app.directory.reload(&client, vendor.id).await?;
    app.connectors.forget(vendor.id).await;
    Ok(())
}

/// Whether the endpoint may be asked. A name that is not found yet may be found later; each time it is asked it is
/// looked at again.
async fn check(app: &App, endpoint: &ApiEndpoint) -> Result<()> {
    let refused = |detail: &str| Error::field(FIELD, detail);
    let no_host = || refused("must name a host");
    let (host, port) = endpoint.host_and_port().ok_or_else(no_host)?;
    match app.egress.resolve(host, port).await {
        Ok(addresses) if app.egress.are_inside(&addresses) => Ok(()),
        Err(EgressError::AddressRefused) => {
            Err(refused("must name a host with public addresses only"))
        }
        _ => endpoint
            .check_outside()
            .map_err(|e| refused(&e.to_string())),
    }
}
