//! Notes where a vendor's Connector answers.

use serde_json::json;

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::types::ApiEndpoint;
use crate::vendors::Vendor;

/// Notes where a vendor's Connector answers: the URL of a body's field. One that is named again is asked for its key
/// again, however short ago that failed.
///
/// # Errors
/// An endpoint that may not be asked, or trouble with the database.
pub async fn register(
    app: &App,
    vendor: &Vendor,
    actor: &str,
    (field, endpoint): (&'static str, &str),
) -> Result<()> {
    let endpoint =
        ApiEndpoint::try_from(endpoint).map_err(|e| Error::field(field, e.to_string()))?;
    let kept = app.egress.may_keep(endpoint.as_url()).await;
    kept.map_err(|error| Error::field(field, error.rule()))?;
    let now = app.clock.now();
    let mut client = app.db.of(vendor.id).await?;
    let transaction = client.transaction().await?;
    let former = store::endpoint_locked(&transaction, vendor.id).await?;
    if former.as_deref() != Some(endpoint.as_str()) {
        store::set_endpoint(&transaction, vendor.id, &endpoint, now).await?;
        let mut event = Event::done("connector.endpoint_changed", Some(vendor.id), actor);
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
