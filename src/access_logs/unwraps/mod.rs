//! Wrapped tokens: who unwrapped each, and who came too late.
//!
//! # Quirks
//! - A wrapping token is sent in the header or in the body. The answer of `sys/wrapping/unwrap` names the token inside
//!   in either case; `cubbyhole/response`, the old way, names only the wrapping token.
//! - A wrapping token that is used up has no accessor any more, and is refused before there is an answer. It is known
//!   by its digest alone, which OpenBao makes with a key of its own: the one that was seen when it was unwrapped.

pub mod store;

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::alarms::{Alarm, addresses};
use super::line::{address, plain};
use crate::db::{GenericClient, Result};
use crate::webhooks::MessageType;
use ipnet::IpNet;

const UNWRAP: &str = "sys/wrapping/unwrap";
const REWRAP: &str = "sys/wrapping/rewrap";
const OLD_WAY: &str = "cubbyhole/response";

/// A wrapped token was unwrapped, or was to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwrap {
    /// When.
    pub at: Timestamp,
    /// OpenBao's digest of the wrapping token.
    pub digest: String,
    /// What came out; `None` for a try that came too late.
    pub out: Option<Out>,
    /// From where.
    pub remote_address: Option<IpAddr>,
    /// OpenBao's id of the call.
    pub request_id: String,
}

/// What came out of a wrapping token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Out {
    /// Names the token inside, where the line tells.
    pub accessor: String,
    /// Names the wrapping token, where it is the token of the call.
    pub wrap_accessor: String,
}

impl Unwrap {
    /// Whether lines about this path may tell of one.
    pub(super) fn is_told_at(path: &str) -> bool {
        [UNWRAP, REWRAP, OLD_WAY].contains(&path)
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    request: Request,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Request {
    id: String,
    #[serde(default)]
    client_token: Option<String>,
    #[serde(default)]
    client_token_accessor: Option<String>,
    #[serde(default)]
    remote_address: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    /// Whatever the caller sent.
    #[serde(default)]
    token: serde_json::Value,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    auth: Option<Named>,
    #[serde(default)]
    wrap_info: Option<Rewrapped>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    accessor: Option<String>,
}

#[derive(Deserialize)]
struct Rewrapped {
    #[serde(default)]
    wrapped_accessor: Option<String>,
}

/// Reads a line about one of those paths.
///
/// # Errors
/// Where it is no line of an audit log.
pub(super) fn read(
    text: &[u8],
    at: Timestamp,
) -> std::result::Result<Option<Unwrap>, serde_json::Error> {
    let line: Line = serde_json::from_slice(text)?;
    let (request, said) = (line.request, line.error.unwrap_or_default());
    let in_body = match request.data.map(|data| data.token) {
        Some(serde_json::Value::String(token)) => Some(token),
        _ => None,
    };
    let in_header = in_body.is_none();
    let digest = plain(in_body.or(request.client_token));
    let out = match line.kind.as_str() {
        "response" if said.is_empty() => {
            let response = line.response;
            let (auth, wrapped) = response.map_or((None, None), |r| (r.auth, r.wrap_info));
            let inside = auth.and_then(|auth| auth.accessor);
            let inside = inside.or(wrapped.and_then(|wrapped| wrapped.wrapped_accessor));
            let outside = request.client_token_accessor.filter(|_| in_header);
            Some(Out {
                accessor: plain(inside),
                wrap_accessor: plain(outside),
            })
        }
        // It comes to no answer.
        "request" if said.contains("wrapping token is not valid") => None,
        _ => return Ok(None),
    };
    Ok(Some(Unwrap {
        at,
        digest,
        out,
        remote_address: address(request.remote_address.as_deref()),
        request_id: plain(Some(request.id)),
    }))
}

/// Remembers what was unwrapped, and gives the alarms: what was unwrapped elsewhere than it was issued to, and what was
/// to be unwrapped once more.
///
/// # Errors
/// Where the database does not answer.
pub(super) async fn keep(
    client: &impl GenericClient,
    unwraps: &[Unwrap],
    proxies: &[IpNet],
    now: Timestamp,
) -> Result<Vec<Alarm>> {
    let mut found = Vec::new();
    let (done, late): (Vec<_>, Vec<_>) = unwraps.iter().partition(|unwrap| unwrap.out.is_some());
    if !done.is_empty() {
        for first in store::add(client, &done).await? {
            let Some(issued_to) = address(first.client_address.as_deref()) else {
                continue;
            };
            let unwrap = done[first.number];
            if let Some(from) = addresses::elsewhere(issued_to, unwrap.remote_address, proxies) {
                let about = MessageType::TokenUnwrappedElsewhere;
                found.push(Alarm {
                    address: Some(from),
                    details: json!({
                        "issuanceId": first.issuance, "at": unwrap.at, "address": from, "issuedTo": issued_to,
                        "openbaoRequestId": unwrap.request_id,
                    }),
                    ..Alarm::about(about, first.vendor, Some(first.issuance))
                });
            }
        }
    }
    if !late.is_empty() {
        found.extend(too_late(client, &late, now).await?);
    }
    Ok(found)
}

async fn too_late(
    client: &impl GenericClient,
    late: &[&Unwrap],
    now: Timestamp,
) -> Result<Vec<Alarm>> {
    let former = store::former(client, late).await?;
    let tries = former.iter().map(|former| addresses::Seen {
        vendor: former.vendor,
        issuance: former.issuance,
        address: late[former.number].remote_address,
    });
    let about = MessageType::TokenUnwrappedTwice;
    let new = addresses::new_ones(client, about.name(), tries.collect(), now).await?;
    let alarm = |(number, more): (usize, bool)| {
        let (former, unwrap) = (&former[number], late[former[number].number]);
        Alarm {
            outcome: ("refused", Some("already_unwrapped")),
            address: unwrap.remote_address,
            details: json!({
                "issuanceId": former.issuance, "at": unwrap.at, "address": unwrap.remote_address,
                "unwrappedAt": former.at, "unwrappedFrom": former.address, "more": more,
                "openbaoRequestId": unwrap.request_id,
            }),
            ..Alarm::about(about, former.vendor, Some(former.issuance))
        }
    };
    Ok(new.into_iter().map(alarm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(String, Option<(String, String)>)> {
        let unwrap = read(line.as_bytes(), Timestamp::UNIX_EPOCH).ok()??;
        let out = unwrap.out.map(|out| (out.accessor, out.wrap_accessor));
        Some((unwrap.digest, out))
    }

    #[test]
    fn lines_of_openbao_are_understood() {
        let header = r#"{"type":"response","request":{"id":"r","path":"sys/wrapping/unwrap","client_token":"hmac-sha256:w",
            "client_token_accessor":"W"},"response":{"auth":{"accessor":"T"}}}"#;
        let done = |inside: &str, outside: &str| {
            let out = Some((inside.to_owned(), outside.to_owned()));
            Some(("hmac-sha256:w".to_owned(), out))
        };
        assert_eq!(told(header), done("T", "W"));
        let body = r#"{"type":"response","request":{"id":"r","path":"sys/wrapping/unwrap","client_token":"hmac-sha256:c",
            "client_token_accessor":"C","data":{"token":"hmac-sha256:w"}},"response":{"auth":{"accessor":"T"}}}"#;
        assert_eq!(told(body), done("T", ""));
        let old = r#"{"type":"response","request":{"id":"r","path":"cubbyhole/response","client_token":"hmac-sha256:w",
            "client_token_accessor":"W"},"response":{"data":{"response":"hmac-sha256:x"}}}"#;
        assert_eq!(told(old), done("", "W"));
        let again = r#"{"type":"response","request":{"id":"r","path":"sys/wrapping/rewrap","client_token":"hmac-sha256:c",
            "data":{"token":"hmac-sha256:w"}},"response":{"wrap_info":{"wrapped_accessor":"T","accessor":"N"}}}"#;
        assert_eq!(told(again), done("T", ""));
        let late = r#"{"type":"request","request":{"id":"r","path":"sys/wrapping/unwrap","client_token":"hmac-sha256:w"},
            "error":"wrapping token is not valid or does not exist"}"#;
        assert_eq!(told(late), Some(("hmac-sha256:w".to_owned(), None)));
        let odd = r#"{"type":"response","request":{"id":"r","path":"sys/wrapping/unwrap","data":{"token":5}},
            "error":"permission denied"}"#;
        assert!(read(odd.as_bytes(), Timestamp::UNIX_EPOCH).is_ok_and(|told| told.is_none()));
        let denied = r#"{"type":"response","request":{"id":"r","path":"sys/wrapping/unwrap","data":{"token":"hmac-sha256:w"}},
            "error":"permission denied"}"#;
        assert_eq!(told(denied), None);
        let asked = r#"{"type":"request","request":{"id":"r","path":"sys/wrapping/unwrap","client_token":"hmac-sha256:w"}}"#;
        assert_eq!(told(asked), None);
    }
}
