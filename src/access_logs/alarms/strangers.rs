//! Calls on a vendor's engine by tokens on no record of it, and by nobody.
//!
//! A token on no record is an alarm, once an hour of each. Calls without a valid token are refused by OpenBao, and anybody
//! can make them: they are counted together, and told of once an hour as what they are. A token that was revoked is not
//! valid any more, and OpenBao does not tell which it was.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::reads::hour;
use super::{Alarm, outcome, store};
use crate::access_logs::Known;
use crate::access_logs::line::Entry;
use crate::db::{GenericClient, Result};
use crate::types::VendorId;

/// Calls by one token in one hour, or by nobody.
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

/// What calls without a valid token are told as.
pub const REFUSED: &str = "access.refused_strangers";

/// Counts them, and gives what is to be told.
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
    let (action, outcome) = if entry.accessor.is_empty() {
        (REFUSED, ("refused", Some("no_valid_token")))
    } else {
        ("access.unknown_token", outcome(entry.outcome))
    };
    Alarm {
        action,
        message: None,
        vendor: stranger.vendor,
        outcome,
        address: entry.remote_address,
        secret_id: entry.secret_id(),
        issuance: None,
        details: json!({
            "area": entry.area, "name": entry.name, "operation": entry.operation, "at": entry.at,
            "lines": stranger.lines, "linesOfHourBefore": before, "openbaoRequestId": entry.request_id,
        }),
    }
}
