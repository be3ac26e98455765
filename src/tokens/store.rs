//! Statements on the ledger.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::ledger::{NewIssuance, Recorded, Refusal};
use crate::db::{GenericClient, Result};
use crate::types::{IssuanceId, SecretId, VendorId};

/// Writes rows, each only if its vendor is still active, its key has not ended, its site is as it was when the token
/// was asked for, and neither its entity is being deleted nor its role removed. All of that is locked until the commit, so that a suspension,
/// a removal or a deletion comes either before this statement, and refuses the row, or after, and finds it.
///
/// The sites are written in the same statement: a site that a token names for the first time is `reserved`, one that
/// was removed begins a new generation. So is the event of each row.
const RECORD: &str = "
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(
        $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
        $9::bool[], $10::bigint[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $16::bool[],
        $17::bigint[], $18::int[], $19::int[], $20::timestamptz[], $21::int[],
        $22::text[], $23::text[], $24::text[], $25::jsonb[], $26::int[], $27::text[],
        $28::bool[], $29::bigint[], $30::int[], $31::bigint[], $32::text[]
    ) AS w (id, vendor_id, kind, accessor, api_key_id, caller, request_id, secret_id,
            for_site, generation, entity_id, issued_at, expires_at, max_expires_at, over_registered,
            worker_id, worker_edition, credential_id, renew_at, first_life_seconds,
            client_address, user_agent, wrap_accessor, details, uses, client_network, cut_short,
            policy_id, policy_edition, bound_role_id, bound_cidrs)
),
vendor_ok AS MATERIALIZED (
    SELECT id FROM vendors WHERE id IN (SELECT vendor_id FROM wanted) AND status = 'active' ORDER BY id FOR SHARE
),
vendor_known AS MATERIALIZED (
    -- Removal works in every status of the vendor, so its delete tokens do too.
    SELECT id FROM vendors WHERE id IN (SELECT vendor_id FROM wanted WHERE kind = 'delete')
),
vendor_gone AS MATERIALIZED (
    -- What a vendor has is purged only when it was cancelled, which stays so.
    SELECT id FROM vendors WHERE id IN (SELECT vendor_id FROM wanted WHERE kind = 'purge') AND status = 'cancelled'
),
key_ok AS MATERIALIZED (
    SELECT id, vendor_id FROM api_keys
    WHERE (id, vendor_id) IN (SELECT api_key_id, vendor_id FROM wanted) AND (ends_at IS NULL OR ends_at > $15) ORDER BY id FOR SHARE
),
worker_ok AS MATERIALIZED (
    SELECT id, vendor_id, policy_wanted FROM workers
    WHERE (id, vendor_id) IN (SELECT worker_id, vendor_id FROM wanted) AND removed_at IS NULL ORDER BY id FOR SHARE
),
credential_ok AS MATERIALIZED (
    SELECT id, vendor_id FROM credentials
    WHERE (id, vendor_id) IN (SELECT credential_id, vendor_id FROM wanted) AND destroyed_at IS NULL ORDER BY id FOR SHARE
),
policy_ok AS MATERIALIZED (
    SELECT id, vendor_id, edition FROM trust_policies
    WHERE (id, vendor_id) IN (SELECT policy_id, vendor_id FROM wanted) ORDER BY id FOR SHARE
),
role_ok AS MATERIALIZED (
    SELECT id, vendor_id FROM bound_roles
    WHERE (id, vendor_id) IN (SELECT bound_role_id, vendor_id FROM wanted) AND removing_at IS NULL ORDER BY id FOR KEY SHARE
),
entity_ok AS (
    INSERT INTO entities (entity_id, alias, last_used_at)
    SELECT DISTINCT ON (entity_id) entity_id, secret_id, issued_at FROM wanted
    WHERE entity_id IS NOT NULL ORDER BY entity_id
    ON CONFLICT (entity_id) DO UPDATE SET last_used_at = excluded.last_used_at WHERE entities.deleted_at IS NULL
    RETURNING entity_id
),
passed AS MATERIALIZED (
    SELECT w.*,
           CASE w.kind WHEN 'delete' THEN w.vendor_id IN (SELECT id FROM vendor_known)
                WHEN 'purge' THEN w.vendor_id IN (SELECT id FROM vendor_gone)
                ELSE w.vendor_id IN (SELECT id FROM vendor_ok) END AS vendor_passes,
           w.api_key_id IS NULL OR w.kind = 'delete' OR (w.api_key_id, w.vendor_id) IN (SELECT * FROM key_ok) AS key_passes,
           w.entity_id IS NULL OR w.entity_id IN (SELECT entity_id FROM entity_ok) AS entity_passes,
           w.bound_role_id IS NULL OR (w.bound_role_id, w.vendor_id) IN (SELECT * FROM role_ok) AS role_passes,
           (w.worker_id IS NULL OR (w.worker_id, w.vendor_id, w.worker_edition) IN (SELECT * FROM worker_ok))
           AND (w.credential_id IS NULL OR (w.credential_id, w.vendor_id) IN (SELECT * FROM credential_ok))
           AND (w.policy_id IS NULL OR (w.policy_id, w.vendor_id, w.policy_edition) IN (SELECT * FROM policy_ok)) AS scope_passes
    FROM wanted w
),
site_ok AS (
    INSERT INTO sites (vendor_id, secret_id, generation, state, created_at, touched_at)
    SELECT vendor_id, secret_id, coalesce(generation, nextval('site_generations')), 'reserved', issued_at, issued_at
    FROM passed
    WHERE for_site AND vendor_passes AND key_passes AND entity_passes AND role_passes
    ORDER BY vendor_id, secret_id
    ON CONFLICT (vendor_id, secret_id) DO UPDATE SET
        touched_at = excluded.touched_at,
        generation = CASE WHEN sites.state = 'removed' THEN nextval('site_generations') ELSE sites.generation END,
        created_at = CASE WHEN sites.state = 'removed' THEN excluded.created_at ELSE sites.created_at END,
        state = CASE WHEN sites.state = 'removed' THEN 'reserved' ELSE sites.state END
    WHERE sites.generation = excluded.generation AND sites.state <> 'removing'
      AND (sites.state <> 'registered' OR EXISTS (
          SELECT 1 FROM passed p
          WHERE p.vendor_id = sites.vendor_id AND p.secret_id = sites.secret_id AND p.over_registered))
    RETURNING vendor_id, secret_id, generation
),
added AS (
    INSERT INTO issuances (id, vendor_id, kind, accessor, api_key_id, caller, request_id, secret_id, generation,
                           entity_id, issued_at, expires_at, max_expires_at, worker_id, credential_id,
                           renew_at, keep_alive, first_life_seconds, client_address, wrap_accessor, uses, client_network,
                           cut_short, bound_role_id, bound_cidrs)
    SELECT p.id, p.vendor_id, p.kind, p.accessor, p.api_key_id, p.caller, p.request_id, p.secret_id, s.generation,
           p.entity_id, p.issued_at, p.expires_at, p.max_expires_at, p.worker_id, p.credential_id,
           p.renew_at, p.renew_at IS NOT NULL, p.first_life_seconds, p.client_address, p.wrap_accessor, p.uses, p.client_network,
           p.cut_short, p.bound_role_id, string_to_array(p.bound_cidrs, ',')
    FROM passed p LEFT JOIN site_ok s ON p.for_site AND s.vendor_id = p.vendor_id AND s.secret_id = p.secret_id
    WHERE p.vendor_passes AND p.key_passes AND p.entity_passes AND p.role_passes AND p.scope_passes
      AND (NOT p.for_site OR s.generation IS NOT NULL)
    RETURNING id
),
told AS (
    INSERT INTO events (at, vendor_id, actor, action, outcome, secret_id, issuance_id, client_address, user_agent,
                        request_id, details)
    SELECT p.issued_at, p.vendor_id, p.caller, 'token.issued', 'done', p.secret_id, p.id, p.client_address,
           nullif(p.user_agent, ''), nullif(p.request_id, ''), p.details
    FROM passed p JOIN added a ON a.id = p.id
)
SELECT p.id, p.vendor_passes, p.key_passes, p.entity_passes, p.role_passes, p.scope_passes, a.id IS NOT NULL AS recorded
FROM passed p LEFT JOIN added a ON a.id = p.id";

/// Writes rows in one statement, and gives the outcome of each in their order.
///
/// # Errors
/// Where the statement fails as a whole: then none is written, unless the connection broke before the answer.
pub async fn record(
    client: &impl GenericClient,
    rows: &[NewIssuance],
) -> Result<Vec<std::result::Result<Recorded, Refusal>>> {
    macro_rules! column {
        ($of:expr) => {
            &rows.iter().map($of).collect::<Vec<_>>()
        };
    }
    let statement = client.prepare_cached(RECORD).await?;
    let now = rows
        .iter()
        .map(|row| row.issued_at)
        .max()
        .unwrap_or_default();
    let answers = client
        .query(
            &statement,
            &[
                column!(|r| r.id.0),
                column!(|r| r.vendor.0),
                column!(|r| r.kind.rules().name),
                column!(|r| r.accessor.as_str()),
                column!(|r| r.key.map(|key| key.0)),
                column!(|r| r.actor.as_str()),
                column!(|r| r.request_id.as_str()),
                column!(|r| r.secret_id.as_ref().map(SecretId::as_str)),
                column!(|r| r.kind.is_for_site()),
                column!(|r| r.site.map(|site| site.0)),
                column!(|r| r.entity_id.as_deref()),
                column!(|r| r.issued_at),
                column!(|r| r.expires_at),
                column!(|r| r.max_expires_at),
                &now,
                column!(|r| r.over_registered),
                column!(|r| r.worker.map(|(worker, _)| worker.0)),
                column!(|r| r.worker.map(|(_, edition)| edition)),
                column!(|r| r.credential.map(|id| id.0)),
                column!(|r| r.renew_at),
                column!(|r| r.first_life),
                column!(|r| r.client_address.as_deref()),
                column!(|r| r.user_agent.as_str()),
                column!(|r| r.wrap_accessor.as_deref()),
                column!(told),
                column!(|r| r.uses.map(|uses| i32::try_from(uses).unwrap_or(i32::MAX))),
                column!(|r| r.client_network.as_deref()),
                column!(|r| r.cut_short),
                column!(|r| r.workload.as_ref().map(|workload| workload.policy.0)),
                column!(|r| r.workload.as_ref().map(|workload| workload.edition)),
                column!(|r| r.bound.as_ref().map(|(role, _)| *role)),
                column!(|r| r.bound.as_ref().map(|(_, set)| set.written().join(","))),
            ],
        )
        .await?;
    rows.iter().map(|row| outcome(row, &answers)).collect()
}

/// What the event of a row says beside its columns.
fn told(row: &NewIssuance) -> Value {
    let mut details = json!({
        "kind": row.kind.rules().name,
        "ttl": row.first_life,
        "uses": row.uses,
        "expiresAt": row.expires_at,
        "maxExpiresAt": row.max_expires_at,
        "wrapped": row.wrap_accessor.is_some(),
    });
    if let Some((worker, _)) = row.worker {
        details["worker"] = json!(worker.to_string());
    }
    if let Some(credential) = row.credential {
        details["credential"] = json!(credential.0);
    }
    if let Some((_, networks)) = &row.bound {
        details["boundCidrs"] = json!(networks.written());
    }
    if let Some(workload) = &row.workload {
        details["workload"] = json!({
            "policy": workload.policy,
            "issuer": workload.issuer,
            "subject": workload.subject,
        });
    }
    details
}

fn outcome(row: &NewIssuance, answers: &[Row]) -> Result<std::result::Result<Recorded, Refusal>> {
    for answer in answers {
        if answer.try_get::<_, uuid::Uuid>("id")? != row.id.0 {
            continue;
        }
        let is = |column: &str| answer.try_get::<_, bool>(column);
        return Ok(if is("recorded")? {
            Ok(Recorded::default())
        } else if !is("vendor_passes")? {
            Err(Refusal::VendorInactive)
        } else if !is("key_passes")? {
            Err(Refusal::KeyEnded)
        } else if !is("entity_passes")? {
            Err(Refusal::EntityGone)
        } else if !is("role_passes")? {
            Err(Refusal::RoleGone)
        } else if !is("scope_passes")? {
            Err(Refusal::ScopeChanged)
        } else {
            Err(Refusal::SiteChanged)
        });
    }
    Ok(Err(Refusal::SiteChanged))
}

/// Whether a row is there.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_recorded(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
) -> Result<bool> {
    let sql = "SELECT 1 FROM issuances WHERE vendor_id = $1 AND id = $2";
    Ok(client.query_opt(sql, &[&vendor.0, &id.0]).await?.is_some())
}

/// Binds a live store-wide write token to a site, so that it dies with it. One for that site is bound already. `false`
/// where it is neither, or another site's.
///
/// # Errors
/// Where the database does not answer.
pub async fn bind_to_site(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
    secret_id: &SecretId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE issuances SET secret_id = $3 WHERE vendor_id = $1 AND id = $2 AND (kind = 'write' OR kind = 'write_site' AND secret_id = $3) \
               AND (secret_id IS NULL OR secret_id = $3) AND revoke_asked_at IS NULL AND max_expires_at > $4";
    Ok(client
        .execute(sql, &[&vendor.0, &id.0, &secret_id.as_str(), &now])
        .await?
        == 1)
}

/// Entities of any vendor that no live token uses, marked as deleted; limited to a few.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_unused_entities(
    client: &impl GenericClient,
    now: Timestamp,
    unused_since: Timestamp,
    limit: i64,
) -> Result<Vec<String>> {
    // Locked first, in a statement of its own: a token recorded meanwhile has then either refreshed last_used_at, or
    // finds deleted_at set and is minted again.
    let lock = "SELECT entity_id FROM entities e WHERE deleted_at IS NULL AND last_used_at < $1 AND NOT EXISTS ( \
                SELECT 1 FROM issuances i WHERE i.entity_id = e.entity_id AND i.revoked_at IS NULL \
                AND i.max_expires_at > $2) ORDER BY last_used_at LIMIT $3 FOR UPDATE SKIP LOCKED";
    let rows = client.query(lock, &[&unused_since, &now, &limit]).await?;
    let ids: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("entity_id"))
        .collect::<std::result::Result<_, _>>()?;
    mark_unused(client, &ids, now).await
}

/// The same of entities that tokens of one vendor used, between two rows of its ledger, the second included.
///
/// # Errors
/// Where the database does not answer.
pub async fn claim_entities_of(
    client: &impl GenericClient,
    vendor: VendorId,
    (from, to): (IssuanceId, IssuanceId),
    now: Timestamp,
) -> Result<Vec<String>> {
    let lock = "SELECT entity_id FROM entities WHERE deleted_at IS NULL AND entity_id IN ( \
                SELECT entity_id FROM issuances WHERE vendor_id = $1 AND id > $2 AND id <= $3 AND entity_id IS NOT NULL) \
                ORDER BY entity_id FOR UPDATE";
    let rows = client.query(lock, &[&vendor.0, &from.0, &to.0]).await?;
    let ids: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("entity_id"))
        .collect::<std::result::Result<_, _>>()?;
    mark_unused(client, &ids, now).await
}

async fn mark_unused(
    client: &impl GenericClient,
    ids: &[String],
    now: Timestamp,
) -> Result<Vec<String>> {
    let mark = "UPDATE entities e SET deleted_at = $2 WHERE entity_id = ANY($1) AND NOT EXISTS ( \
                SELECT 1 FROM issuances i WHERE i.entity_id = e.entity_id AND i.revoked_at IS NULL \
                AND i.max_expires_at > $2) RETURNING entity_id";
    let rows = client.query(mark, &[&ids, &now]).await?;
    rows.iter()
        .map(|row| Ok(row.try_get("entity_id")?))
        .collect()
}

/// Entities marked as deleted whose deletion in OpenBao is still to be done.
///
/// # Errors
/// Where the database does not answer.
pub async fn entities_to_delete(client: &impl GenericClient, limit: i64) -> Result<Vec<String>> {
    let sql = "SELECT entity_id FROM entities WHERE deleted_at IS NOT NULL AND gone_at IS NULL ORDER BY deleted_at LIMIT $1";
    let rows = client.query(sql, &[&limit]).await?;
    rows.iter()
        .map(|row| Ok(row.try_get("entity_id")?))
        .collect()
}

/// Notes that an entity is gone from OpenBao.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_entity_gone(client: &impl GenericClient, id: &str, now: Timestamp) -> Result<()> {
    client
        .execute(
            "UPDATE entities SET gone_at = $2 WHERE entity_id = $1",
            &[&id, &now],
        )
        .await?;
    Ok(())
}
