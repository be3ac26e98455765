//! One line of an audit log: which of them are about vendors' engines or about wrapped tokens, and what they tell.
//!
//! Values are not even read: of a line's data only the digest of a wrapping token is.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;

use super::unwraps::Unwrap;
use crate::types::{CredentialKey, Namespace, SecretId};

/// Longest text that is taken over as it is.
const LONGEST: usize = 200;
/// Places that are looked at for the beginning of a line within another.
const MOST_BEGINNINGS: usize = 64;

/// What a line tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// A call on a vendor's engine.
    Access(Entry),
    /// A wrapped token was unwrapped, or was to be.
    Unwrap(Unwrap),
    /// Nothing of ours.
    Nothing,
}

/// A call on a vendor's engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When OpenBao answered.
    pub at: Timestamp,
    /// Of the vendor.
    pub namespace: Namespace,
    /// `store` or `credentials`.
    pub area: &'static str,
    /// The secret id, or the credential's key; empty for the engine as a whole.
    pub name: String,
    /// `create`, `read`, `update`, `delete`, `list`, `scan`, `patch`, `help` or `other`.
    pub operation: &'static str,
    /// `done`, `refused` or `failed`.
    pub outcome: &'static str,
    /// Names the token; empty where OpenBao knew none, or none any more.
    pub accessor: String,
    /// Where the call came from.
    pub remote_address: Option<IpAddr>,
    /// OpenBao's id of the call.
    pub request_id: String,
    /// Whether a value was read.
    pub is_read: bool,
}

impl Entry {
    /// The site it is about, if one.
    #[must_use]
    pub fn secret_id(&self) -> Option<String> {
        let is_site = self.area == "store" && !self.name.is_empty();
        is_site.then(|| self.name.clone())
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    time: Timestamp,
    request: Request,
    #[serde(default)]
    auth: Option<Auth>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    id: String,
    operation: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    client_token_accessor: Option<String>,
    #[serde(default)]
    remote_address: Option<String>,
    #[serde(default)]
    namespace: Option<Place>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    accessor: Option<String>,
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    path: String,
}

/// Reads a line. `fence` is the OpenBao namespace of the service.
///
/// # Errors
/// Where it is no line of an audit log.
pub fn read(text: &[u8], fence: Option<&str>) -> Result<Told, serde_json::Error> {
    let line: Line = serde_json::from_slice(text)?;
    if Unwrap::is_told_at(&line.request.path) {
        let unwrap = super::unwraps::read(text, line.time)?;
        return Ok(unwrap.map_or(Told::Nothing, Told::Unwrap));
    }
    let place = line.request.namespace.as_ref().map_or("", |n| &n.path);
    // Each call is told by its answer.
    if line.kind != "response" || place.trim_end_matches('/') != fence.unwrap_or_default() {
        return Ok(Told::Nothing);
    }
    let Some((namespace, area, name, is_data)) = subject(&line.request.path) else {
        return Ok(Told::Nothing);
    };
    let operation = operation(&line.request.operation);
    let outcome = match line.error.as_deref() {
        None | Some("") => "done",
        Some(said) if said.contains("permission denied") => "refused",
        Some(_) => "failed",
    };
    let of_auth = line.auth.and_then(|auth| auth.accessor);
    let accessor = line.request.client_token_accessor.or(of_auth);
    let is_value = if area == "store" {
        !name.is_empty()
    } else {
        is_data
    };
    Ok(Told::Access(Entry {
        at: line.time,
        namespace,
        area,
        name,
        operation,
        outcome,
        accessor: plain(accessor),
        remote_address: address(line.request.remote_address.as_deref()),
        request_id: plain(Some(line.request.id)),
        is_read: is_value && operation == "read" && outcome == "done",
    }))
}

/// A name that OpenBao made. Anything else is none: PostgreSQL takes no NUL, and nobody reads an endless one.
pub(super) fn plain(text: Option<String>) -> String {
    let is_plain = |text: &String| {
        text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
    };
    text.filter(is_plain).unwrap_or_default()
}

/// An address; IPv4 in an IPv6 one is that IPv4.
pub(super) fn address(text: Option<&str>) -> Option<IpAddr> {
    text?
        .parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

fn operation(text: &str) -> &'static str {
    let known = [
        "create", "read", "update", "delete", "list", "scan", "patch", "help",
    ];
    let found = known.into_iter().find(|known| *known == text);
    found.unwrap_or("other")
}

/// Whose engine, which, what in it, and whether that is a credential's value.
fn subject(path: &str) -> Option<(Namespace, &'static str, String, bool)> {
    let (mount, rest) = path.split_once('/')?;
    if let Some(namespace) = mount.strip_suffix("-store") {
        let namespace = Namespace::parse(namespace).ok()?;
        // Whatever else was asked for is no secret's name, and may hold anything.
        let name = SecretId::parse(rest).map_or_else(|_| String::new(), |id| id.to_string());
        return Some((namespace, "store", name, false));
    }
    let namespace = Namespace::parse(mount.strip_suffix("-credentials")?).ok()?;
    let rest = rest.strip_prefix("secret/")?;
    let (what, key) = rest.split_once('/').unwrap_or((rest, ""));
    let name = CredentialKey::parse(key).map_or_else(|_| String::new(), |key| key.to_string());
    Some((namespace, "credentials", name, what == "data"))
}

/// Reads the last line in one that is none: where a writer died in the middle of a line, the next one's first stands
/// behind it.
#[must_use]
pub fn read_last(text: &[u8], fence: Option<&str>) -> Option<Told> {
    let begin = br#"{"time":"#;
    let places = text.windows(begin.len()).enumerate().skip(1).rev();
    let starts = places.filter(|(_, found)| found == begin);
    // What was sent may begin so too. That is never the rest of the text by itself, and is not read.
    starts
        .take(MOST_BEGINNINGS)
        .find_map(|(start, _)| read(&text[start..], fence).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, place: &str, more: &str) -> String {
        format!(
            r#"{{"time":"2026-11-22T03:50:45.003Z","type":"response","auth":{{"accessor":"A.n"}},"request":{{"id":"r",
            "operation":"read","client_token_accessor":"A.n","namespace":{{"id":"n","path":"{place}"}},"path":"{path}",
            "data":{{"port":21}},"remote_address":"127.0.0.1"}}{more}}}"#
        )
    }

    fn entry(text: &str, fence: Option<&str>) -> Option<Entry> {
        match read(text.as_bytes(), fence) {
            Ok(Told::Access(entry)) => Some(entry),
            _ => None,
        }
    }

    fn told(path: &str, place: &str, fence: Option<&str>, more: &str) -> Option<String> {
        let entry = entry(&line(path, place, more), fence)?;
        Some(format!(
            "{} {} {} {} {} {} {}",
            entry.namespace,
            entry.area,
            entry.name,
            entry.operation,
            entry.outcome,
            entry.accessor,
            entry.is_read
        ))
    }

    #[test]
    fn lines_of_vendors_engines_are_told_and_others_are_not() {
        let key = "acme1-credentials/secret/data/Ftp-1";
        let right = Some("acme1 credentials Ftp-1 read done A.n true".to_owned());
        assert_eq!(told(key, "", None, ""), right);
        assert_eq!(told(key, "gh/", Some("gh"), ""), right);
        assert_eq!(told(key, "gh/", None, ""), None);
        assert_eq!(told(key, "other/", Some("gh"), ""), None);
        let denied = r#","error":"1 error occurred:\n\t* permission denied\n\n""#;
        let refused = "acme1 credentials Ftp-1 read refused A.n false";
        assert_eq!(told(key, "", None, denied).as_deref(), Some(refused));
        let site = "acme1-store/0123456789abcdef";
        let store = "acme1 store 0123456789abcdef read done A.n true";
        assert_eq!(told(site, "", None, "").as_deref(), Some(store));
        let odd = "acme1 store  read done A.n false";
        assert_eq!(told("acme1-store/x y", "", None, "").as_deref(), Some(odd));
        let config = "acme1 credentials  read done A.n false";
        let path = "acme1-credentials/secret/config";
        assert_eq!(told(path, "", None, "").as_deref(), Some(config));
        for path in [
            "sys/mounts",
            "auth/token/lookup-self",
            "gatehouse-keys/data/digest",
            "acme1-credentials/secret",
            "Acme1-store/x",
            "",
        ] {
            assert_eq!(told(path, "", None, ""), None, "{path}");
        }
        assert!(read(b"{", None).is_err() && read(b"{}", None).is_err());
    }

    #[test]
    fn line_behind_a_torn_one_is_told_whatever_was_sent() {
        let site = line("acme1-store/0123456789abcdef", "", "");
        for data in [
            r#"{"port":21}"#,
            r#"{"time":21}"#,
            r#"{"time":{"time":"x"}}"#,
        ] {
            let whole = site.replace(r#"{"port":21}"#, data);
            let right = read(whole.as_bytes(), None).ok();
            assert!(matches!(right, Some(Told::Access(_))), "{data}");
            for torn in [&whole[..1], &whole[..60], &whole[..whole.len() - 20]] {
                let both = format!("{torn}{whole}");
                assert!(read(both.as_bytes(), None).is_err());
                assert_eq!(
                    read_last(both.as_bytes(), None),
                    right,
                    "{data} behind {torn}"
                );
            }
        }
        assert_eq!(read_last(site.as_bytes(), None), None);
    }

    #[test]
    fn odd_lines_are_told_without_what_is_odd_or_refused() {
        let site = line("acme1-store/0123456789abcdef", "", "");
        let changed = |from: &str, to: &str| entry(&site.replace(from, to), None);
        let nul = changed(r#""id":"r""#, r#""id":"r\u0000""#);
        assert_eq!(nul.map(|e| e.request_id).as_deref(), Some(""));
        let nul = changed(r#"accessor":"A.n"#, r#"accessor":"A\u0000"#);
        assert_eq!(nul.map(|e| e.accessor).as_deref(), Some(""));
        let long = "x".repeat(LONGEST + 1);
        let long = changed(r#"accessor":"A.n"#, &format!(r#"accessor":"{long}"#));
        assert_eq!(long.map(|e| e.accessor).as_deref(), Some(""));
        for (shown, right) in [
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("@", None),
            (r"\u0000", None),
        ] {
            let found = changed("127.0.0.1", shown).and_then(|e| e.remote_address);
            assert_eq!(found.map(|a| a.to_string()).as_deref(), right);
        }
        let patch = changed(r#""read""#, r#""patch""#).map(|e| e.operation);
        let odd = changed(r#""read""#, r#""re\u0000ad""#).map(|e| e.operation);
        assert_eq!((patch, odd), (Some("patch"), Some("other")));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(changed("21", &deep).is_some());
        for bad in [&b"\xff\xfe"[..], b"\0", b"[]", b"1", b"\"a\""] {
            assert!(read(bad, None).is_err(), "{bad:?}");
        }
        let mut bytes = site.into_bytes();
        if let Some(byte) = bytes.iter_mut().find(|b| **b == b'r') {
            *byte = 0xff;
        }
        assert!(read(&bytes, None).is_err());
    }
}
