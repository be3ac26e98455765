//! Statements on messages of clients.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Message, Sealed};
use crate::db::{GenericClient, Result};
use crate::types::VendorId;

fn message(row: &Row) -> Result<Message> {
    Ok(Message {
        id: row.try_get("id")?,
        created_at: row.try_get("created_at")?,
        sealed: Sealed {
            envelope: row.try_get("envelope")?,
            nonce: row.try_get("nonce")?,
            sender_public_key: row.try_get("sender_public_key")?,
            key_fingerprint: row.try_get("key_fingerprint")?,
            action: row.try_get("action")?,
            reference: row.try_get("ref")?,
            access_key_fingerprint: row.try_get("access_key_fingerprint")?,
        },
    })
}

/// The id of a vendor's next message. Until the end of the transaction nobody else gets one.
///
/// # Errors
/// Where the database does not answer.
pub async fn next_id(client: &impl GenericClient, vendor: VendorId) -> Result<i64> {
    let sql = "INSERT INTO client_message_counters AS c (vendor_id, last_id) VALUES ($1, 1) \
               ON CONFLICT (vendor_id) DO UPDATE SET last_id = c.last_id + 1 RETURNING last_id";
    let row = client.query_one(sql, &[&vendor.0]).await?;
    Ok(row.try_get("last_id")?)
}

/// How many messages of a vendor are kept, and when the newest came.
///
/// # Errors
/// Where the database does not answer.
pub async fn kept(
    client: &impl GenericClient,
    vendor: VendorId,
) -> Result<(i64, Option<Timestamp>)> {
    let sql = "SELECT count(*) AS number, max(created_at) AS newest FROM client_messages WHERE vendor_id = $1";
    let row = client.query_one(sql, &[&vendor.0]).await?;
    Ok((row.try_get("number")?, row.try_get("newest")?))
}

/// Keeps a message.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    vendor: VendorId,
    id: i64,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<()> {
    let sql = "INSERT INTO client_messages (vendor_id, id, created_at, envelope, nonce, sender_public_key, \
                   key_fingerprint, action, ref, access_key_fingerprint) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    client
        .execute(
            sql,
            &[
                &vendor.0,
                &id,
                &now,
                &sealed.envelope,
                &sealed.nonce,
                &sealed.sender_public_key,
                &sealed.key_fingerprint,
                &sealed.action,
                &sealed.reference,
                &sealed.access_key_fingerprint,
            ],
        )
        .await?;
    Ok(())
}

/// A page of a vendor's messages from a time on, the oldest first. It ends with a second, after so many messages or
/// bytes; the first two seconds that have some are always whole, so that who goes on from the last one's second, or from
/// the next, comes to the end.
///
/// # Errors
/// Where the database does not answer.
pub async fn since(
    client: &impl GenericClient,
    vendor: VendorId,
    from: Timestamp,
    (messages, bytes): (i64, i64),
) -> Result<Vec<Message>> {
    let sql = "SELECT * FROM ( \
                   SELECT id, created_at, envelope, nonce, sender_public_key, key_fingerprint, action, ref, \
                       access_key_fingerprint, dense_rank() OVER by_second AS second, count(*) OVER by_second AS number, \
                       sum(pg_column_size(envelope)) OVER by_second AS bytes \
                   FROM client_messages WHERE vendor_id = $1 AND created_at >= $2 \
                   WINDOW by_second AS (ORDER BY date_trunc('second', created_at)) \
               ) AS waiting WHERE second <= 2 OR (number <= $3 AND bytes <= $4) ORDER BY created_at, id";
    let rows = client
        .query(sql, &[&vendor.0, &from, &messages, &bytes])
        .await?;
    rows.iter().map(message).collect()
}

/// Deletes a message; `false` where there is none.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete(client: &impl GenericClient, vendor: VendorId, id: i64) -> Result<bool> {
    let sql = "DELETE FROM client_messages WHERE vendor_id = $1 AND id = $2";
    Ok(client.execute(sql, &[&vendor.0, &id]).await? == 1)
}

/// Drops messages of any vendor that came before a time, and gives how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn purge(client: &impl GenericClient, before: Timestamp) -> Result<u64> {
    let sql = "DELETE FROM client_messages WHERE (vendor_id, id) IN ( \
               SELECT vendor_id, id FROM client_messages old WHERE created_at < $1 ORDER BY created_at LIMIT 10000)";
    Ok(client.execute(sql, &[&before]).await?)
}
