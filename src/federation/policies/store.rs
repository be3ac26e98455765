//! Statements on trust policies.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Audience, Gives, Mode, Terms, TrustPolicy, Ttl};
use crate::db::{Error, GenericClient, Result};
use crate::tokens::Kind;
use crate::types::{IssuerId, IssuerUrl, Name, SecretId, TrustPolicyId, VendorId, WorkerId};

const COLUMNS: &str = "p.id, p.vendor_id, p.name, p.issuer_id, i.issuer, p.audience, p.claims, p.mode, p.kind, p.worker_id, \
                       p.secret_id, p.ttl, p.once, p.ends_at, p.edition, p.created_at, p.updated_at, p.last_used_at";

fn corrupt(column: &'static str) -> Error {
    Error::Corrupt(column)
}

fn policy(row: &Row) -> Result<TrustPolicy> {
    Ok(TrustPolicy {
        id: TrustPolicyId(row.try_get("id")?),
        vendor: VendorId(row.try_get("vendor_id")?),
        edition: row.try_get("edition")?,
        terms: terms(row)?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        last_used_at: row.try_get("last_used_at")?,
    })
}

fn terms(row: &Row) -> Result<Terms> {
    let text = |column: &str| row.try_get::<_, String>(column);
    let kind = Kind::named(&text("kind")?).ok_or_else(|| corrupt("trust_policies.kind"))?;
    let worker: Option<i64> = row.try_get("worker_id")?;
    let site: Option<String> = row.try_get("secret_id")?;
    let site = site.map(|id| SecretId::parse(&id)).transpose();
    let site = site.map_err(|_| corrupt("trust_policies.secret_id"))?;
    let ttl: i32 = row.try_get("ttl")?;
    let ttl = u32::try_from(ttl)
        .ok()
        .and_then(|ttl| Ttl::try_from(ttl).ok());
    Ok(Terms {
        name: Name::try_from(text("name")?).map_err(|_| corrupt("trust_policies.name"))?,
        issuer_id: IssuerId(row.try_get("issuer_id")?),
        issuer: IssuerUrl::parse(&text("issuer")?).map_err(|_| corrupt("issuers.issuer"))?,
        audience: Audience::try_from(text("audience")?)
            .map_err(|_| corrupt("trust_policies.audience"))?,
        claims: serde_json::from_value(row.try_get("claims")?)
            .map_err(|_| corrupt("trust_policies.claims"))?,
        mode: match text("mode")?.as_str() {
            "enforce" => Mode::Enforce,
            "audit" => Mode::Audit,
            _ => return Err(corrupt("trust_policies.mode")),
        },
        gives: Gives::of(kind, worker.map(WorkerId), site)
            .ok_or_else(|| corrupt("trust_policies.kind"))?,
        ttl: ttl.ok_or_else(|| corrupt("trust_policies.ttl"))?,
        once: row.try_get("once")?,
        ends_at: row.try_get("ends_at")?,
    })
}

/// How many policies a vendor has. Others that would add one wait until this transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_locked(client: &impl GenericClient, vendor: VendorId) -> Result<i64> {
    let lock =
        "SELECT pg_advisory_xact_lock(hashtextextended('trust policies of ' || $1::bigint, 0))";
    client.execute(lock, &[&vendor.0]).await?;
    let sql = "SELECT count(*) AS number FROM trust_policies WHERE vendor_id = $1";
    let row = client.query_one(sql, &[&vendor.0]).await?;
    Ok(row.try_get("number")?)
}

/// Writes a policy, new or changed; `false` where another of the vendor has its name.
///
/// # Errors
/// Where the database does not answer.
pub async fn put(
    client: &impl GenericClient,
    vendor: VendorId,
    id: TrustPolicyId,
    terms: &Terms,
    now: Timestamp,
) -> Result<bool> {
    let taken = "SELECT 1 FROM trust_policies WHERE vendor_id = $1 AND name = $2 AND id <> $3";
    let name = terms.name.as_str();
    if client
        .query_opt(taken, &[&vendor.0, &name, &id.0])
        .await?
        .is_some()
    {
        return Ok(false);
    }
    let sql = "INSERT INTO trust_policies AS p (vendor_id, id, name, issuer_id, audience, claims, mode, kind, worker_id, \
               secret_id, ttl, once, ends_at, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, issuer_id = excluded.issuer_id, \
               audience = excluded.audience, claims = excluded.claims, mode = excluded.mode, kind = excluded.kind, \
               worker_id = excluded.worker_id, secret_id = excluded.secret_id, ttl = excluded.ttl, once = excluded.once, \
               ends_at = excluded.ends_at, edition = p.edition + 1, updated_at = excluded.updated_at \
               WHERE p.vendor_id = excluded.vendor_id";
    let claims =
        serde_json::to_value(&terms.claims).map_err(|_| corrupt("trust_policies.claims"))?;
    let ttl = i32::try_from(terms.ttl.seconds()).unwrap_or(i32::MAX);
    let gives = &terms.gives;
    let written = client
        .execute(
            sql,
            &[
                &vendor.0,
                &id.0,
                &name,
                &terms.issuer_id.0,
                &terms.audience.as_str(),
                &claims,
                &terms.mode.as_str(),
                &gives.kind().rules().name,
                &gives.worker().map(|worker| worker.0),
                &gives.site().map(SecretId::as_str),
                &ttl,
                &terms.once,
                &terms.ends_at,
                &now,
            ],
        )
        .await?;
    Ok(written == 1)
}

/// Begins a new edition of every policy for an issuer: what is about to be handed out by a former one is not.
///
/// # Errors
/// Where the database does not answer.
pub async fn renew_of_issuer(client: &impl GenericClient, issuer: IssuerId) -> Result<()> {
    let sql = "UPDATE trust_policies SET edition = edition + 1 WHERE issuer_id = $1";
    client.execute(sql, &[&issuer.0]).await?;
    Ok(())
}

/// Removes a policy; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(
    client: &impl GenericClient,
    vendor: VendorId,
    id: TrustPolicyId,
) -> Result<bool> {
    let sql = "DELETE FROM trust_policies WHERE vendor_id = $1 AND id = $2";
    Ok(client.execute(sql, &[&vendor.0, &id.0]).await? == 1)
}

/// A policy. Where it is to be changed, nobody else changes it until this transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    vendor: VendorId,
    id: TrustPolicyId,
    to_change: bool,
) -> Result<Option<TrustPolicy>> {
    let lock = if to_change { "FOR UPDATE OF p" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS} FROM trust_policies p JOIN issuers i ON i.id = p.issuer_id WHERE p.vendor_id = $1 AND p.id = $2 {lock}"
    );
    let row = client.query_opt(&sql, &[&vendor.0, &id.0]).await?;
    row.as_ref().map(policy).transpose()
}

/// A vendor's policies for an issuer, or the one that is named.
///
/// # Errors
/// Where the database does not answer.
pub async fn for_issuer(
    client: &impl GenericClient,
    vendor: VendorId,
    issuer: IssuerId,
    id: Option<TrustPolicyId>,
) -> Result<Vec<TrustPolicy>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM trust_policies p JOIN issuers i ON i.id = p.issuer_id \
         WHERE p.vendor_id = $1 AND p.issuer_id = $2 AND ($3::bigint IS NULL OR p.id = $3) ORDER BY p.id"
    );
    let id = id.map(|id| id.0);
    let rows = client.query(&sql, &[&vendor.0, &issuer.0, &id]).await?;
    rows.iter().map(policy).collect()
}

/// A page in the order of ids, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    after: Option<TrustPolicyId>,
    limit: i64,
) -> Result<Vec<TrustPolicy>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM trust_policies p JOIN issuers i ON i.id = p.issuer_id \
         WHERE p.vendor_id = $1 AND p.id > $2 ORDER BY p.id LIMIT $3"
    );
    let after = after.map_or(0, |id| id.0);
    let rows = client
        .query(&sql, &[&vendor.0, &after, &(limit + 1)])
        .await?;
    rows.iter().map(policy).collect()
}

/// Notes that a policy handed something out, once a minute.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_use(
    client: &impl GenericClient,
    vendor: VendorId,
    id: TrustPolicyId,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE trust_policies SET last_used_at = $3 WHERE vendor_id = $1 AND id = $2 \
               AND (last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute')";
    client.execute(sql, &[&vendor.0, &id.0, &now]).await?;
    Ok(())
}
