//! Statements on vendors and their keys.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{ApiKey, Level, PrivateDigests, Profile, Retention, Status, Subscription, Vendor};
use crate::auth::KeyedDigest;
use crate::db::{Error, GenericClient, Result};
use crate::types::{ApiEndpoint, Email, KeyId, Name, Namespace, VendorId};

const COLUMNS: &str = "id, namespace, name, owner_name, owner_email, plan, subscription, status, \
                       support_paused_until, store_wide_writes, provisioned_level, log_retention_days, created_at, \
                       (SELECT endpoint FROM connectors WHERE vendor_id = vendors.id) AS connector";

/// One vendor with its keys, or all of them.
///
/// # Errors
/// Where the database does not answer, or a row breaks the rules of its type.
pub async fn load(client: &impl GenericClient, id: Option<VendorId>) -> Result<Vec<Vendor>> {
    let id = id.map(|id| id.0);
    let sql = format!("SELECT {COLUMNS} FROM vendors WHERE $1::bigint IS NULL OR id = $1");
    let vendors = client.query(&sql, &[&id]).await?;
    let sql = "SELECT id, vendor_id, generation, private_digest, bearer_digest, pair_digest, private_first_used_at, \
               created_at, ends_at FROM api_keys WHERE $1::bigint IS NULL OR vendor_id = $1 ORDER BY vendor_id, generation";
    let mut keys: HashMap<i64, Vec<ApiKey>> = HashMap::new();
    for row in client.query(sql, &[&id]).await? {
        keys.entry(row.try_get("vendor_id")?)
            .or_default()
            .push(key(&row)?);
    }
    vendors.iter().map(|row| vendor(row, &mut keys)).collect()
}

fn vendor(row: &Row, keys: &mut HashMap<i64, Vec<ApiKey>>) -> Result<Vendor> {
    let id: i64 = row.try_get("id")?;
    Ok(Vendor {
        id: VendorId(id),
        namespace: Namespace::parse(row.try_get("namespace")?)
            .map_err(|_| Error::Corrupt("vendors.namespace"))?,
        name: text(row.try_get("name")?, "vendors.name")?,
        profile: Profile {
            owner_name: optional::<Name>(row.try_get("owner_name")?, "vendors.owner_name")?,
            owner_email: optional::<Email>(row.try_get("owner_email")?, "vendors.owner_email")?,
            plan: optional::<Name>(row.try_get("plan")?, "vendors.plan")?,
            subscription: match row.try_get("subscription")? {
                "active" => Subscription::Active,
                "trial" => Subscription::Trial,
                "unpaid" => Subscription::Unpaid,
                _ => return Err(Error::Corrupt("vendors.subscription")),
            },
        },
        status: match row.try_get("status")? {
            "active" => Status::Active,
            "suspended" => Status::Suspended,
            "cancelled" => Status::Cancelled,
            _ => return Err(Error::Corrupt("vendors.status")),
        },
        support_paused_until: row.try_get("support_paused_until")?,
        store_wide_writes: row.try_get("store_wide_writes")?,
        provisioned: Level(row.try_get("provisioned_level")?),
        // One that breaks the rules of today is to be registered again, and shuts nobody else out.
        connector: row
            .try_get::<_, Option<&str>>("connector")?
            .and_then(|url| ApiEndpoint::try_from(url).ok()),
        log_retention_days: row.try_get("log_retention_days")?,
        created_at: row.try_get("created_at")?,
        keys: keys.remove(&id).unwrap_or_default(),
    })
}

fn text<T: TryFrom<String>>(text: String, column: &'static str) -> Result<T> {
    T::try_from(text).map_err(|_| Error::Corrupt(column))
}

fn optional<T: TryFrom<String>>(value: Option<String>, column: &'static str) -> Result<Option<T>> {
    value.map(|value| text(value, column)).transpose()
}

fn key(row: &Row) -> Result<ApiKey> {
    let digest = |column| -> Result<Option<KeyedDigest>> {
        let bytes: Option<&[u8]> = row.try_get(column)?;
        Ok(bytes.and_then(KeyedDigest::from_bytes))
    };
    let digests = (
        digest("private_digest")?,
        digest("bearer_digest")?,
        digest("pair_digest")?,
    );
    let private = match digests {
        (Some(private), Some(bearer), Some(pair)) => Some(PrivateDigests {
            private,
            bearer,
            pair,
        }),
        _ => None,
    };
    Ok(ApiKey {
        id: KeyId(row.try_get("id")?),
        generation: row.try_get("generation")?,
        private,
        private_used: row
            .try_get::<_, Option<Timestamp>>("private_first_used_at")?
            .is_some(),
        created_at: row.try_get("created_at")?,
        ends_at: row.try_get("ends_at")?,
    })
}

/// The vendors that the given keys belong to.
///
/// # Errors
/// Where the database does not answer.
pub async fn vendors_of_keys(client: &impl GenericClient, keys: &[KeyId]) -> Result<Vec<VendorId>> {
    let ids: Vec<i64> = keys.iter().map(|key| key.0).collect();
    let rows = client
        .query(
            "SELECT DISTINCT vendor_id FROM api_keys WHERE id = ANY($1)",
            &[&ids],
        )
        .await?;
    rows.iter()
        .map(|row| Ok(VendorId(row.try_get("vendor_id")?)))
        .collect()
}

/// The vendor of a namespace.
///
/// # Errors
/// Where the database does not answer.
pub async fn id_of(client: &impl GenericClient, namespace: &Namespace) -> Result<Option<VendorId>> {
    let row = client
        .query_opt(
            "SELECT id FROM vendors WHERE namespace = $1",
            &[&namespace.as_str()],
        )
        .await?;
    row.map(|row| Ok(VendorId(row.try_get("id")?))).transpose()
}

/// A vendor to be added.
pub struct NewVendor<'a> {
    /// Unique for ever.
    pub namespace: &'a Namespace,
    /// Shown name.
    pub name: &'a Name,
    /// The rest.
    pub profile: &'a Profile,
}

/// Adds a vendor; `None` where the namespace is taken.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    new: &NewVendor<'_>,
    now: Timestamp,
) -> Result<Option<VendorId>> {
    let sql = "INSERT INTO vendors (namespace, name, owner_name, owner_email, plan, subscription, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (namespace) DO NOTHING RETURNING id";
    let profile = new.profile;
    let owner_name = profile.owner_name.as_ref().map(Name::as_str);
    let owner_email = profile.owner_email.as_ref().map(Email::as_str);
    let plan = profile.plan.as_ref().map(Name::as_str);
    let row = client
        .query_opt(
            sql,
            &[
                &new.namespace.as_str(),
                &new.name.as_str(),
                &owner_name,
                &owner_email,
                &plan,
                &profile.subscription.as_str(),
                &now,
            ],
        )
        .await?;
    row.map(|row| Ok(VendorId(row.try_get("id")?))).transpose()
}

/// What is to change of a vendor; `None` leaves a field as it is.
#[derive(Default)]
pub struct Changes<'a> {
    /// Shown name.
    pub name: Option<&'a Name>,
    /// Owner's name.
    pub owner_name: Option<&'a Name>,
    /// Owner's address.
    pub owner_email: Option<&'a Email>,
    /// Plan.
    pub plan: Option<&'a Name>,
    /// Whether it is paid for.
    pub subscription: Option<Subscription>,
    /// How long its logs are kept.
    pub log_retention: Retention,
}

/// Changes a vendor.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    id: VendorId,
    to: &Changes<'_>,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE vendors SET name = coalesce($2, name), owner_name = coalesce($3, owner_name), \
               owner_email = coalesce($4, owner_email), plan = coalesce($5, plan), \
               subscription = coalesce($6, subscription), \
               log_retention_days = CASE WHEN $8 THEN $9 ELSE log_retention_days END, updated_at = $7 WHERE id = $1";
    let name = to.name.map(Name::as_str);
    let owner_name = to.owner_name.map(Name::as_str);
    let owner_email = to.owner_email.map(Email::as_str);
    let plan = to.plan.map(Name::as_str);
    let subscription = to.subscription.map(Subscription::as_str);
    client
        .execute(
            sql,
            &[
                &id.0,
                &name,
                &owner_name,
                &owner_email,
                &plan,
                &subscription,
                &now,
                &(to.log_retention != Retention::Unchanged),
                &to.log_retention.days(),
            ],
        )
        .await?;
    Ok(())
}

/// Takes the place of the newest sign-up event of a vendor; `false` where a newer one was applied already.
///
/// # Errors
/// Where the database does not answer.
pub async fn advance_events(
    client: &impl GenericClient,
    id: VendorId,
    event_at: Timestamp,
    event_id: &str,
) -> Result<bool> {
    let sql = "UPDATE vendors SET last_event_at = $2, last_event_id = $3 WHERE id = $1 AND \
               (last_event_at IS NULL OR (last_event_at, last_event_id) < ($2, $3))";
    Ok(client.execute(sql, &[&id.0, &event_at, &event_id]).await? == 1)
}

/// Notes how much of what belongs to a vendor in OpenBao is there.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_provisioned(
    client: &impl GenericClient,
    id: VendorId,
    level: Level,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE vendors SET provisioned_at = coalesce(provisioned_at, $3), provisioned_level = $2 \
               WHERE id = $1 AND provisioned_level < $2";
    client.execute(sql, &[&id.0, &level.0, &now]).await?;
    Ok(())
}

/// Vendors of which something is still to be made in OpenBao, limited to a few.
///
/// # Errors
/// Where the database does not answer.
pub async fn to_provision(
    client: &impl GenericClient,
    level: Level,
    limit: i64,
) -> Result<Vec<VendorId>> {
    let sql = "SELECT id FROM vendors WHERE provisioned_level < $1 AND status <> 'cancelled' ORDER BY id LIMIT $2";
    let rows = client.query(sql, &[&level.0, &limit]).await?;
    rows.iter()
        .map(|row| Ok(VendorId(row.try_get("id")?)))
        .collect()
}

/// Adds a key pair without a private key.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_key(
    client: &impl GenericClient,
    vendor: VendorId,
    key: KeyId,
    generation: i32,
    now: Timestamp,
) -> Result<()> {
    let sql =
        "INSERT INTO api_keys (id, vendor_id, generation, created_at) VALUES ($1, $2, $3, $4)";
    client
        .execute(sql, &[&key.0, &vendor.0, &generation, &now])
        .await?;
    Ok(())
}

/// Sets the private key of a pair; `false` where the one it has is in use.
///
/// # Errors
/// Where the database does not answer.
pub async fn set_private_key(
    client: &impl GenericClient,
    vendor: VendorId,
    key: KeyId,
    digests: &PrivateDigests,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE api_keys SET private_digest = $3, bearer_digest = $4, pair_digest = $5, claimed_at = $6 \
               WHERE vendor_id = $1 AND id = $2 AND private_first_used_at IS NULL AND ends_at IS NULL";
    let set = client
        .execute(
            sql,
            &[
                &vendor.0,
                &key.0,
                &digests.private.as_bytes(),
                &digests.bearer.as_bytes(),
                &digests.pair.as_bytes(),
                &now,
            ],
        )
        .await?;
    Ok(set == 1)
}

/// Notes the first use of a private key; `false` where it is not the pair's any more.
///
/// # Errors
/// Where the database does not answer.
pub async fn mark_private_key_used(
    client: &impl GenericClient,
    vendor: VendorId,
    key: KeyId,
    private: &KeyedDigest,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE api_keys SET private_first_used_at = coalesce(private_first_used_at, $4) \
               WHERE vendor_id = $1 AND id = $2 AND private_digest = $3";
    let marked = client
        .execute(sql, &[&vendor.0, &key.0, &private.as_bytes(), &now])
        .await?;
    Ok(marked == 1)
}

/// A page of vendors in order of their ids, one row more than asked where there is more.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    client: &impl GenericClient,
    after: Option<VendorId>,
    limit: i64,
) -> Result<Vec<Vendor>> {
    let sql = format!("SELECT {COLUMNS} FROM vendors WHERE id > $1 ORDER BY id LIMIT $2");
    let after = after.map_or(0, |id| id.0);
    let rows = client.query(&sql, &[&after, &(limit + 1)]).await?;
    rows.iter()
        .map(|row| vendor(row, &mut HashMap::new()))
        .collect()
}
