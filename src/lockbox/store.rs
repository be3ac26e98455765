//! Statements on lockboxes as a whole: their state, their wrapped key, the replicas that hold it.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::crypto::{Kdf, Wrap};
use super::throttle::Tries;
use crate::db::{Error, GenericClient, Result};
use crate::types::VendorId;

type Parameter<'a> = dyn ToSql + Sync + 'a;

/// A replica that was not seen for so long is gone.
pub const SEEN: &str = "interval '3 seconds'";

/// What state a lockbox is in.
pub struct State {
    /// Moves with every lock, unlock and change of the data key.
    pub epoch: i64,
    /// Whether it has a password.
    pub initialized: bool,
    /// Whether it is locked on every replica.
    pub locked: bool,
    /// Whether another replica lives that has the key and may give it to this one.
    pub can_be_had: bool,
}

/// The state of a vendor's lockbox as this replica sees it; `None` where nobody ever asked for one.
///
/// # Errors
/// Where the database does not answer.
pub async fn state(
    client: &impl GenericClient,
    vendor: VendorId,
    replica: Uuid,
) -> Result<Option<State>> {
    let sql = format!(
        "SELECT l.epoch, l.locked, l.wrapped_key IS NOT NULL AS initialized, NOT l.locked \
         AND EXISTS (SELECT 1 FROM replicas me WHERE me.id = $2 AND (l.join_unlocked OR me.started_at <= l.unlocked_at)) \
         AND EXISTS (SELECT 1 FROM lockbox_holders h JOIN replicas r ON r.id = h.replica_id \
                     WHERE h.vendor_id = l.vendor_id AND h.epoch = l.epoch AND r.id <> $2 \
                     AND r.seen_at > now() - {SEEN}) AS can_be_had \
         FROM lockboxes l WHERE l.vendor_id = $1"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&vendor.0, &replica]).await?;
    row.map(|row| {
        Ok(State {
            epoch: row.try_get("epoch")?,
            initialized: row.try_get("initialized")?,
            locked: row.try_get("locked")?,
            can_be_had: row.try_get("can_be_had")?,
        })
    })
    .transpose()
}

/// A lockbox's wrapped key.
pub struct Wrapped {
    /// How to unwrap it.
    pub wrap: Wrap,
    /// Counts wraps.
    pub edition: i32,
    /// The former data key, sealed under this one, while entries need it.
    pub former: Option<Vec<u8>>,
}

pub(super) const WRAP: &str =
    "wrapped_key, kdf_memory_kib, kdf_passes, kdf_lanes, salt, secret_version, generation";

pub(super) fn wrap(row: &Row) -> Result<Wrap> {
    let number = |name: &str| {
        u32::try_from(row.try_get::<_, i32>(name)?).map_err(|_| Error::Corrupt("lockboxes.kdf"))
    };
    Ok(Wrap {
        kdf: Kdf {
            memory_kib: number("kdf_memory_kib")?,
            passes: number("kdf_passes")?,
            lanes: number("kdf_lanes")?,
        },
        salt: row.try_get("salt")?,
        secret_version: row.try_get("secret_version")?,
        generation: row.try_get("generation")?,
        sealed: row.try_get("wrapped_key")?,
    })
}

/// The wrapped key of a lockbox that is initialized.
///
/// # Errors
/// Where the database does not answer.
pub async fn wrapped(client: &impl GenericClient, vendor: VendorId) -> Result<Option<Wrapped>> {
    let sql = format!(
        "SELECT {WRAP}, wrap_edition, former_key FROM lockboxes WHERE vendor_id = $1 AND wrapped_key IS NOT NULL"
    );
    let row = client.query_opt(&sql, &[&vendor.0]).await?;
    row.map(|row| {
        Ok(Wrapped {
            wrap: wrap(&row)?,
            edition: row.try_get("wrap_edition")?,
            former: row.try_get("former_key")?,
        })
    })
    .transpose()
}

/// Makes sure that a vendor has a row: settings and a password come later.
///
/// # Errors
/// Where the database does not answer.
pub async fn ensure(client: &impl GenericClient, vendor: VendorId, now: Timestamp) -> Result<()> {
    let sql =
        "INSERT INTO lockboxes (vendor_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    client.execute(sql, &[&vendor.0, &now]).await?;
    Ok(())
}

/// The parameters of a wrap as they are stored.
pub(super) fn numbers(wrap: &Wrap) -> [i32; 3] {
    let Kdf {
        memory_kib,
        passes,
        lanes,
    } = wrap.kdf;
    [memory_kib, passes, lanes].map(|number| i32::try_from(number).unwrap_or(i32::MAX))
}

/// What [`NEW_WRAP`] takes, from `$1` to `$8`, and more.
pub(super) fn with_wrap<'a>(
    vendor: &'a i64,
    wrap: &'a Wrap,
    numbers: &'a [i32; 3],
    more: &[&'a Parameter<'a>],
) -> Vec<&'a Parameter<'a>> {
    let [memory, passes, lanes] = numbers;
    let mut all: Vec<&'a Parameter<'a>> = vec![
        vendor,
        &wrap.sealed,
        memory,
        passes,
        lanes,
        &wrap.salt,
        &wrap.secret_version,
        &wrap.generation,
    ];
    all.extend_from_slice(more);
    all
}

pub(super) const NEW_WRAP: &str = "wrapped_key = $2, kdf_memory_kib = $3, kdf_passes = $4, kdf_lanes = $5, salt = $6, \
                        secret_version = $7, generation = $8, wrap_edition = wrap_edition + 1";

/// Gives a lockbox its first wrapped key and unlocks it: the epoch, or `None` where it has a key already.
///
/// # Errors
/// Where the database does not answer.
pub async fn initialize(
    client: &impl GenericClient,
    vendor: VendorId,
    wrap: &Wrap,
    now: Timestamp,
) -> Result<Option<i64>> {
    let sql = format!(
        "UPDATE lockboxes SET {NEW_WRAP}, locked = false, epoch = epoch + 1, unlocked_at = now(), initialized_at = $9 \
         WHERE vendor_id = $1 AND wrapped_key IS NULL RETURNING epoch"
    );
    let numbers = numbers(wrap);
    let row = client
        .query_opt(&sql, &with_wrap(&vendor.0, wrap, &numbers, &[&now]))
        .await?;
    row.map(|row| Ok(row.try_get("epoch")?)).transpose()
}

/// Puts another wrap of the same data key in the place of this edition; `false` where another took its place before.
///
/// # Errors
/// Where the database does not answer.
pub async fn rewrap(
    client: &impl GenericClient,
    vendor: VendorId,
    edition: i32,
    wrap: &Wrap,
) -> Result<bool> {
    let sql = format!(
        "UPDATE lockboxes SET {NEW_WRAP} WHERE vendor_id = $1 AND wrap_edition = $9 AND generation = $8"
    );
    let numbers = numbers(wrap);
    let changed = client
        .execute(&sql, &with_wrap(&vendor.0, wrap, &numbers, &[&edition]))
        .await?;
    Ok(changed == 1)
}

/// A lockbox with a fresh data key.
pub struct Rotated {
    /// The epoch that began with it.
    pub epoch: i64,
    /// Whether it is locked.
    pub locked: bool,
}

/// Puts a wrap of the next data key in the place of this edition, with the former key beside it; `None` where the key
/// was wrapped anew since, or entries still need a former one.
///
/// # Errors
/// Where the database does not answer.
pub async fn rotate(
    client: &impl GenericClient,
    vendor: VendorId,
    edition: i32,
    wrap: &Wrap,
    former: &[u8],
) -> Result<Option<Rotated>> {
    let sql = format!(
        "UPDATE lockboxes SET {NEW_WRAP}, former_key = $10, epoch = epoch + 1 \
         WHERE vendor_id = $1 AND wrap_edition = $9 AND generation = $8 - 1 AND former_key IS NULL RETURNING epoch, locked"
    );
    let numbers = numbers(wrap);
    let row = client
        .query_opt(
            &sql,
            &with_wrap(&vendor.0, wrap, &numbers, &[&edition, &former]),
        )
        .await?;
    row.map(|row| {
        Ok(Rotated {
            epoch: row.try_get("epoch")?,
            locked: row.try_get("locked")?,
        })
    })
    .transpose()
}

/// Notes that a lockbox is unlocked by its password, on this replica at least: the epoch, or `None` where the key was
/// wrapped anew since.
///
/// # Errors
/// Where the database does not answer.
pub async fn unlock(
    client: &impl GenericClient,
    vendor: VendorId,
    edition: i32,
) -> Result<Option<i64>> {
    let sql = "UPDATE lockboxes SET epoch = epoch + CASE WHEN locked THEN 1 ELSE 0 END, locked = false, \
               unlocked_at = now() \
               WHERE vendor_id = $1 AND wrap_edition = $2 RETURNING epoch";
    let row = client.query_opt(sql, &[&vendor.0, &edition]).await?;
    row.map(|row| Ok(row.try_get("epoch")?)).transpose()
}

/// A lockbox that was locked.
pub struct Locked {
    /// The epoch that began with it.
    pub epoch: i64,
    /// Whether a replica that lives had the key.
    pub was_held: bool,
}

/// Locks a lockbox on every replica, in a transaction; `None` where it was locked.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock(
    client: &impl GenericClient,
    vendor: VendorId,
    replica: Uuid,
) -> Result<Option<Locked>> {
    // Held first: what the second statement sees of the holders is then no older than the row.
    let held = "SELECT 1 FROM lockboxes WHERE vendor_id = $1 FOR NO KEY UPDATE";
    client.query_opt(held, &[&vendor.0]).await?;
    let sql = format!(
        "UPDATE lockboxes l SET locked = true, epoch = epoch + 1 WHERE vendor_id = $1 AND NOT locked \
         RETURNING epoch, EXISTS (SELECT 1 FROM lockbox_holders h JOIN replicas r ON r.id = h.replica_id \
                           WHERE h.vendor_id = l.vendor_id AND h.epoch = l.epoch - 1 \
                           AND (r.id = $2 OR r.seen_at > now() - {SEEN})) AS was_held"
    );
    let row = client.query_opt(&sql, &[&vendor.0, &replica]).await?;
    row.map(|row| {
        Ok(Locked {
            epoch: row.try_get("epoch")?,
            was_held: row.try_get("was_held")?,
        })
    })
    .transpose()
}

/// Notes that a replica has the key of a lockbox, and that it is in use.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold(
    client: &impl GenericClient,
    vendor: VendorId,
    replica: Uuid,
    epoch: i64,
) -> Result<()> {
    let sql = "INSERT INTO lockbox_holders (vendor_id, replica_id, epoch, used_at) VALUES ($1, $2, $3, clock_timestamp()) \
               ON CONFLICT (vendor_id, replica_id) DO UPDATE SET epoch = $3, used_at = clock_timestamp()";
    client.execute(sql, &[&vendor.0, &replica, &epoch]).await?;
    Ok(())
}

/// What is known of tries of passwords, and the time of the database. The row is locked until the transaction ends.
///
/// # Errors
/// Where the database does not answer, or the vendor has no lockbox.
pub async fn tries(client: &impl GenericClient, vendor: VendorId) -> Result<(Tries, Timestamp)> {
    let sql = "SELECT unlock_failures, unlock_failed_at, unlock_next_at, clock_timestamp() AS now \
               FROM lockboxes WHERE vendor_id = $1 FOR NO KEY UPDATE";
    let row = client.query_one(sql, &[&vendor.0]).await?;
    let tries = Tries {
        failures: row.try_get("unlock_failures")?,
        failed_at: row.try_get("unlock_failed_at")?,
        next_at: row.try_get("unlock_next_at")?,
    };
    Ok((tries, row.try_get("now")?))
}

/// Notes a try.
///
/// # Errors
/// Where the database does not answer.
pub async fn note_try(client: &impl GenericClient, vendor: VendorId, tries: &Tries) -> Result<()> {
    let sql = "UPDATE lockboxes SET unlock_failures = $2, unlock_failed_at = $3, unlock_next_at = $4 WHERE vendor_id = $1";
    client
        .execute(
            sql,
            &[&vendor.0, &tries.failures, &tries.failed_at, &tries.next_at],
        )
        .await?;
    Ok(())
}

/// Takes the last try back.
///
/// # Errors
/// Where the database does not answer.
pub async fn take_try_back(client: &impl GenericClient, vendor: VendorId) -> Result<()> {
    let sql = "UPDATE lockboxes SET unlock_failures = greatest(unlock_failures - 1, 0), unlock_next_at = NULL WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0]).await?;
    Ok(())
}

/// Forgets the tries before the right password came.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_tries(client: &impl GenericClient, vendor: VendorId) -> Result<()> {
    let sql = "UPDATE lockboxes SET unlock_failures = 0, unlock_failed_at = NULL, unlock_next_at = NULL WHERE vendor_id = $1";
    client.execute(sql, &[&vendor.0]).await?;
    Ok(())
}
