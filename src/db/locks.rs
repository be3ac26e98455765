//! Advisory locks: one replica at a time does a named piece of work.

use super::{Pool, Result};

/// Takes the lock of that name and runs `work` under it; `None` where another replica holds it. The lock ends with the
/// connection, so a replica that dies leaves none behind. It takes one connection of the pool meanwhile.
///
/// # Errors
/// Where PostgreSQL is out of reach.
pub async fn try_lock<T>(
    pool: &Pool,
    name: &str,
    work: impl Future<Output = T>,
) -> Result<Option<T>> {
    let client = pool.all().await?;
    let row = client
        .query_one(
            "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken",
            &[&name],
        )
        .await?;
    if !row.try_get::<_, bool>("taken")? {
        return Ok(None);
    }
    let done = work.await;
    let unlocked = client
        .execute(
            "SELECT pg_advisory_unlock(hashtextextended($1, 0))",
            &[&name],
        )
        .await;
    if unlocked.is_err() {
        // A connection that could not unlock must not go back into the pool with the lock.
        drop(deadpool_postgres::Object::take(client));
    }
    Ok(Some(done))
}
