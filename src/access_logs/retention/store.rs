//! Statements that make room. Names of tables are ours, never a caller's.

use jiff::Timestamp;
use uuid::Uuid;

use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// Makes the month that is so many months ahead; `false` where it is there, or the rest holds much of it.
///
/// # Errors
/// Where the database does not answer.
pub async fn make_month(
    client: &impl GenericClient,
    table: &str,
    now: Timestamp,
    ahead: i32,
) -> Result<bool> {
    let sql = "SELECT make_month($1, $2::timestamptz + make_interval(months => $3::int)) AS made";
    let row = client.query_one(sql, &[&table, &now, &ahead]).await?;
    Ok(row.try_get("made")?)
}

/// Lets this transaction change what tables there are, but not wait long for it: whoever comes after waits behind it.
///
/// # Errors
/// Where the database does not answer.
pub async fn allow_changes(client: &impl GenericClient) -> Result<()> {
    let sql = "SELECT set_config('gatehouse.retention', 'on', true), set_config('lock_timeout', '200ms', true), \
               set_config('statement_timeout', '10s', true)";
    client.query_one(sql, &[]).await?;
    Ok(())
}

/// The ends of the oldest and of the newest month that ended before a time, and before now by the database's clock;
/// `None` where there is none to drop.
///
/// # Errors
/// Where the database does not answer.
pub async fn ends_of_months(
    client: &impl GenericClient,
    table: &str,
    before: Timestamp,
) -> Result<Option<(Timestamp, Timestamp)>> {
    let sql = "SELECT (to_date(min(month), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' AS oldest, \
               (to_date(max(month), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' AS newest \
               FROM (SELECT right(c.relname, 7) COLLATE \"C\" AS month \
                     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass \
                     AND c.relname ~ ('^' || $1 || '_\\d{4}_\\d{2}$')) AS months \
               WHERE month < to_char(least($2::timestamptz, now()) AT TIME ZONE 'UTC', 'YYYY_MM')";
    let row = client.query_one(sql, &[&table, &before]).await?;
    let (oldest, newest): (Option<_>, Option<_>) = (row.try_get("oldest")?, row.try_get("newest")?);
    Ok(oldest.zip(newest))
}

/// Drops the months that ended before a time, and gives their names.
///
/// # Errors
/// Where the database does not answer.
pub async fn drop_months(
    client: &impl GenericClient,
    table: &str,
    before: Timestamp,
) -> Result<Vec<String>> {
    let row = client
        .query_one("SELECT drop_months($1, $2) AS dropped", &[&table, &before])
        .await?;
    Ok(row.try_get("dropped")?)
}

/// All vendors, with how long each one's log is kept where it has a time of its own.
///
/// # Errors
/// Where the database does not answer.
pub async fn vendors(client: &impl GenericClient) -> Result<Vec<(VendorId, Option<i32>)>> {
    let sql = "SELECT id, log_retention_days FROM vendors ORDER BY id";
    let rows = client.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok((
                VendorId(row.try_get("id")?),
                row.try_get("log_retention_days")?,
            ))
        })
        .collect()
}

/// Lets this transaction delete from tables that are only added to.
///
/// # Errors
/// Where the database does not answer.
pub async fn allow_deletes(client: &impl GenericClient) -> Result<()> {
    client
        .query_one("SELECT set_config('gatehouse.retention', 'on', true)", &[])
        .await?;
    Ok(())
}

/// Whose rows: a vendor's, or nobody's, each as an index has them.
fn of(vendor: Option<VendorId>) -> &'static str {
    match vendor {
        Some(_) => "vendor_id = $1",
        None => "vendor_id IS NULL AND $1::bigint IS NULL",
    }
}

/// Whether there are rows before a time.
///
/// # Errors
/// Where the database does not answer.
pub async fn has_rows(
    client: &impl GenericClient,
    table: &str,
    vendor: Option<VendorId>,
    before: Timestamp,
) -> Result<bool> {
    let sql = format!(
        "SELECT 1 FROM {table} WHERE {} AND at < $2 ORDER BY at, id LIMIT 1",
        of(vendor)
    );
    let vendor = vendor.map(|id| id.0);
    Ok(client.query_opt(&sql, &[&vendor, &before]).await?.is_some())
}

/// The last row of the next batch of rows before a time; `None` where fewer are left.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_of_batch(
    client: &impl GenericClient,
    table: &str,
    vendor: Option<VendorId>,
    before: Timestamp,
    batch: i64,
) -> Result<Option<(Timestamp, i64)>> {
    let sql = format!(
        "SELECT at, id FROM {table} WHERE {} AND at < $2 ORDER BY at, id OFFSET $3 LIMIT 1",
        of(vendor)
    );
    let vendor = vendor.map(|id| id.0);
    let row = client
        .query_opt(&sql, &[&vendor, &before, &(batch - 1)])
        .await?;
    row.map(|row| Ok((row.try_get("at")?, row.try_get("id")?)))
        .transpose()
}

/// Deletes rows before a time, up to the end of a batch.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete_rows(
    client: &impl GenericClient,
    table: &str,
    vendor: Option<VendorId>,
    before: Timestamp,
    end: Option<(Timestamp, i64)>,
) -> Result<u64> {
    let of = of(vendor);
    let vendor = vendor.map(|id| id.0);
    let Some((at, id)) = end else {
        let sql = format!("DELETE FROM {table} WHERE {of} AND at < $2");
        return Ok(client.execute(&sql, &[&vendor, &before]).await?);
    };
    let sql =
        format!("DELETE FROM {table} WHERE {of} AND at < $2 AND at <= $3 AND (at, id) <= ($3, $4)");
    Ok(client.execute(&sql, &[&vendor, &before, &at, &id]).await?)
}

/// Deletes a batch of a vendor's issuances of before `issued` that ended before `ended`, but none that is still to be
/// revoked. What they touched goes with them.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete_issuances(
    client: &impl GenericClient,
    vendor: VendorId,
    issued: Timestamp,
    ended: Timestamp,
    batch: i64,
) -> Result<u64> {
    let sql = "DELETE FROM issuances WHERE vendor_id = $1 AND id IN ( \
                   SELECT id FROM issuances WHERE vendor_id = $1 AND id < $2 AND max_expires_at < $3 \
                   AND (revoke_asked_at IS NULL OR revoked_at IS NOT NULL) ORDER BY id LIMIT $4)";
    let first = first_id_of(issued);
    Ok(client
        .execute(sql, &[&vendor.0, &first, &ended, &batch])
        .await?)
}

/// The smallest id that is made from a time on: ids begin with their milliseconds.
fn first_id_of(moment: Timestamp) -> Uuid {
    let ms = u64::try_from(moment.as_millisecond()).unwrap_or(0);
    Uuid::from_u128(u128::from(ms) << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_of_their_times() {
        let now = Timestamp::now();
        let id = Uuid::now_v7();
        let second = jiff::SignedDuration::from_secs(1);
        let before = now.checked_sub(second).map(first_id_of);
        let after = now.checked_add(second).map(first_id_of);
        assert!(before.is_ok_and(|b| b < id) && after.is_ok_and(|a| a > id));
    }
}
