//! Schema migrations, embedded in the binary.

use deadpool_postgres::GenericClient;

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
    let mut client = pool.all().await?;
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

/// How the database's schema stands to this program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// As this program makes it, at this version.
    Equal(i64),
    /// Older: its version, 0 for an empty database, and ours.
    Older(i64, i64),
    /// Newer: its version, and ours.
    Newer(i64, i64),
    /// Made by another file than ours, first at this version.
    Other(i64),
}

/// Compares the migrations that were applied with those in the program.
pub(super) async fn schema(client: &impl GenericClient) -> Result<Schema> {
    let known = client
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL AS known",
            &[],
        )
        .await?;
    let mut applied: Vec<(i64, String)> = Vec::new();
    if known.try_get("known")? {
        let rows = client
            .query(
                "SELECT version::bigint AS version, checksum FROM refinery_schema_history ORDER BY version",
                &[],
            )
            .await?;
        for row in rows {
            applied.push((row.try_get("version")?, row.try_get("checksum")?));
        }
    }
    let runner = embedded::migrations::runner();
    let mut ours: Vec<(i64, String)> = runner
        .get_migrations()
        .iter()
        .map(|migration| {
            (
                i64::from(migration.version()),
                migration.checksum().to_string(),
            )
        })
        .collect();
    ours.sort_unstable();
    Ok(compare(&applied, &ours))
}

fn compare(applied: &[(i64, String)], ours: &[(i64, String)]) -> Schema {
    let last = |list: &[(i64, String)]| list.last().map_or(0, |(version, _)| *version);
    let (is, wanted) = (last(applied), last(ours));
    let strange = applied
        .iter()
        .find(|one| one.0 <= wanted && !ours.contains(one));
    let lacking = ours.iter().any(|one| !applied.contains(one));
    match strange {
        Some((version, _)) => Schema::Other(*version),
        None if is > wanted => Schema::Newer(is, wanted),
        None if lacking => Schema::Older(is, wanted),
        None => Schema::Equal(is),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_is_compared_version_by_version() {
        let list = |versions: &[(i64, &str)]| -> Vec<(i64, String)> {
            versions
                .iter()
                .map(|(version, sum)| (*version, (*sum).to_owned()))
                .collect()
        };
        let ours = list(&[(1, "a"), (2, "b")]);
        let against = |applied: &[(i64, &str)]| compare(&list(applied), &ours);
        assert_eq!(against(&[]), Schema::Older(0, 2));
        assert_eq!(against(&[(1, "a")]), Schema::Older(1, 2));
        assert_eq!(against(&[(1, "a"), (2, "b")]), Schema::Equal(2));
        assert_eq!(
            against(&[(1, "a"), (2, "b"), (3, "c")]),
            Schema::Newer(3, 2)
        );
        assert_eq!(against(&[(1, "x"), (2, "b")]), Schema::Other(1));
    }
}
