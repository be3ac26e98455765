//! Statements that hold the ledger against OpenBao.

use jiff::Timestamp;

use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, VendorId};

/// Which of `accessors` may live by the record, of any vendor: those that are on it, and were not revoked before `revoked_since`.
///
/// # Errors
/// Where the database does not answer.
pub async fn known_accessors(
    client: &impl GenericClient,
    accessors: &[String],
    revoked_since: Timestamp,
) -> Result<Vec<String>> {
    let rows = client
        .query(
            "SELECT accessor FROM issuances WHERE accessor = ANY($1) AND (revoked_at IS NULL OR revoked_at >= $2)",
            &[&accessors, &revoked_since],
        )
        .await?;
    rows.iter()
        .map(|row| Ok(row.try_get("accessor")?))
        .collect()
}

/// A token that lives by the record.
pub struct Living {
    /// Its row.
    pub id: IssuanceId,
    /// Whose.
    pub vendor: VendorId,
    /// Names it in OpenBao.
    pub accessor: String,
    /// The end of its longest life.
    pub max_expires_at: Timestamp,
    /// Whether it is good for a number of calls, after which OpenBao forgets it.
    pub is_counted: bool,
}

/// Tokens that live by the record, of any vendor, in the order of their ends and beyond `after`: issued before
/// `issued_before`, not at the end of the life that was recorded, and nobody asked for their end.
///
/// # Errors
/// Where the database does not answer.
pub async fn living(
    client: &impl GenericClient,
    now: Timestamp,
    issued_before: Timestamp,
    after: (Timestamp, IssuanceId),
    limit: i64,
) -> Result<Vec<Living>> {
    let sql = "SELECT id, vendor_id, accessor, max_expires_at, uses IS NOT NULL AS is_counted FROM issuances \
               WHERE (max_expires_at, id) > ($3, $4) AND expires_at > $1 AND issued_at < $2 AND revoked_at IS NULL \
               AND revoke_asked_at IS NULL ORDER BY max_expires_at, id LIMIT $5";
    let rows = client
        .query(sql, &[&now, &issued_before, &after.0, &after.1.0, &limit])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Living {
                id: IssuanceId(row.try_get("id")?),
                vendor: VendorId(row.try_get("vendor_id")?),
                accessor: row.try_get("accessor")?,
                max_expires_at: row.try_get("max_expires_at")?,
                is_counted: row.try_get("is_counted")?,
            })
        })
        .collect()
}

/// Ends a row whose token OpenBao knows no more, by whom and for what reason. `false` where somebody asked for its end meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_lost(
    client: &impl GenericClient,
    token: &Living,
    (actor, reason): (&str, &str),
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE issuances SET revoked_at = $3, revoke_reason = $5, revoke_actor = $4 \
               WHERE vendor_id = $1 AND id = $2 AND revoked_at IS NULL AND revoke_asked_at IS NULL";
    let marked = client
        .execute(sql, &[&token.vendor.0, &token.id.0, &now, &actor, &reason])
        .await?;
    Ok(marked == 1)
}
