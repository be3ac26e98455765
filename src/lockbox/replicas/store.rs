//! Statements on replicas, on what they hold, and on handovers.

use std::collections::HashMap;

use uuid::Uuid;

use crate::db::{GenericClient, Result};
use crate::lockbox::handover::{Answer, Request, Wanted};
use crate::lockbox::store::SEEN;
use crate::types::VendorId;

/// A request is answered within this time or never.
const GOOD_FOR: &str = "interval '10 seconds'";
/// A replica that was not seen for so long does not come back.
const LOST: &str = "interval '30 seconds'";

/// Notes that a replica lives.
///
/// # Errors
/// Where the database does not answer.
pub async fn seen(client: &impl GenericClient, replica: Uuid) -> Result<()> {
    let sql = "INSERT INTO replicas (id, started_at, seen_at) VALUES ($1, now(), now()) \
               ON CONFLICT (id) DO UPDATE SET seen_at = now()";
    client.execute(sql, &[&replica]).await?;
    Ok(())
}

/// Notes that a replica stopped.
///
/// # Errors
/// Where the database does not answer.
pub async fn gone(client: &impl GenericClient, replica: Uuid) -> Result<()> {
    let sql = "DELETE FROM replicas WHERE id = $1";
    client.execute(sql, &[&replica]).await?;
    Ok(())
}

/// The epochs of those of these lockboxes that are unlocked.
///
/// # Errors
/// Where the database does not answer.
pub async fn unlocked_epochs(
    client: &impl GenericClient,
    vendors: &[VendorId],
) -> Result<HashMap<VendorId, i64>> {
    if vendors.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = vendors.iter().map(|id| id.0).collect();
    let sql = "SELECT vendor_id, epoch FROM lockboxes WHERE vendor_id = ANY($1) AND NOT locked";
    let rows = client.query(sql, &[&ids]).await?;
    rows.iter()
        .map(|row| Ok((VendorId(row.try_get("vendor_id")?), row.try_get("epoch")?)))
        .collect()
}

/// Notes that a replica has the keys of these lockboxes and of no others: vendor, epoch, whether they are in use.
///
/// # Errors
/// Where the database does not answer.
pub async fn hold_only(
    client: &impl GenericClient,
    replica: Uuid,
    held: &[(VendorId, i64, bool)],
) -> Result<()> {
    let all: Vec<i64> = held.iter().map(|(vendor, ..)| vendor.0).collect();
    // A row that is new may be of a key that is in memory in a moment.
    let sql = "DELETE FROM lockbox_holders WHERE replica_id = $1 AND vendor_id <> ALL($2) \
               AND used_at < now() - interval '2 seconds'";
    client.execute(sql, &[&replica, &all]).await?;
    let epochs: Vec<i64> = held.iter().map(|(_, epoch, _)| *epoch).collect();
    let sql = "INSERT INTO lockbox_holders (vendor_id, replica_id, epoch, used_at) \
               SELECT u.vendor, $1, u.epoch, now() FROM unnest($2::bigint[], $3::bigint[]) AS u (vendor, epoch) \
               WHERE NOT EXISTS (SELECT 1 FROM lockbox_holders h WHERE h.vendor_id = u.vendor AND h.replica_id = $1) \
               ON CONFLICT DO NOTHING";
    client.execute(sql, &[&replica, &all, &epochs]).await?;
    let used = || held.iter().filter(|(.., used)| *used);
    let vendors: Vec<i64> = used().map(|(vendor, ..)| vendor.0).collect();
    if vendors.is_empty() {
        return Ok(());
    }
    let epochs: Vec<i64> = used().map(|(_, epoch, _)| *epoch).collect();
    let sql = "UPDATE lockbox_holders h SET used_at = now() FROM unnest($2::bigint[], $3::bigint[]) AS u (vendor, epoch) \
               WHERE h.replica_id = $1 AND h.vendor_id = u.vendor AND h.epoch = u.epoch";
    client.execute(sql, &[&replica, &vendors, &epochs]).await?;
    Ok(())
}

/// Whether a replica that started then may have a key it did not open with the password.
const MAY_JOIN: &str = "(l.join_unlocked OR l.unlocked_at >= ";

/// Keys that this replica may have and does not, and that others hold. Their handovers have no id yet.
///
/// # Errors
/// Where the database does not answer.
pub async fn wanted(
    client: &impl GenericClient,
    replica: Uuid,
    held: &[VendorId],
) -> Result<Vec<Wanted>> {
    let sql = format!(
        "SELECT l.vendor_id, l.epoch, me.started_at FROM lockboxes l JOIN replicas me ON me.id = $1 \
         WHERE NOT l.locked AND l.vendor_id <> ALL($2) AND {MAY_JOIN} me.started_at) \
         AND EXISTS (SELECT 1 FROM lockbox_holders h JOIN replicas r ON r.id = h.replica_id \
                     WHERE h.vendor_id = l.vendor_id AND h.epoch = l.epoch AND r.id <> $1 \
                     AND r.seen_at > now() - {SEEN}) LIMIT 100"
    );
    let held: Vec<i64> = held.iter().map(|id| id.0).collect();
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&replica, &held]).await?;
    rows.iter()
        .map(|row| {
            Ok(Wanted {
                id: Uuid::nil(),
                vendor: VendorId(row.try_get("vendor_id")?),
                epoch: row.try_get("epoch")?,
                replica,
                started_at: row.try_get("started_at")?,
            })
        })
        .collect()
}

/// Posts a request.
///
/// # Errors
/// Where the database does not answer.
pub async fn request(client: &impl GenericClient, request: &Request) -> Result<()> {
    let sql = "INSERT INTO lockbox_handovers (id, vendor_id, epoch, replica_id, started_at, public_key, tag, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, now())";
    let wanted = &request.wanted;
    client
        .execute(
            sql,
            &[
                &wanted.id,
                &wanted.vendor.0,
                &wanted.epoch,
                &wanted.replica,
                &wanted.started_at,
                &request.public_key,
                &request.tag,
            ],
        )
        .await?;
    Ok(())
}

/// Fresh requests of other replicas for these lockboxes.
///
/// # Errors
/// Where the database does not answer.
pub async fn requests(
    client: &impl GenericClient,
    replica: Uuid,
    vendors: &[VendorId],
) -> Result<Vec<Request>> {
    let sql = format!(
        "SELECT id, vendor_id, epoch, replica_id, started_at, public_key, tag FROM lockbox_handovers \
         WHERE vendor_id = ANY($2) AND replica_id <> $1 AND answer IS NULL AND created_at > now() - {GOOD_FOR} \
         ORDER BY created_at LIMIT 100"
    );
    let ids: Vec<i64> = vendors.iter().map(|id| id.0).collect();
    let rows = client.query(&sql, &[&replica, &ids]).await?;
    rows.iter()
        .map(|row| {
            Ok(Request {
                wanted: Wanted {
                    id: row.try_get("id")?,
                    vendor: VendorId(row.try_get("vendor_id")?),
                    epoch: row.try_get("epoch")?,
                    replica: row.try_get("replica_id")?,
                    started_at: row.try_get("started_at")?,
                },
                public_key: row.try_get("public_key")?,
                tag: row.try_get("tag")?,
            })
        })
        .collect()
}

/// Answers a request, if nobody did, and if the lockbox is still unlocked at that epoch and open to that replica.
///
/// # Errors
/// Where the database does not answer.
pub async fn answer(client: &impl GenericClient, wanted: &Wanted, answer: &Answer) -> Result<bool> {
    let sql = format!(
        "UPDATE lockbox_handovers a SET answer_public_key = $4, answer = $5, answered_at = now() \
         FROM lockboxes l WHERE a.id = $2 AND a.vendor_id = $1 AND a.answer IS NULL \
         AND l.vendor_id = a.vendor_id AND l.epoch = $3 AND NOT l.locked AND {MAY_JOIN} $6)"
    );
    let answered = client
        .execute(
            &sql,
            &[
                &wanted.vendor.0,
                &wanted.id,
                &wanted.epoch,
                &answer.public_key,
                &answer.sealed,
                &wanted.started_at,
            ],
        )
        .await?;
    Ok(answered == 1)
}

/// Answers to these requests.
///
/// # Errors
/// Where the database does not answer.
pub async fn answers(client: &impl GenericClient, ids: &[Uuid]) -> Result<Vec<(Uuid, Answer)>> {
    let sql = "SELECT id, answer_public_key, answer FROM lockbox_handovers WHERE id = ANY($1) AND answer IS NOT NULL";
    let rows = client.query(sql, &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let answer = Answer {
                public_key: row.try_get("answer_public_key")?,
                sealed: row.try_get("answer")?,
            };
            Ok((row.try_get("id")?, answer))
        })
        .collect()
}

/// Drops a request, answered or not.
///
/// # Errors
/// Where the database does not answer.
pub async fn remove_request(client: &impl GenericClient, id: Uuid) -> Result<()> {
    let sql = "DELETE FROM lockbox_handovers WHERE id = $1";
    client.execute(sql, &[&id]).await?;
    Ok(())
}

/// A lockbox whose key this replica has now too.
pub struct Joined {
    /// The former data key, sealed, while entries need it.
    pub former: Option<Vec<u8>>,
}

/// Notes that a replica got a key, if the lockbox is still unlocked at that epoch with that data key. Being handed a key
/// is no use of the lockbox.
///
/// # Errors
/// Where the database does not answer.
pub async fn join(
    client: &impl GenericClient,
    wanted: &Wanted,
    generation: i32,
) -> Result<Option<Joined>> {
    let sql = "WITH l AS (SELECT vendor_id, unlocked_at, former_key FROM lockboxes \
                          WHERE vendor_id = $1 AND epoch = $2 AND NOT locked AND generation = $4), \
               held AS (INSERT INTO lockbox_holders (vendor_id, replica_id, epoch, used_at) \
                        SELECT vendor_id, $3, $2, unlocked_at FROM l \
                        ON CONFLICT (vendor_id, replica_id) DO UPDATE SET epoch = $2) \
               SELECT former_key FROM l";
    let row = client
        .query_opt(
            sql,
            &[
                &wanted.vendor.0,
                &wanted.epoch,
                &wanted.replica,
                &generation,
            ],
        )
        .await?;
    row.map(|row| {
        Ok(Joined {
            former: row.try_get("former_key")?,
        })
    })
    .transpose()
}

/// A lockbox that was locked without anybody asking for it.
pub struct Shut {
    /// Whose.
    pub vendor: VendorId,
    /// Whether nobody used it for as long as its settings say; otherwise nobody who lives has its key.
    pub idle: bool,
}

/// Locks lockboxes that nobody used for as long as their settings say, and those whose key no replica has any more.
///
/// # Errors
/// Where the database does not answer.
pub async fn shut(client: &impl GenericClient) -> Result<Vec<Shut>> {
    let sql = format!(
        "WITH doomed AS (SELECT l.vendor_id, h.used_at IS NOT NULL AS held FROM lockboxes l, \
             LATERAL (SELECT max(h.used_at) AS used_at FROM lockbox_holders h JOIN replicas r ON r.id = h.replica_id \
                      WHERE h.vendor_id = l.vendor_id AND h.epoch = l.epoch AND r.seen_at > now() - {LOST}) h \
             WHERE NOT l.locked AND CASE WHEN h.used_at IS NULL THEN l.unlocked_at < now() - {LOST} \
             ELSE greatest(h.used_at, l.unlocked_at) < now() - make_interval(secs => l.auto_lock_seconds) END \
             FOR NO KEY UPDATE OF l) \
         UPDATE lockboxes b SET locked = true, epoch = epoch + 1 FROM doomed d WHERE b.vendor_id = d.vendor_id \
         RETURNING b.vendor_id, d.held"
    );
    let rows = client.query(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Shut {
                vendor: VendorId(row.try_get("vendor_id")?),
                idle: row.try_get("held")?,
            })
        })
        .collect()
}

/// Forgets replicas that are long gone, and handovers nobody fetched.
///
/// # Errors
/// Where the database does not answer.
pub async fn tidy(client: &impl GenericClient) -> Result<()> {
    let sql = "DELETE FROM lockbox_handovers WHERE created_at < now() - interval '1 minute'";
    client.execute(sql, &[]).await?;
    let sql = "DELETE FROM replicas WHERE seen_at < now() - interval '1 hour'";
    client.execute(sql, &[]).await?;
    Ok(())
}
