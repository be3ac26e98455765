//! Schema migrations, embedded in the binary.

use super::{Error, Pool, Result};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Any number; the same in every replica.
const LOCK: i64 = 0x6761_7465_0001;

/// Applies what is missing, and gives the names of what was applied. Several replicas may call it at once.
///
/// # Errors
/// Where PostgreSQL is out of reach, a migration fails, or the database was migrated by other files than ours.
pub async fn migrate(pool: &Pool) -> Result<Vec<String>> {
    let mut client = pool.get().await?;
    client
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")
        .await?;
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await?;
    let raw: &mut tokio_postgres::Client = &mut client;
    let report = embedded::migrations::runner().run_async(raw).await;
    client
        .execute("SELECT pg_advisory_unlock($1)", &[&LOCK])
        .await?;
    client
        .batch_execute("RESET statement_timeout; RESET lock_timeout")
        .await?;
    let report = report.map_err(|e| Error::Migration(Box::new(e)))?;
    Ok(report
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect())
}
