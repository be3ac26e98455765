//! Secrets that are read far more often than before.
//!
//! Reads are counted by the hour of the line. An hour is far above when it has at least 20 reads and at least ten times
//! the mean of the hours of the seven days before, hours without reads among them; 100 where there were none at all.

use std::collections::BTreeMap;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use serde_json::json;

use super::{Alarm, store};
use crate::access_logs::Known;
use crate::db::{GenericClient, Result};
use crate::types::VendorId;
use crate::webhooks::MessageType;

/// Fewer in an hour are never too many.
pub const FEW: i64 = 20;
/// The same of a secret that was not read for seven days.
const FEW_OF_NEW: i64 = 100;
const TIMES: i64 = 10;
const HOURS: i64 = 7 * 24;

/// Counts by the hour are kept so long.
pub const KEEP: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Reads of one secret in one hour.
pub struct Bucket {
    /// Whose.
    pub vendor: VendorId,
    /// `store` or `credentials`.
    pub area: &'static str,
    /// Which.
    pub name: String,
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// How many.
    pub reads: i64,
}

/// A secret in an hour in which it may have been read too often.
pub struct Often {
    /// Whose.
    pub vendor: VendorId,
    /// `store` or `credentials`.
    pub area: String,
    /// Which.
    pub name: String,
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// How often up to now.
    pub reads: i64,
    /// How often in the seven days before.
    pub before: i64,
}

impl Often {
    /// The rule.
    #[must_use]
    pub fn is_far_above(&self) -> bool {
        if self.before == 0 {
            return self.reads >= FEW_OF_NEW;
        }
        self.reads >= FEW && self.reads * HOURS >= TIMES * self.before
    }
}

/// The beginning of the hour.
pub(super) fn hour(at: Timestamp) -> Timestamp {
    let down = TimestampRound::new()
        .smallest(Unit::Hour)
        .mode(RoundMode::Floor);
    at.round(down).unwrap_or(at)
}

/// Counts reads, and gives alarms.
///
/// # Errors
/// Where the database does not answer.
pub async fn often(
    client: &impl GenericClient,
    calls: &[Known<'_>],
    now: Timestamp,
) -> Result<Vec<Alarm>> {
    let mut counts: BTreeMap<_, i64> = BTreeMap::new();
    for call in calls
        .iter()
        .filter(|call| call.entry.is_read && !call.entry.name.is_empty())
    {
        let key = (
            call.vendor,
            call.entry.area,
            &call.entry.name,
            hour(call.entry.at),
        );
        *counts.entry(key).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let bucket = |((vendor, area, name, hour), reads): ((_, _, &String, _), _)| Bucket {
        vendor,
        area,
        name: name.clone(),
        hour,
        reads,
    };
    let buckets: Vec<Bucket> = counts.into_iter().map(bucket).collect();
    let found = store::count_reads(client, &buckets, now).await?;
    Ok(found.iter().map(alarm).collect())
}

fn alarm(often: &Often) -> Alarm {
    Alarm {
        secret_id: (often.area == "store").then(|| often.name.clone()),
        details: json!({
            "area": often.area, "name": often.name, "hour": often.hour, "reads": often.reads,
            "readsOfSevenDaysBefore": often.before,
        }),
        ..Alarm::about(MessageType::SecretReadOften, often.vendor, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        let is = |reads, before| {
            let often = Often {
                vendor: VendorId(1),
                area: String::new(),
                name: String::new(),
                hour: Timestamp::UNIX_EPOCH,
                reads,
                before,
            };
            often.is_far_above()
        };
        assert!(!is(99, 0) && is(100, 0));
        assert!(!is(19, 1) && is(20, 1) && is(20, 336) && !is(20, 337));
        // One an hour, then ten.
        assert!(!is(10, 168));
        // Ten an hour, then a hundred.
        assert!(!is(99, 1680) && is(100, 1680));
    }

    #[test]
    fn hours_begin_at_their_beginning() {
        let at = |text: &str| text.parse::<Timestamp>().map(hour).map(|t| t.to_string());
        let right = Ok("2026-11-22T03:00:00Z".to_owned());
        assert_eq!(at("2026-11-22T03:59:59.999Z").map_err(|_| ()), right);
        assert_eq!(at("2026-11-22T03:00:00Z").map_err(|_| ()), right);
    }
}
