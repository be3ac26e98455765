//! Statements on cancellations, and on what they leave.

use jiff::Timestamp;

use super::{Progress, Stage};
use crate::db::{Error, GenericClient, Result};
use crate::tokens::revoke;
use crate::types::{CredentialId, VendorId, WorkerId};

/// Rows of one statement.
const SOME: i64 = 2000;

/// Tables of which a cancelled vendor's rows go, those first that others need. Of the other tables with vendors' rows the
/// test `every_table_of_vendors_is_forgotten_or_kept_for_a_reason` says why they stay.
pub const FORGOTTEN: &[&str] = &[
    "worker_sessions",
    "worker_keys",
    "user_sessions",
    "users",
    "user_rules",
    "login_tries",
    "webhook_deliveries",
    "webhook_endpoints",
    "lockbox_handovers",
    "lockbox_holders",
    "lockbox_history",
    "lockbox_entries",
    "lockboxes",
    "connectors",
    "jwt_keys",
    "used_jwts",
    "revoked_access_tokens",
    "signed_nonces",
    "login_attempts",
    "client_messages",
    "client_message_counters",
    "sites",
    "secret_reads",
    "unknown_tokens",
    "issuance_addresses",
    "unwraps",
    "webhook_receipts",
    "spent_subject_tokens",
    "trust_policies",
    "api_key_uses",
    "idempotency_keys",
    "vendor_checks",
    "findings",
    "bound_roles",
];

fn stage(name: &str) -> Result<Stage> {
    let mut all = Stage::ALL.into_iter();
    all.find(|stage| stage.as_str() == name)
        .ok_or(Error::Corrupt("cancellations.stage"))
}

/// Begins a cancellation, unless it was begun before. So many tokens are to be revoked.
///
/// # Errors
/// Where the database does not answer.
pub async fn begin(
    client: &impl GenericClient,
    vendor: VendorId,
    tokens: i64,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO cancellations (vendor_id, stage, tokens, started_at) VALUES ($1, 'tokens', $2, $3) \
               ON CONFLICT (vendor_id) DO NOTHING";
    client.execute(sql, &[&vendor.0, &tokens, &now]).await?;
    Ok(())
}

/// A cancellation to go on with.
pub struct Open {
    /// Whose.
    pub vendor: VendorId,
    /// What is at work.
    pub stage: Stage,
    /// Whether it was finished, and is to be gone through once more.
    pub is_finished: bool,
}

/// Cancellations that are not finished, or were begun before `settled` and are not checked: those first that waited
/// longest.
///
/// # Errors
/// Where the database does not answer.
pub async fn open(
    client: &impl GenericClient,
    settled: Timestamp,
    limit: i64,
) -> Result<Vec<Open>> {
    let sql = "SELECT vendor_id, stage, finished_at IS NOT NULL AS is_finished FROM cancellations \
               WHERE checked_at IS NULL AND (finished_at IS NULL OR started_at <= $1) \
               ORDER BY tried_at NULLS FIRST LIMIT $2";
    let rows = client.query(sql, &[&settled, &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Open {
                vendor: VendorId(row.try_get("vendor_id")?),
                stage: stage(row.try_get("stage")?)?,
                is_finished: row.try_get("is_finished")?,
            })
        })
        .collect()
}

/// Notes that somebody is at it.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_try(client: &impl GenericClient, vendor: VendorId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE cancellations SET tried_at = $2 WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0, &now]).await?;
    Ok(())
}

/// Notes the code of what stopped it.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_problem(client: &impl GenericClient, vendor: VendorId, code: &str) -> Result<()> {
    let sql = "UPDATE cancellations SET last_problem = $2 WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0, &code]).await?;
    Ok(())
}

/// Notes that so many secrets more are deleted.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_secrets(client: &impl GenericClient, vendor: VendorId, more: i64) -> Result<()> {
    let sql = "UPDATE cancellations SET secrets_removed = secrets_removed + $2, last_problem = NULL WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0, &more]).await?;
    Ok(())
}

/// Notes the next stage.
///
/// # Errors
/// Where the database does not answer.
pub async fn advance(client: &impl GenericClient, vendor: VendorId, to: Stage) -> Result<()> {
    let sql = "UPDATE cancellations SET stage = $2, last_problem = NULL WHERE vendor_id = $1 AND finished_at IS NULL";
    client.execute(sql, &[&vendor.0, &to.as_str()]).await?;
    Ok(())
}

/// Notes that nothing is left, and gives how many secrets were deleted.
///
/// # Errors
/// Where the database does not answer.
pub async fn finish(client: &impl GenericClient, vendor: VendorId, now: Timestamp) -> Result<i64> {
    let sql = "UPDATE cancellations SET stage = 'done', last_problem = NULL, finished_at = $2 WHERE vendor_id = $1 \
               RETURNING secrets_removed";
    let row = client.query_one(sql, &[&vendor.0, &now]).await?;
    Ok(row.try_get("secrets_removed")?)
}

/// Notes that it was gone through once more.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_check(
    client: &impl GenericClient,
    vendor: VendorId,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE cancellations SET last_problem = NULL, checked_at = $2 WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0, &now]).await?;
    Ok(())
}

/// How far it has come.
///
/// # Errors
/// Where the database does not answer.
pub async fn progress(
    client: &impl GenericClient,
    vendor: VendorId,
    now: Timestamp,
) -> Result<Option<Progress>> {
    let sql = "SELECT stage, tokens, secrets_removed, started_at, finished_at, last_problem FROM cancellations \
               WHERE vendor_id = $1";
    let Some(row) = client.query_opt(sql, &[&vendor.0]).await? else {
        return Ok(None);
    };
    let left = revoke::store::count_marked(client, vendor, now).await?;
    let tokens: i64 = row.try_get("tokens")?;
    Ok(Some(Progress {
        stage: stage(row.try_get("stage")?)?,
        secrets_removed: row.try_get("secrets_removed")?,
        tokens_revoked: (tokens - left).max(0),
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        last_problem: row.try_get("last_problem")?,
    }))
}

/// Ends the vendor's keys; nothing is kept that knows them again.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_keys(client: &impl GenericClient, vendor: VendorId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE api_keys SET ends_at = least(ends_at, $2), private_digest = NULL, bearer_digest = NULL, pair_digest = NULL \
               WHERE vendor_id = $1 AND (ends_at IS NULL OR ends_at > $2 OR private_digest IS NOT NULL)";
    client.execute(sql, &[&vendor.0, &now]).await?;
    Ok(())
}

/// The vendor's workers, of which policies may stand.
///
/// # Errors
/// Where the database does not answer.
pub async fn workers(client: &impl GenericClient, vendor: VendorId) -> Result<Vec<WorkerId>> {
    let sql = "SELECT id FROM workers WHERE vendor_id = $1";
    let rows = client.query(sql, &[&vendor.0]).await?;
    rows.iter()
        .map(|row| Ok(WorkerId(row.try_get("id")?)))
        .collect()
}

/// The vendor's credentials, of which policies may stand.
///
/// # Errors
/// Where the database does not answer.
pub async fn credentials(
    client: &impl GenericClient,
    vendor: VendorId,
) -> Result<Vec<CredentialId>> {
    let sql = "SELECT id FROM credentials WHERE vendor_id = $1";
    let rows = client.query(sql, &[&vendor.0]).await?;
    rows.iter()
        .map(|row| Ok(CredentialId(row.try_get("id")?)))
        .collect()
}

/// Deletes some of a vendor's rows of a table; `false` where none was left.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget(client: &impl GenericClient, table: &str, vendor: VendorId) -> Result<bool> {
    let sql = format!(
        "DELETE FROM {table} WHERE vendor_id = $1 \
         AND ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE vendor_id = $1 LIMIT $2))"
    );
    Ok(client.execute(&sql, &[&vendor.0, &SOME]).await? > 0)
}

/// Forgets what names people or things in the rows that the ledger needs: the vendor's own, its workers' and its
/// credentials'. And its receipts, which hold the vendor as it was.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_names(
    client: &impl GenericClient,
    vendor: VendorId,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE vendors SET name = namespace, owner_name = NULL, owner_email = NULL, plan = NULL, told = '{}', \
               subscription = 'active', has_card = false, updated_at = $2 WHERE id = $1";
    client.execute(sql, &[&vendor.0, &now]).await?;
    let sql = "UPDATE workers SET name = 'removed', patterns = '{removed}', removed_at = coalesce(removed_at, $2), \
               policy_gone_at = coalesce(policy_gone_at, $2) WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0, &now]).await?;
    let sql = "UPDATE credentials SET key = 'removed', type = 'generic', rotate_by = NULL, claim = NULL, claimed_until = NULL, \
               policy_at = NULL, destroyed_at = coalesce(destroyed_at, $2) WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0, &now]).await?;
    let sql = "DELETE FROM webhook_receipts WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0]).await?;
    Ok(())
}
