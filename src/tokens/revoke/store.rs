//! Statements that mark tokens for revocation, and note what became of them.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use super::Order;
use crate::db::{GenericClient, Result};
use crate::tokens::Kind;
use crate::types::{CredentialId, IssuanceId, SecretId, VendorId, WorkerId};

/// A token that is to die.
#[derive(Clone, Debug)]
pub struct Doomed {
    /// Its row.
    pub id: IssuanceId,
    /// Whose.
    pub vendor: VendorId,
    /// Names it in OpenBao.
    pub accessor: String,
}

pub(in crate::tokens) fn doomed(row: &Row) -> Result<Doomed> {
    Ok(Doomed {
        id: IssuanceId(row.try_get("id")?),
        vendor: VendorId(row.try_get("vendor_id")?),
        accessor: row.try_get("accessor")?,
    })
}

/// The order, as `$2` (when), `$3` (why) and `$4` (who): the first that was given stays.
const MARK: &str = "UPDATE issuances SET revoke_asked_at = coalesce(revoke_asked_at, $2), \
                    revoke_after = coalesce(revoke_after, $2), revoke_reason = coalesce(revoke_reason, $3), \
                    revoke_actor = CASE WHEN revoke_asked_at IS NULL THEN $4 ELSE revoke_actor END";
const MARKED: &str = "RETURNING id, vendor_id, accessor";
/// From the making of a row's id to the beginning of its token's life, generously.
const MINTING: SignedDuration = SignedDuration::from_mins(5);

/// Marks the live write tokens of a site for revocation that were recorded before `newest`.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_superseded(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    newest: IssuanceId,
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "{MARK} WHERE vendor_id = $1 AND secret_id = $5 AND kind = 'write_site' \
         AND seq < (SELECT seq FROM issuances WHERE vendor_id = $1 AND id = $6) \
         AND revoked_at IS NULL AND revoke_asked_at IS NULL AND max_expires_at > $2 {MARKED}"
    );
    let Order { by, reason, at } = order;
    let secret_id = secret_id.as_str();
    let rows = client
        .query(&sql, &[&vendor.0, at, reason, by, &secret_id, &newest.0])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks the live write tokens of a site for revocation, but for one that is kept.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_given_back(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    kept: Option<IssuanceId>,
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "{MARK} WHERE vendor_id = $1 AND secret_id = $5 AND kind = 'write_site' AND id IS DISTINCT FROM $6 \
         AND revoked_at IS NULL AND revoke_asked_at IS NULL AND max_expires_at > $2 {MARKED}"
    );
    let Order { by, reason, at } = order;
    let (secret_id, kept) = (secret_id.as_str(), kept.map(|id| id.0));
    let rows = client
        .query(&sql, &[&vendor.0, at, reason, by, &secret_id, &kept])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks all live tokens of a site for revocation, but for those by which it is just being removed.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_site(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    mark_of_site(client, vendor, secret_id, "AND kind <> 'delete'", order).await
}

/// Marks all live tokens of a site for revocation, those too that were left by a removal that broke off: one call may
/// have used them up, and no other worker is at it.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_removing(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    mark_of_site(client, vendor, secret_id, "", order).await
}

async fn mark_of_site(
    client: &impl GenericClient,
    vendor: VendorId,
    secret_id: &SecretId,
    which: &'static str,
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "{MARK} WHERE vendor_id = $1 AND secret_id = $5 AND revoked_at IS NULL AND max_expires_at > $2 \
         {which} {MARKED}"
    );
    let Order { by, reason, at } = order;
    let rows = client
        .query(&sql, &[&vendor.0, at, reason, by, &secret_id.as_str()])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks the live tokens of some requests for revocation, the first of which began at a moment.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_of_requests(
    client: &impl GenericClient,
    vendor: VendorId,
    (requests, began): (&[String], Timestamp),
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "{MARK} WHERE vendor_id = $1 AND request_id = ANY($5) AND id >= $6 \
         AND revoked_at IS NULL AND max_expires_at > $2 {MARKED}"
    );
    let Order { by, reason, at } = order;
    let from = began.checked_sub(MINTING).unwrap_or(Timestamp::UNIX_EPOCH);
    let from = IssuanceId::first_of(from);
    let rows = client
        .query(&sql, &[&vendor.0, at, reason, by, &requests, &from.0])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks one token for revocation.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_one(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
    order: &Order<'_>,
) -> Result<Option<Doomed>> {
    let sql = format!("{MARK} WHERE vendor_id = $1 AND id = $5 AND revoked_at IS NULL {MARKED}");
    let Order { by, reason, at } = order;
    let row = client
        .query_opt(&sql, &[&vendor.0, at, reason, by, &id.0])
        .await?;
    row.as_ref().map(doomed).transpose()
}

/// Marks the live tokens of a worker for revocation: all, or with `single` those that read one credential each.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_worker(
    client: &impl GenericClient,
    vendor: VendorId,
    worker: WorkerId,
    single: bool,
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "{MARK} WHERE vendor_id = $1 AND worker_id = $5 AND revoked_at IS NULL AND max_expires_at > $2 \
         AND (NOT $6 OR credential_id IS NOT NULL) {MARKED}"
    );
    let Order { by, reason, at } = order;
    let rows = client
        .query(&sql, &[&vendor.0, at, reason, by, &worker.0, &single])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Marks the live tokens that read one credential for revocation.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_credential(
    client: &impl GenericClient,
    vendor: VendorId,
    credential: CredentialId,
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "{MARK} WHERE vendor_id = $1 AND credential_id = $5 AND revoked_at IS NULL AND max_expires_at > $2 {MARKED}"
    );
    let Order { by, reason, at } = order;
    let rows = client
        .query(&sql, &[&vendor.0, at, reason, by, &credential.0])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Before this no live token of some kinds was recorded.
#[must_use]
pub fn oldest_live(kinds: &[Kind], now: Timestamp) -> IssuanceId {
    let longest = kinds.iter().map(|kind| kind.rules().max_seconds).max();
    let longest = i64::try_from(longest.unwrap_or(0)).unwrap_or(i64::MAX / 4);
    let oldest = now.checked_sub(SignedDuration::from_secs(longest) + MINTING);
    IssuanceId::first_of(oldest.unwrap_or(Timestamp::UNIX_EPOCH))
}

/// The last of the next `limit` rows of a vendor's from `from` on; `None` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn step(
    client: &impl GenericClient,
    vendor: VendorId,
    from: IssuanceId,
    limit: i64,
) -> Result<Option<IssuanceId>> {
    let sql = "SELECT id FROM (SELECT id FROM issuances WHERE vendor_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS step \
               ORDER BY id DESC LIMIT 1";
    let row = client.query_opt(sql, &[&vendor.0, &from.0, &limit]).await?;
    row.map(|row| Ok(IssuanceId(row.try_get("id")?)))
        .transpose()
}

/// Marks the live tokens of some kinds between two rows of a vendor's, the second included.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_step(
    client: &impl GenericClient,
    vendor: VendorId,
    (from, to): (IssuanceId, IssuanceId),
    kinds: &[Kind],
    order: &Order<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "{MARK} WHERE vendor_id = $1 AND id > $5 AND id <= $6 AND kind = ANY($7) AND revoked_at IS NULL \
         AND max_expires_at > $2 {MARKED}"
    );
    let Order { by, reason, at } = order;
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.rules().name).collect();
    let rows = client
        .query(&sql, &[&vendor.0, at, reason, by, &from.0, &to.0, &kinds])
        .await?;
    rows.iter().map(doomed).collect()
}

/// Tokens of a vendor that are marked and live, from the oldest on.
///
/// # Errors
/// Where the database does not answer.
pub async fn marked(
    client: &impl GenericClient,
    vendor: VendorId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Doomed>> {
    let sql = "SELECT id, vendor_id, accessor FROM issuances WHERE vendor_id = $1 AND revoke_asked_at IS NOT NULL \
               AND revoked_at IS NULL AND max_expires_at > $2 ORDER BY id LIMIT $3";
    let rows = client.query(sql, &[&vendor.0, &now, &limit]).await?;
    rows.iter().map(doomed).collect()
}

/// How many those are.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_marked(
    client: &impl GenericClient,
    vendor: VendorId,
    now: Timestamp,
) -> Result<i64> {
    let sql = "SELECT count(*) AS number FROM issuances WHERE vendor_id = $1 AND revoke_asked_at IS NOT NULL \
               AND revoked_at IS NULL AND max_expires_at > $2";
    let row = client.query_one(sql, &[&vendor.0, &now]).await?;
    Ok(row.try_get("number")?)
}

/// Notes that a token is dead, once, and says so in an event where somebody asked for its end.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_revoked(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
    now: Timestamp,
) -> Result<()> {
    let sql = "WITH ended AS ( \
                 UPDATE issuances SET revoked_at = $3 WHERE vendor_id = $1 AND id = $2 AND revoked_at IS NULL \
                 RETURNING id, vendor_id, secret_id, kind, revoke_asked_at, revoke_actor, revoke_reason) \
               INSERT INTO events (at, vendor_id, actor, action, outcome, secret_id, issuance_id, details) \
               SELECT $3, vendor_id, coalesce(revoke_actor, 'gatehouse'), 'token.revoked', 'done', secret_id, id, \
               jsonb_build_object('reason', revoke_reason, 'kind', kind, 'askedAt', revoke_asked_at) \
               FROM ended WHERE revoke_asked_at IS NOT NULL";
    let statement = client.prepare_cached(sql).await?;
    client
        .execute(&statement, &[&vendor.0, &id.0, &now])
        .await?;
    Ok(())
}

/// Marks tokens for revocation whose longest life is over, and which OpenBao would let live longer. Gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_overdue(client: &impl GenericClient, now: Timestamp, limit: i64) -> Result<u64> {
    let sql = "UPDATE issuances SET revoke_asked_at = $1, revoke_after = $1, revoke_reason = 'longest life over', \
               revoke_actor = 'task:revoke_tokens' WHERE id IN ( \
               SELECT id FROM issuances WHERE cut_short AND max_expires_at <= $1 AND revoked_at IS NULL \
               AND revoke_asked_at IS NULL ORDER BY max_expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    client
        .execute(sql, &[&now, &limit])
        .await
        .map_err(crate::db::Error::from)
}

/// Takes tokens whose revocation is due, of any vendor, for one pass: their next try is put off meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_due(
    client: &impl GenericClient,
    now: Timestamp,
    next: Timestamp,
    limit: i64,
) -> Result<Vec<Doomed>> {
    let sql = "UPDATE issuances SET revoke_after = $2, revoke_attempts = revoke_attempts + 1 WHERE id IN ( \
               SELECT id FROM issuances WHERE revoke_asked_at IS NOT NULL AND revoked_at IS NULL AND revoke_after <= $1 \
               ORDER BY revoke_after LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id, vendor_id, accessor";
    let rows = client.query(sql, &[&now, &next, &limit]).await?;
    rows.iter().map(doomed).collect()
}
