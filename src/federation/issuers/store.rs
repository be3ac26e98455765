//! Statements on issuers.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::Issuer;
use crate::auth::jwt::Algorithm;
use crate::db::{Error, GenericClient, Result};
use crate::federation::patterns::ClaimPlace;
use crate::types::{Change, IssuerId, IssuerUrl, KeySetUrl};

const COLUMNS: &str =
    "id, issuer, key_set_url, algorithms, workload_claims, disabled_at, created_at, updated_at";

fn issuer(row: &Row) -> Result<Issuer> {
    let name: String = row.try_get("issuer")?;
    let keys: Option<String> = row.try_get("key_set_url")?;
    let algorithms: Vec<String> = row.try_get("algorithms")?;
    let algorithms = algorithms.iter().map(|name| Algorithm::of_name(name));
    let claims: Vec<String> = row.try_get("workload_claims")?;
    let claims: std::result::Result<_, _> = claims.into_iter().map(ClaimPlace::try_from).collect();
    Ok(Issuer {
        id: IssuerId(row.try_get("id")?),
        issuer: IssuerUrl::parse(&name).map_err(|_| Error::Corrupt("issuers.issuer"))?,
        key_set_url: keys
            .map(KeySetUrl::try_from)
            .transpose()
            .map_err(|_| Error::Corrupt("issuers.key_set_url"))?,
        algorithms: algorithms
            .collect::<Option<_>>()
            .ok_or(Error::Corrupt("issuers.algorithms"))?,
        workload_claims: claims.map_err(|_| Error::Corrupt("issuers.workload_claims"))?,
        disabled_at: row.try_get("disabled_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn names(algorithms: &[Algorithm]) -> Vec<&'static str> {
    algorithms.iter().map(|one| one.name()).collect()
}

fn places(claims: &[ClaimPlace]) -> Vec<&str> {
    claims.iter().map(ClaimPlace::as_str).collect()
}

/// An issuer to be listed.
pub struct NewIssuer {
    /// As its tokens say it.
    pub issuer: IssuerUrl,
    /// Where its keys are; `None`: where it says itself.
    pub key_set_url: Option<KeySetUrl>,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Claims that say whose a workload is.
    pub workload_claims: Vec<ClaimPlace>,
    /// Whether its tokens count.
    pub enabled: bool,
}

/// What is to change of an issuer; `None` leaves a field as it is.
#[derive(Default)]
pub struct Changes {
    /// Where its keys are; emptied: where it says itself.
    pub key_set_url: Change<KeySetUrl>,
    /// What its tokens may be signed with.
    pub algorithms: Option<Vec<Algorithm>>,
    /// Claims that say whose a workload is.
    pub workload_claims: Option<Vec<ClaimPlace>>,
    /// Whether its tokens count.
    pub enabled: Option<bool>,
}

/// Adds an issuer; `false` where it is listed.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    id: IssuerId,
    new: &NewIssuer,
    now: Timestamp,
) -> Result<bool> {
    let sql = "INSERT INTO issuers (id, issuer, key_set_url, algorithms, workload_claims, disabled_at, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN NULL ELSE $7::timestamptz END, $7, $7) \
               ON CONFLICT (issuer) DO NOTHING";
    let keys = new.key_set_url.as_ref().map(KeySetUrl::as_str);
    let (algorithms, claims) = (names(&new.algorithms), places(&new.workload_claims));
    let name = new.issuer.as_str();
    let added = client
        .execute(
            sql,
            &[
                &id.0,
                &name,
                &keys,
                &algorithms,
                &claims,
                &new.enabled,
                &now,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Changes an issuer; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    id: IssuerId,
    to: &Changes,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE issuers SET key_set_url = CASE WHEN $2 THEN $3 ELSE key_set_url END, \
               algorithms = coalesce($4, algorithms), workload_claims = coalesce($5, workload_claims), \
               disabled_at = CASE WHEN $6::boolean THEN NULL WHEN NOT $6::boolean THEN coalesce(disabled_at, $7) \
               ELSE disabled_at END, updated_at = $7 WHERE id = $1";
    let (moves, url) = (!to.key_set_url.is_kept(), to.key_set_url.value());
    let url = url.map(KeySetUrl::as_str);
    let algorithms = to.algorithms.as_deref().map(names);
    let claims = to.workload_claims.as_deref().map(places);
    let changed = client
        .execute(
            sql,
            &[&id.0, &moves, &url, &algorithms, &claims, &to.enabled, &now],
        )
        .await?;
    Ok(changed == 1)
}

/// Removes an issuer.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(client: &impl GenericClient, id: IssuerId) -> Result<()> {
    client
        .execute("DELETE FROM issuers WHERE id = $1", &[&id.0])
        .await?;
    Ok(())
}

/// Whether a policy of any vendor is for it.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_used(client: &impl GenericClient, id: IssuerId) -> Result<bool> {
    let sql = "SELECT 1 FROM trust_policies WHERE issuer_id = $1 LIMIT 1";
    Ok(client.query_opt(sql, &[&id.0]).await?.is_some())
}

/// An issuer.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(client: &impl GenericClient, id: IssuerId) -> Result<Option<Issuer>> {
    let sql = format!("SELECT {COLUMNS} FROM issuers WHERE id = $1");
    let row = client.query_opt(&sql, &[&id.0]).await?;
    row.as_ref().map(issuer).transpose()
}

/// The same. Nobody makes a policy for it until this transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_locked(client: &impl GenericClient, id: IssuerId) -> Result<Option<Issuer>> {
    let sql = format!("SELECT {COLUMNS} FROM issuers WHERE id = $1 FOR UPDATE");
    let row = client.query_opt(&sql, &[&id.0]).await?;
    row.as_ref().map(issuer).transpose()
}

/// An issuer by its name, to the byte, disabled or not.
///
/// # Errors
/// Where the database does not answer.
pub async fn named(client: &impl GenericClient, name: &str) -> Result<Option<Issuer>> {
    let sql = format!("SELECT {COLUMNS} FROM issuers WHERE issuer = $1");
    let row = client.query_opt(&sql, &[&name]).await?;
    row.as_ref().map(issuer).transpose()
}

/// The same. Nobody changes it until this transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn named_shared(client: &impl GenericClient, name: &str) -> Result<Option<Issuer>> {
    let sql = format!("SELECT {COLUMNS} FROM issuers WHERE issuer = $1 FOR SHARE");
    let row = client.query_opt(&sql, &[&name]).await?;
    row.as_ref().map(issuer).transpose()
}

/// A page in the order of ids, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    after: Option<IssuerId>,
    limit: i64,
) -> Result<Vec<Issuer>> {
    let sql = format!("SELECT {COLUMNS} FROM issuers WHERE id > $1 ORDER BY id LIMIT $2");
    let after = after.map_or(0, |id| id.0);
    let rows = client.query(&sql, &[&after, &(limit + 1)]).await?;
    rows.iter().map(issuer).collect()
}
