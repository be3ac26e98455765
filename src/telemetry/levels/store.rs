//! The statement by which replicas tell each other.

use serde_json::Value;

use crate::db::{GenericClient, Result};

/// Tells every replica, when the transaction is committed.
///
/// # Errors
/// Where the database does not answer.
pub async fn tell(client: &impl GenericClient, what: &Value) -> Result<()> {
    let payload = what.to_string();
    client
        .execute("SELECT pg_notify($1, $2)", &[&super::CHANNEL, &payload])
        .await?;
    Ok(())
}
