//! Statements on webhooks.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Endpoint, Generation, Owner, Types};
use crate::db::{GenericClient, Result};
use crate::types::{HookUrl, WebhookId};

const COLUMNS: &str =
    "id, url, types, secret_generation, former_secret_ends_at, disabled_at, created_at, updated_at";

fn endpoint(row: &Row) -> Result<Endpoint> {
    Ok(Endpoint {
        id: WebhookId(row.try_get("id")?),
        url: HookUrl::stored(row.try_get("url")?),
        types: Types::stored(row.try_get("types")?),
        generation: Generation {
            number: row.try_get("secret_generation")?,
            former_ends_at: row.try_get("former_secret_ends_at")?,
        },
        disabled_at: row.try_get("disabled_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

/// How many webhooks somebody has. Others that would add one wait until this transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_locked(client: &impl GenericClient, owner: Owner) -> Result<i64> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || $1::bigint, 0))";
    client.execute(lock, &[&owner.key()]).await?;
    let sql = "SELECT count(*) AS number FROM webhook_endpoints WHERE owner = $1";
    let row = client.query_one(sql, &[&owner.key()]).await?;
    Ok(row.try_get("number")?)
}

/// A webhook to be added.
pub struct NewEndpoint<'a> {
    /// Names it.
    pub id: WebhookId,
    /// Where it is.
    pub url: &'a HookUrl,
    /// What it wants to hear of.
    pub types: &'a Types,
}

/// Adds a webhook.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    owner: Owner,
    new: &NewEndpoint<'_>,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO webhook_endpoints (vendor_id, id, url, types, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $5)";
    let (url, types) = (new.url.as_str(), new.types.as_slice());
    let vendor = owner.vendor().map(|vendor| vendor.0);
    client
        .execute(sql, &[&vendor, &new.id.0, &url, &types, &now])
        .await?;
    Ok(())
}

/// What is to change of a webhook; `None` leaves a field as it is.
#[derive(Default)]
pub struct Changes {
    /// Where it is.
    pub url: Option<HookUrl>,
    /// What it wants to hear of.
    pub types: Option<Types>,
    /// Whether anything is sent there.
    pub enabled: Option<bool>,
}

/// Changes a webhook, and gives it as it is then; `None` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    owner: Owner,
    id: WebhookId,
    to: &Changes,
    now: Timestamp,
) -> Result<Option<Endpoint>> {
    let sql = format!(
        "UPDATE webhook_endpoints SET url = coalesce($3, url), types = coalesce($4, types), \
         disabled_at = CASE WHEN $5::boolean THEN NULL WHEN NOT $5::boolean THEN coalesce(disabled_at, $6) \
         ELSE disabled_at END, updated_at = $6 \
         WHERE owner = $1 AND id = $2 RETURNING {COLUMNS}"
    );
    let url = to.url.as_ref().map(HookUrl::as_str);
    let types = to.types.as_ref().map(Types::as_slice);
    let row = client
        .query_opt(
            &sql,
            &[&owner.key(), &id.0, &url, &types, &to.enabled, &now],
        )
        .await?;
    row.as_ref().map(endpoint).transpose()
}

/// Turns to the next secret; the one before signs too until `end`. `None` where there is no such webhook.
///
/// # Errors
/// Where the database does not answer.
pub async fn rotate(
    client: &impl GenericClient,
    owner: Owner,
    id: WebhookId,
    end: Timestamp,
    now: Timestamp,
) -> Result<Option<Endpoint>> {
    let sql = format!(
        "UPDATE webhook_endpoints SET secret_generation = secret_generation + 1, former_secret_ends_at = $3, \
         updated_at = $4 WHERE owner = $1 AND id = $2 RETURNING {COLUMNS}"
    );
    let row = client
        .query_opt(&sql, &[&owner.key(), &id.0, &end, &now])
        .await?;
    row.as_ref().map(endpoint).transpose()
}

/// Removes a webhook and what was or is to be sent to it; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove(client: &impl GenericClient, owner: Owner, id: WebhookId) -> Result<bool> {
    let sql = "DELETE FROM webhook_endpoints WHERE owner = $1 AND id = $2";
    Ok(client.execute(sql, &[&owner.key(), &id.0]).await? == 1)
}

/// A webhook.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    owner: Owner,
    id: WebhookId,
) -> Result<Option<Endpoint>> {
    let sql = format!("SELECT {COLUMNS} FROM webhook_endpoints WHERE owner = $1 AND id = $2");
    let row = client.query_opt(&sql, &[&owner.key(), &id.0]).await?;
    row.as_ref().map(endpoint).transpose()
}

/// A webhook that stays as it is until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_locked(
    client: &impl GenericClient,
    owner: Owner,
    id: WebhookId,
) -> Result<Option<Endpoint>> {
    let sql =
        format!("SELECT {COLUMNS} FROM webhook_endpoints WHERE owner = $1 AND id = $2 FOR SHARE");
    let row = client.query_opt(&sql, &[&owner.key(), &id.0]).await?;
    row.as_ref().map(endpoint).transpose()
}

/// A page of somebody's webhooks in the order of their ids, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    owner: Owner,
    after: Option<WebhookId>,
    limit: i64,
) -> Result<Vec<Endpoint>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_endpoints WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3"
    );
    let after = after.map_or(0, |id| id.0);
    let rows = client
        .query(&sql, &[&owner.key(), &after, &(limit + 1)])
        .await?;
    rows.iter().map(endpoint).collect()
}

/// The webhooks of somebody that want to hear of something; they stay as they are until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn wanting(
    client: &impl GenericClient,
    owner: Owner,
    type_name: &str,
) -> Result<Vec<WebhookId>> {
    let sql = "SELECT id FROM webhook_endpoints WHERE owner = $1 AND disabled_at IS NULL \
               AND types && ARRAY[$2, '*'] ORDER BY id FOR SHARE";
    let rows = client.query(sql, &[&owner.key(), &type_name]).await?;
    rows.iter()
        .map(|row| Ok(WebhookId(row.try_get("id")?)))
        .collect()
}

/// Disables a webhook; `false` where it is disabled already, or gone.
///
/// # Errors
/// Where the database does not answer.
pub async fn disable(
    client: &impl GenericClient,
    owner: Owner,
    id: WebhookId,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE webhook_endpoints SET disabled_at = $3, updated_at = $3 \
               WHERE owner = $1 AND id = $2 AND disabled_at IS NULL";
    Ok(client.execute(sql, &[&owner.key(), &id.0, &now]).await? == 1)
}
