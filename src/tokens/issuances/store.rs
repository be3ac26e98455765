//! Statements on the ledger for those who look at it and end what it holds.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{CallerName, Filter, Issuance, Revoke, State, Stretch};
use crate::db::{GenericClient, Result};
use crate::tokens::revoke::store::{Doomed, doomed};
use crate::types::{IssuanceId, SecretId, VendorId, WorkerId};

const COLUMNS: &str = "i.id, i.vendor_id, v.namespace, i.kind, i.accessor, i.secret_id, i.caller, i.issued_at, i.expires_at, \
                       i.max_expires_at, i.first_life_seconds, i.uses, i.bound_cidrs, i.last_used_at, i.client_address, i.request_id, i.worker_id, c.key AS credential, \
                       i.revoke_reason, i.revoke_actor, i.revoke_asked_at, i.revoked_at";
const WITH_NAMES: &str = "JOIN vendors v ON v.id = i.vendor_id \
                          LEFT JOIN credentials c ON c.vendor_id = i.vendor_id AND c.id = i.credential_id";

/// Of one vendor, or of all: `$1`; in a stretch: `$2` and `$3`; as a filter says: `$4` to `$10`.
const MEANT: &str = "($1::bigint IS NULL OR vendor_id = $1) AND id >= $2 AND id < $3 \
                     AND ($4::text IS NULL OR kind = $4) AND ($5::text IS NULL OR secret_id = $5) \
                     AND ($6::text IS NULL OR caller = $6 OR starts_with(caller, $6 || ':')) \
                     AND ($7::timestamptz IS NULL OR issued_at < $7) AND ($8::timestamptz IS NULL OR issued_at > $8) \
                     AND ($9::bigint IS NULL OR api_key_id = $9) \
                     AND ($10::text[] IS NULL OR client_address::inet <<= ANY($10::text[]::inet[]))";

fn issuance(row: &Row) -> Result<Issuance> {
    let (asked_at, revoked_at) = (row.try_get("revoke_asked_at")?, row.try_get("revoked_at")?);
    let revoke = Revoke {
        reason: row.try_get("revoke_reason")?,
        by: row.try_get("revoke_actor")?,
        asked_at,
        revoked_at,
    };
    let ends: Option<Timestamp> = asked_at.or(revoked_at);
    Ok(Issuance {
        id: IssuanceId(row.try_get("id")?),
        vendor: VendorId(row.try_get("vendor_id")?),
        namespace: row.try_get("namespace")?,
        kind: row.try_get("kind")?,
        accessor: row.try_get("accessor")?,
        secret_id: row.try_get("secret_id")?,
        caller: row.try_get("caller")?,
        issued_at: row.try_get("issued_at")?,
        expires_at: row.try_get("expires_at")?,
        max_expires_at: row.try_get("max_expires_at")?,
        ttl: row.try_get("first_life_seconds")?,
        uses: row.try_get("uses")?,
        bound_cidrs: row.try_get("bound_cidrs")?,
        last_used_at: row.try_get("last_used_at")?,
        client_address: row.try_get("client_address")?,
        request_id: row.try_get("request_id")?,
        worker: row.try_get::<_, Option<i64>>("worker_id")?.map(WorkerId),
        credential: row.try_get("credential")?,
        revoke: ends.map(|_| revoke),
    })
}

/// The id that is `reach` rows into a stretch, from its end; `None` where it has fewer. Of a site's own rows where one
/// vendor's site is meant.
///
/// # Errors
/// Where the database does not answer.
pub async fn floor(
    client: &impl GenericClient,
    whose: Option<VendorId>,
    filter: &Filter,
    stretch: &Stretch,
    reach: i64,
) -> Result<Option<IssuanceId>> {
    let sql = "SELECT id FROM issuances WHERE ($1::bigint IS NULL OR vendor_id = $1) AND id >= $2 AND id < $3 \
               AND ($1 IS NULL OR $4::text IS NULL OR secret_id = $4) ORDER BY id DESC OFFSET $5 LIMIT 1";
    let vendor = whose.map(|id| id.0);
    let site = filter.site.as_ref().map(SecretId::as_str);
    let row = client
        .query_opt(
            sql,
            &[
                &vendor,
                &stretch.from.0,
                &stretch.before.0,
                &site,
                &(reach - 1),
            ],
        )
        .await?;
    row.map(|row| Ok(IssuanceId(row.try_get("id")?)))
        .transpose()
}

/// A page of a stretch, the newest first, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    whose: Option<VendorId>,
    filter: &Filter,
    stretch: &Stretch,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Issuance>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ( \
           SELECT * FROM issuances WHERE {MEANT} AND ($11::text IS NULL OR $11 = CASE \
             WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN max_expires_at <= $12 THEN 'expired' \
             WHEN revoke_asked_at IS NOT NULL THEN 'ending' ELSE 'live' END) \
           ORDER BY id DESC LIMIT $13) i {WITH_NAMES} ORDER BY i.id DESC"
    );
    let rows = client
        .query(
            &sql,
            &[
                &whose.map(|id| id.0),
                &stretch.from.0,
                &stretch.before.0,
                &filter.kind.map(|kind| kind.rules().name),
                &filter.site.as_ref().map(SecretId::as_str),
                &filter.caller.as_ref().map(CallerName::as_str),
                &filter.issued_before,
                &filter.issued_after,
                &filter.key.map(|key| key.0),
                &filter.address.map(|addresses| addresses.written()),
                &filter.state.map(State::as_str),
                &now,
                &(limit + 1),
            ],
        )
        .await?;
    rows.iter().map(issuance).collect()
}

/// One token of a vendor.
///
/// # Errors
/// Where the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
) -> Result<Option<Issuance>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM issuances i {WITH_NAMES} WHERE i.vendor_id = $1 AND i.id = $2"
    );
    let row = client.query_opt(&sql, &[&vendor.0, &id.0]).await?;
    row.as_ref().map(issuance).transpose()
}

/// The same, locked until the transaction ends.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_for_update(
    client: &impl GenericClient,
    vendor: VendorId,
    id: IssuanceId,
) -> Result<Option<Issuance>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM issuances i {WITH_NAMES} WHERE i.vendor_id = $1 AND i.id = $2 FOR UPDATE OF i"
    );
    let row = client.query_opt(&sql, &[&vendor.0, &id.0]).await?;
    row.as_ref().map(issuance).transpose()
}

/// The place in the order of recording that was given out last.
///
/// # Errors
/// Where the database does not answer.
pub async fn last_recorded(client: &impl GenericClient) -> Result<i64> {
    let sql = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('issuances', 'seq')::regclass), 0) AS last";
    Ok(client.query_one(sql, &[]).await?.try_get("last")?)
}

/// Who asks for the end of many tokens.
pub struct BulkOrder<'a> {
    /// As the events name the caller.
    pub by: &'a str,
    /// In a few words.
    pub reason: &'a str,
    /// Now.
    pub at: Timestamp,
    /// Until when they are left to whoever asks; then the task takes what is left.
    pub after: Timestamp,
    /// The last token that is meant, in the order of recording.
    pub newest: i64,
}

/// Marks the live tokens of a stretch that are meant, and gives them with those that were marked before.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark(
    client: &impl GenericClient,
    whose: Option<VendorId>,
    filter: &Filter,
    stretch: &Stretch,
    order: &BulkOrder<'_>,
) -> Result<Vec<Doomed>> {
    let sql = format!(
        "UPDATE issuances SET revoke_asked_at = coalesce(revoke_asked_at, $11), \
         revoke_after = coalesce(revoke_after, $12), revoke_reason = coalesce(revoke_reason, $13), \
         revoke_actor = CASE WHEN revoke_asked_at IS NULL THEN $14 ELSE revoke_actor END \
         WHERE {MEANT} AND seq <= $15 AND revoked_at IS NULL AND max_expires_at > $11 \
         RETURNING id, vendor_id, accessor"
    );
    let rows = client
        .query(
            &sql,
            &[
                &whose.map(|id| id.0),
                &stretch.from.0,
                &stretch.before.0,
                &filter.kind.map(|kind| kind.rules().name),
                &filter.site.as_ref().map(SecretId::as_str),
                &filter.caller.as_ref().map(CallerName::as_str),
                &filter.issued_before,
                &filter.issued_after,
                &filter.key.map(|key| key.0),
                &filter.address.map(|addresses| addresses.written()),
                &order.at,
                &order.after,
                &order.reason,
                &order.by,
                &order.newest,
            ],
        )
        .await?;
    rows.iter().map(doomed).collect()
}

/// How many live tokens of a stretch are meant, and how many of them are to end already.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(
    client: &impl GenericClient,
    whose: Option<VendorId>,
    filter: &Filter,
    stretch: &Stretch,
    now: Timestamp,
) -> Result<(usize, usize)> {
    let sql = format!(
        "SELECT count(*) AS live, count(*) FILTER (WHERE revoke_asked_at IS NOT NULL) AS ending FROM issuances \
         WHERE {MEANT} AND revoked_at IS NULL AND max_expires_at > $11"
    );
    let row = client
        .query_one(
            &sql,
            &[
                &whose.map(|id| id.0),
                &stretch.from.0,
                &stretch.before.0,
                &filter.kind.map(|kind| kind.rules().name),
                &filter.site.as_ref().map(SecretId::as_str),
                &filter.caller.as_ref().map(CallerName::as_str),
                &filter.issued_before,
                &filter.issued_after,
                &filter.key.map(|key| key.0),
                &filter.address.map(|addresses| addresses.written()),
                &now,
            ],
        )
        .await?;
    let number = |column| -> Result<usize> {
        Ok(usize::try_from(row.try_get::<_, i64>(column)?).unwrap_or(usize::MAX))
    };
    Ok((number("live")?, number("ending")?))
}
