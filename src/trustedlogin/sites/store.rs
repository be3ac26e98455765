//! The one statement of opening an envelope.

use jiff::Timestamp;

use super::super::connector::NonceDigest;
use crate::db::{GenericClient, Result};
use crate::events::{Event, whereabouts};
use crate::telemetry::Current;
use crate::types::{SecretId, VendorId};

/// Spends the nonce whatever else comes of it, and adds the event only where the site is as it was read, the vendor may
/// have it, and nobody spent the nonce before. What that stands on is locked until the commit: a removal or a pause comes
/// either before, and is seen, or after.
const OPEN: &str = "
WITH held AS MATERIALIZED (
    SELECT v.status = 'active' AND (v.support_paused_until IS NULL OR v.support_paused_until <= $5) AS allowed,
           s.state = 'registered' AS registered, coalesce(s.expires_at <= $5, false) AS expired
    FROM vendors v JOIN sites s ON s.vendor_id = v.id
    WHERE v.id = $1 AND s.secret_id = $2 AND s.generation = $3 FOR SHARE
),
spent AS (
    INSERT INTO signed_nonces (vendor_id, digest, spent_at) VALUES ($1, $4, $5)
    ON CONFLICT (vendor_id, digest) DO NOTHING RETURNING vendor_id
),
told AS (
    INSERT INTO events (at, vendor_id, actor, action, outcome, secret_id, client_address, user_agent, request_id, details)
    SELECT $5, $1, $6, $7, 'done', $2, $8, nullif($9, ''), nullif($10, ''), $11
    FROM held, spent WHERE held.allowed AND held.registered AND NOT held.expired
)
SELECT EXISTS (SELECT FROM spent) AS is_first, held.allowed, held.registered, held.expired
FROM (SELECT 1) AS one LEFT JOIN held ON true";

/// What came of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is on record.
    Noted,
    /// The nonce was spent before.
    Repeated,
    /// The site is another one now, or none.
    Gone,
    /// The site's time is over.
    Expired,
    /// The vendor's support is paused, or the vendor is not active.
    Paused,
}

/// Notes that a site's envelope, as read of this generation, is opened by who signed the nonce. Of two that show one nonce
/// at once, the second waits for the first.
///
/// # Errors
/// Where the database does not answer.
pub async fn open(
    client: &impl GenericClient,
    (vendor, id, generation): (VendorId, &SecretId, i64),
    nonce: &NonceDigest,
    (event, request): (&Event<'_>, &Current),
    now: Timestamp,
) -> Result<Opening> {
    let statement = client.prepare_cached(OPEN).await?;
    let (address, user_agent) = whereabouts(event.actor, request);
    let row = client
        .query_one(
            &statement,
            &[
                &vendor.0,
                &id.as_str(),
                &generation,
                &nonce.as_bytes(),
                &now,
                &event.actor,
                &event.action,
                &address,
                &user_agent,
                &request.request_id,
                &event.details,
            ],
        )
        .await?;
    let is = |column: &str| row.try_get::<_, Option<bool>>(column);
    Ok(match (is("expired")?, is("registered")?, is("allowed")?) {
        _ if !row.try_get::<_, bool>("is_first")? => Opening::Repeated,
        (Some(true), ..) => Opening::Expired,
        (None, ..) | (_, None | Some(false), _) => Opening::Gone,
        (_, _, None | Some(false)) => Opening::Paused,
        (Some(false), Some(true), Some(true)) => Opening::Noted,
    })
}
