//! What the service's own role may do in the database: work with rows, and own nothing.

use deadpool_postgres::GenericClient;

use super::{Error, Pool, Result};
use crate::types::Secret;

/// One statement each, as PostgreSQL is to quote the name.
const GRANTS: [&str; 5] = [
    "GRANT USAGE ON SCHEMA public TO %I",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I",
    "GRANT EXECUTE ON FUNCTION make_month(text, timestamptz), drop_months(text, timestamptz) TO %I",
    "REVOKE INSERT, UPDATE, DELETE ON refinery_schema_history FROM %I",
];

const ROLE: &str = "
    SELECT r.rolsuper OR r.rolbypassrls AS bypasses,
           EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(r.oid, tableowner, 'MEMBER')) AS owns
    FROM pg_roles r WHERE r.rolname = $1";

/// Gives this role what `gatehouse serve` needs after a migration, and nothing else. It may be repeated.
///
/// # Errors
/// Where there is no such role, or row-level security would not hold it: it is a superuser, has BYPASSRLS, or owns tables.
pub async fn grant(pool: &Pool, role: &str) -> Result<()> {
    let mut client = pool.all().await?;
    let known = client.query_opt(ROLE, &[&role]).await?;
    let known = known.ok_or_else(|| Error::Settings(format!("no role is named {role}")))?;
    for (column, is) in [
        ("bypasses", "is a superuser or has BYPASSRLS"),
        ("owns", "owns tables, or is a member of who does"),
    ] {
        if known.try_get(column)? {
            let says = format!("row-level security would not hold the role {role}: it {is}");
            return Err(Error::Settings(says));
        }
    }
    let transaction = client.transaction().await?;
    for grant in GRANTS {
        run(&transaction, grant, role, "").await?;
    }
    Ok(transaction.commit().await?)
}

/// Makes a role that may log in, where there is none of that name.
///
/// # Errors
/// Where PostgreSQL is out of reach, or our own role may not.
pub async fn make_role(pool: &Pool, role: &str, password: &Secret) -> Result<()> {
    let client = pool.all().await?;
    if client.query_opt(ROLE, &[&role]).await?.is_some() {
        return Ok(());
    }
    let sql = "CREATE ROLE %I LOGIN PASSWORD %L";
    match run(&client, sql, role, password.expose()).await {
        // Somebody else was quicker.
        Err(error) if error.sqlstate() == Some("42710") => Ok(()),
        made => made,
    }
}

/// Runs a statement that takes no parameters, with these two, or as many as it names, quoted by PostgreSQL.
async fn run(client: &impl GenericClient, sql: &str, one: &str, other: &str) -> Result<()> {
    let quoted = "SELECT format($1, $2::text, $3::text) AS sql";
    let quoted = client.query_one(quoted, &[&sql, &one, &other]).await?;
    Ok(client.batch_execute(quoted.try_get("sql")?).await?)
}
