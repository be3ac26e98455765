//! Statements on vendors and their keys.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    ApiKey, Level, PrivateDigests, Profile, Retention, Status, Subscription, Vendor, settings,
};
use crate::auth::KeyedDigest;
use crate::db::{Error, GenericClient, Result};
use crate::oauth::signed;
use crate::types::{ApiEndpoint, Email, HookUrl, KeyId, Name, Namespace, VendorId};

const COLUMNS: &str = "id, namespace, name, owner_name, owner_email, plan, subscription, has_card, status, \
                       support_paused_until, store_wide_writes, token_settings, lease_cap, provisioned_level, log_retention_days, client_webhook_url, token_epoch, signed_clients_only, \
                       created_at, \
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
    let mut jwt_keys = signed::store::load(client, id).await?;
    vendors
        .iter()
        .map(|row| {
            let mut vendor = vendor(row, &mut keys)?;
            vendor.jwt_keys = jwt_keys.remove(&vendor.id.0).unwrap_or_default();
            Ok(vendor)
        })
        .collect()
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
            has_card: row.try_get("has_card")?,
        },
        status: status(row.try_get("status")?)?,
        support_paused_until: row.try_get("support_paused_until")?,
        store_wide_writes: row.try_get("store_wide_writes")?,
        token_settings: settings::store::settings(row.try_get("token_settings")?)?,
        lease_cap: row
            .try_get::<_, Option<i32>>("lease_cap")?
            .map(i32::unsigned_abs),
        provisioned: Level(row.try_get("provisioned_level")?),
        // One that breaks the rules of today is to be registered again, and shuts nobody else out.
        connector: row
            .try_get::<_, Option<&str>>("connector")?
            .and_then(|url| ApiEndpoint::try_from(url).ok()),
        client_webhook: row
            .try_get::<_, Option<String>>("client_webhook_url")?
            .map(HookUrl::stored),
        log_retention_days: row.try_get("log_retention_days")?,
        token_epoch: row.try_get("token_epoch")?,
        signed_clients_only: row.try_get("signed_clients_only")?,
        jwt_keys: Vec::new(),
        created_at: row.try_get("created_at")?,
        keys: keys.remove(&id).unwrap_or_default(),
    })
}

pub(super) fn status(name: &str) -> Result<Status> {
    match name {
        "active" => Ok(Status::Active),
        "suspended" => Ok(Status::Suspended),
        "cancelled" => Ok(Status::Cancelled),
        _ => Err(Error::Corrupt("vendors.status")),
    }
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
    let sql = "INSERT INTO vendors (namespace, name, owner_name, owner_email, plan, subscription, has_card, \
                   created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (namespace) DO NOTHING RETURNING id";
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
                &profile.has_card,
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
    /// Whether there is a card to charge.
    pub has_card: Option<bool>,
    /// How long its logs are kept.
    pub log_retention: Retention,
}

impl Changes<'_> {
    /// Whether anything is to change but how long logs are kept.
    #[must_use]
    pub fn is_of_profile(&self) -> bool {
        let texts = [self.name, self.owner_name, self.plan];
        texts.iter().any(Option::is_some)
            || self.owner_email.is_some()
            || self.subscription.is_some()
            || self.has_card.is_some()
    }
}

/// Changes a vendor; `true` where that made its subscription active which was not.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(
    client: &impl GenericClient,
    id: VendorId,
    to: &Changes<'_>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "WITH before AS (SELECT id, subscription FROM vendors WHERE id = $1 FOR NO KEY UPDATE) \
               UPDATE vendors v SET name = coalesce($2, name), owner_name = coalesce($3, owner_name), \
               owner_email = coalesce($4, owner_email), plan = coalesce($5, plan), \
               subscription = coalesce($6, v.subscription), has_card = coalesce($10, has_card), \
               log_retention_days = CASE WHEN $8 THEN $9 ELSE log_retention_days END, updated_at = $7 \
               FROM before WHERE v.id = before.id \
               RETURNING v.subscription = 'active' AND before.subscription <> 'active' AS renewed";
    let name = to.name.map(Name::as_str);
    let owner_name = to.owner_name.map(Name::as_str);
    let owner_email = to.owner_email.map(Email::as_str);
    let plan = to.plan.map(Name::as_str);
    let subscription = to.subscription.map(Subscription::as_str);
    let row = client
        .query_opt(
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
                &to.has_card,
            ],
        )
        .await?;
    Ok(match row {
        Some(row) => row.try_get("renewed")?,
        None => false,
    })
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
               WHERE id = $1 AND provisioned_level < $2 AND status <> 'cancelled'";
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

/// The same of those whose namespace or name holds a text, in any case.
///
/// # Errors
/// Where the database does not answer.
pub async fn page_with(
    client: &impl GenericClient,
    text: &str,
    after: Option<VendorId>,
    limit: i64,
) -> Result<Vec<Vendor>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM vendors WHERE id > $1 AND (position(lower($3) IN namespace) > 0 \
         OR position(lower($3) IN lower(name)) > 0) ORDER BY id LIMIT $2"
    );
    let after = after.map_or(0, |id| id.0);
    let rows = client.query(&sql, &[&after, &(limit + 1), &text]).await?;
    rows.iter()
        .map(|row| vendor(row, &mut HashMap::new()))
        .collect()
}
