//! Tokens seen at other addresses than they were issued to.
//!
//! Of each token, ten addresses (of IPv6, networks of 64 bits) are told, and then once that there are more.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::json;

use super::{Alarm, outcome, store};
use crate::access_logs::Known;
use crate::db::{GenericClient, Result};
use crate::tokens::Kind;
use crate::types::{IssuanceId, VendorId};
use crate::webhooks::MessageType;

/// Addresses told of one token.
const MOST: usize = 10;
/// Stands for all further ones.
const MORE: &str = "more";

/// A token, and where it was seen.
pub struct Seen {
    /// Whose.
    pub vendor: VendorId,
    /// Which.
    pub issuance: IssuanceId,
    /// Where; `None` where OpenBao did not tell.
    pub address: Option<IpAddr>,
}

/// The address a call came from, if that is another than the token was issued to. Addresses of proxies, through which
/// OpenBao sees its clients, tell nothing. Nor does one of the other family: a client that has both comes to Gatehouse by
/// one and to OpenBao by the other.
#[must_use]
pub fn elsewhere(issued_to: IpAddr, from: Option<IpAddr>, proxies: &[IpNet]) -> Option<IpAddr> {
    let is_proxy = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    let (issued_to, from) = (issued_to.to_canonical(), from?.to_canonical());
    let is_other = from.is_ipv4() == issued_to.is_ipv4() && network(from) != network(issued_to);
    (is_other && !is_proxy(from) && !is_proxy(issued_to)).then_some(from)
}

/// Whose address it is: of IPv6 the first 64 bits tell, and the client changes the others as it likes.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Those of `seen` that are to be told, each once and not too many of a token: their numbers, and whether it is the
/// last that is told.
///
/// # Errors
/// Where the database does not answer.
pub async fn new_ones(
    client: &impl GenericClient,
    what: &str,
    seen: Vec<Seen>,
    now: Timestamp,
) -> Result<Vec<(usize, bool)>> {
    if seen.is_empty() {
        return Ok(Vec::new());
    }
    let mut known: BTreeMap<IssuanceId, BTreeSet<String>> = BTreeMap::new();
    for (_, issuance, address) in store::addresses(client, what, &seen).await? {
        known.entry(issuance).or_default().insert(address);
    }
    let (mut found, mut new) = (Vec::new(), Vec::new());
    for (number, seen) in seen.iter().enumerate() {
        let known = known.entry(seen.issuance).or_default();
        let mut address = seen
            .address
            .map_or("unknown".to_owned(), |a| network(a).to_string());
        let more = known.len() >= MOST && !known.contains(&address);
        if more {
            MORE.clone_into(&mut address);
        }
        if known.insert(address.clone()) {
            found.push((number, more));
            new.push((seen.vendor, seen.issuance, address));
        }
    }
    if !new.is_empty() {
        store::add_addresses(client, what, &new, now).await?;
    }
    Ok(found)
}

/// Calls with tokens from other addresses than they were issued to.
///
/// # Errors
/// Where the database does not answer.
pub async fn used_elsewhere(
    client: &impl GenericClient,
    calls: &[Known<'_>],
    proxies: &[IpNet],
    now: Timestamp,
) -> Result<Vec<Alarm>> {
    let mut suspects = Vec::new();
    for call in calls {
        let Some(token) = call
            .token
            .as_ref()
            .filter(|t| !Kind::named(&t.kind).is_some_and(Kind::is_own))
        else {
            continue;
        };
        let Some(issued_to) = token.client_address else {
            continue;
        };
        if let Some(from) = elsewhere(issued_to, call.entry.remote_address, proxies) {
            suspects.push((call, token, issued_to, from));
        }
    }
    let seen = suspects.iter().map(|(call, token, _, from)| Seen {
        vendor: call.vendor,
        issuance: token.id,
        address: Some(*from),
    });
    let about = MessageType::TokenUsedElsewhere;
    let new = new_ones(client, about.name(), seen.collect(), now).await?;
    let alarm = |(number, more): (usize, bool)| {
        let (call, token, issued_to, from) = &suspects[number];
        let entry = call.entry;
        Alarm {
            outcome: outcome(entry.outcome),
            address: Some(*from),
            secret_id: entry.secret_id(),
            details: json!({
                "issuanceId": token.id, "kind": token.kind, "at": entry.at, "address": from, "issuedTo": issued_to,
                "area": entry.area, "name": entry.name, "operation": entry.operation, "more": more,
                "openbaoRequestId": entry.request_id,
            }),
            ..Alarm::about(about, call.vendor, Some(token.id))
        }
    };
    Ok(new.into_iter().map(alarm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_same_in_either_notation_and_proxies_tell_nothing() {
        let proxies: Vec<IpNet> = "10.0.0.0/8".parse().into_iter().collect();
        let found = |issued_to: &str, from: &str| {
            let address = |text: &str| text.parse().ok();
            elsewhere(address(issued_to)?, address(from), &proxies).map(|a| a.to_string())
        };
        assert_eq!(found("192.0.2.1", "192.0.2.1"), None);
        assert_eq!(found("192.0.2.1", "::ffff:192.0.2.1"), None);
        assert_eq!(found("::ffff:192.0.2.1", "192.0.2.1"), None);
        let other = found("192.0.2.1", "::ffff:192.0.2.2");
        assert_eq!(other.as_deref(), Some("192.0.2.2"));
        assert_eq!(found("192.0.2.1", "10.1.2.3"), None);
        assert_eq!(found("::ffff:10.1.2.3", "192.0.2.1"), None);
        assert_eq!(found("192.0.2.1", "@"), None);
        assert_eq!(found("192.0.2.1", "2001:db8::1"), None);
        assert_eq!(found("2001:db8::1", "::ffff:192.0.2.1"), None);
        assert_eq!(found("2001:db8::1", "2001:db8::ffff:1:2:3"), None);
        let other = found("2001:db8::1", "2001:db8:0:1::1");
        assert_eq!(other.as_deref(), Some("2001:db8:0:1::1"));
    }
}
