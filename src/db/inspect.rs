//! What PostgreSQL says of itself, for `gatehouse doctor`.

use super::migrate::Schema;
use super::{Pool, Result, migrate};

/// What PostgreSQL says of itself.
pub struct Facts {
    /// Its version.
    pub version: String,
    /// `on` where what is written survives a crash of the machine.
    pub fsync: String,
    /// `off` where a commit may be lost in a crash.
    pub synchronous_commit: String,
    /// Whether it only follows another one, and cannot be written to.
    pub standby: bool,
    /// Whether our role may do anything there.
    pub superuser: bool,
    /// Whether the connection is encrypted, or does not leave the machine.
    pub private: bool,
    /// Its clock, Unix milliseconds.
    pub clock: i64,
    /// The schema.
    pub schema: Schema,
}

const STATEMENT: &str = "
    SELECT current_setting('server_version') AS version,
           current_setting('fsync') AS fsync,
           current_setting('synchronous_commit') AS synchronous_commit,
           pg_is_in_recovery() AS standby,
           coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false) AS superuser,
           coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true)
               OR coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS private,
           (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock";

/// Asks PostgreSQL.
///
/// # Errors
/// Where PostgreSQL is out of reach, or our role may not read the history of the schema.
pub async fn inspect(pool: &Pool) -> Result<Facts> {
    let client = pool.get().await?;
    let schema = migrate::schema(&client).await?;
    let row = client.query_one(STATEMENT, &[]).await?;
    Ok(Facts {
        version: row.try_get("version")?,
        fsync: row.try_get("fsync")?,
        synchronous_commit: row.try_get("synchronous_commit")?,
        standby: row.try_get("standby")?,
        superuser: row.try_get("superuser")?,
        private: row.try_get("private")?,
        clock: row.try_get("clock")?,
        schema,
    })
}
