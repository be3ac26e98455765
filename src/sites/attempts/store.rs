//! Statements on what clients report of log-ins.

use std::net::IpAddr;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Attempt, Reported};
use crate::db::{Error, GenericClient, Result};
use crate::types::{AttemptId, SecretId, SiteUrl, VendorId};

const COLUMNS: &str = "id, at, secret_id, code, site_url, detailed_reason, user_agent, address, identifier_hash, \
                       attempted_at";

fn reported(row: &Row) -> Result<Reported> {
    let secret_id: Option<&str> = row.try_get("secret_id")?;
    let corrupt = |_| Error::Corrupt("login_attempts.secret_id");
    let site_url: Option<String> = row.try_get("site_url")?;
    let address: Option<&str> = row.try_get("address")?;
    Ok(Reported {
        id: AttemptId(row.try_get("id")?),
        at: row.try_get("at")?,
        secret_id: secret_id
            .map(SecretId::parse)
            .transpose()
            .map_err(corrupt)?,
        attempt: Attempt {
            code: row.try_get("code")?,
            site_url: site_url.and_then(|url| SiteUrl::try_from(url).ok()),
            reason: row.try_get("detailed_reason")?,
            user_agent: row.try_get("user_agent")?,
            address: address.and_then(|text| text.parse().ok()),
            identifier_hash: row.try_get("identifier_hash")?,
            at: row.try_get("attempted_at")?,
        },
    })
}

/// Keeps a report.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    reported: &Reported,
) -> Result<()> {
    let sql = "INSERT INTO login_attempts (vendor_id, id, at, secret_id, code, site_url, detailed_reason, user_agent, \
                   address, identifier_hash, attempted_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let attempt = &reported.attempt;
    let secret_id = reported.secret_id.as_ref().map(SecretId::as_str);
    let site_url = attempt.site_url.as_ref().map(SiteUrl::as_str);
    let address = attempt.address.as_ref().map(IpAddr::to_string);
    client
        .execute(
            sql,
            &[
                &vendor.0,
                &reported.id.0,
                &reported.at,
                &secret_id,
                &attempt.code,
                &site_url,
                &attempt.reason,
                &attempt.user_agent,
                &address,
                &attempt.identifier_hash,
                &attempt.at,
            ],
        )
        .await?;
    Ok(())
}

/// The newest registered site at a URL, byte for byte, whose time is not over.
///
/// # Errors
/// Where the database does not answer.
pub async fn site_at(
    client: &impl GenericClient,
    vendor: VendorId,
    url: &SiteUrl,
    now: Timestamp,
) -> Result<Option<SecretId>> {
    let sql = "SELECT secret_id FROM sites WHERE vendor_id = $1 AND md5(site_url) = md5($2) AND site_url = $2 \
               AND state = 'registered' AND (expires_at IS NULL OR expires_at > $3) ORDER BY registered_at DESC LIMIT 1";
    let row = client
        .query_opt(sql, &[&vendor.0, &url.as_str(), &now])
        .await?;
    let corrupt = |_| Error::Corrupt("sites.secret_id");
    row.map(|row| SecretId::parse(row.try_get("secret_id")?).map_err(corrupt))
        .transpose()
}

/// A page of a vendor's reports, or of one site's, the newest first, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    vendor: VendorId,
    site: Option<&SecretId>,
    before: Option<AttemptId>,
    limit: i64,
) -> Result<Vec<Reported>> {
    let of_site = match site {
        Some(_) => "AND secret_id = $2",
        None => "AND $2::text IS NULL",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM login_attempts WHERE vendor_id = $1 {of_site} AND id < $3 ORDER BY id DESC LIMIT $4"
    );
    let site = site.map(SecretId::as_str);
    let before = before.map_or(Uuid::max(), |id| id.0);
    let rows = client
        .query(&sql, &[&vendor.0, &site, &before, &(limit + 1)])
        .await?;
    rows.iter().map(reported).collect()
}

/// Drops reports of any vendor that came before a time, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM login_attempts WHERE (vendor_id, id) IN ( \
               SELECT vendor_id, id FROM login_attempts old WHERE at < $1 ORDER BY at LIMIT 100000)";
    Ok(client.execute(sql, &[&before]).await?)
}
