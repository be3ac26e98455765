//! Statements about the keys of access tokens.

use crate::db::{GenericClient, Result};

/// Tells every replica that there is a new version.
///
/// # Errors
/// Where the database does not answer.
pub async fn tell(client: &impl GenericClient) -> Result<()> {
    client
        .execute("SELECT pg_notify($1, '')", &[&super::CHANNEL])
        .await?;
    Ok(())
}
