//! What PostgreSQL says of itself, for `gatehouse doctor`.

use super::migrate::Schema;
use super::{Pool, Result, migrate};

/// How row-level security stands to our role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is a superuser, or has BYPASSRLS: nothing holds it.
    Bypasses,
    /// It owns tables: it is held, and could take the walls down.
    Owns,
    /// It is held.
    Held,
}

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
    /// Our role.
    pub role: Role,
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
           coalesce((SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user), true) AS bypasses,
           EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema() AND tableowner = current_user) AS owns,
           coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true)
               OR coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS private,
           (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock";

/// Asks PostgreSQL.
///
/// # Errors
/// Where PostgreSQL is out of reach, or our role may not read the history of the schema.
pub async fn inspect(pool: &Pool) -> Result<Facts> {
    let client = pool.all().await?;
    let schema = migrate::schema(&client).await?;
    let row = client.query_one(STATEMENT, &[]).await?;
    Ok(Facts {
        version: row.try_get("version")?,
        fsync: row.try_get("fsync")?,
        synchronous_commit: row.try_get("synchronous_commit")?,
        standby: row.try_get("standby")?,
        role: match (row.try_get("bypasses")?, row.try_get("owns")?) {
            (true, _) => Role::Bypasses,
            (false, true) => Role::Owns,
            (false, false) => Role::Held,
        },
        private: row.try_get("private")?,
        clock: row.try_get("clock")?,
        schema,
    })
}
