//! Calls on a vendor's engine by tokens on no record of it.
//!
//! Each line is stored; an event is raised once an hour of each token, and of all calls without one together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::reads::hour;
use super::{Alarm, outcome, store};
use crate::access_logs::Known;
use crate::access_logs::line::Entry;
use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// Calls by one token in one hour.
pub struct Stranger<'a> {
    /// Whose engine.
    pub vendor: VendorId,
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// The first of them.
    pub first: &'a Entry,
    /// How many.
    pub lines: i64,
}

/// Counts them, and gives alarms.
///
/// # Errors
/// Where the database does not answer.
pub async fn alarms(client: &impl GenericClient, calls: &[Known<'_>]) -> Result<Vec<Alarm>> {
    let mut found: BTreeMap<(VendorId, &str, Timestamp), Stranger> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.token.is_none()) {
        let (entry, hour) = (call.entry, hour(call.entry.at));
        let key = (call.vendor, entry.accessor.as_str(), hour);
        let stranger = found.entry(key).or_insert(Stranger {
            vendor: call.vendor,
            hour,
            first: entry,
            lines: 0,
        });
        stranger.lines += 1;
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let strangers: Vec<Stranger> = found.into_values().collect();
    let new = store::count_strangers(client, &strangers).await?;
    Ok(new
        .into_iter()
        .map(|(number, before)| alarm(&strangers[number], before))
        .collect())
}

fn alarm(stranger: &Stranger<'_>, before: i64) -> Alarm {
    let entry = stranger.first;
    Alarm {
        action: "access.unknown_token",
        message: None,
        vendor: stranger.vendor,
        outcome: outcome(entry.outcome),
        address: entry.remote_address,
        secret_id: entry.secret_id(),
        issuance: None,
        details: json!({
            "area": entry.area, "name": entry.name, "operation": entry.operation, "at": entry.at,
            "lines": stranger.lines, "linesOfHourBefore": before, "openbaoRequestId": entry.request_id,
        }),
    }
}
