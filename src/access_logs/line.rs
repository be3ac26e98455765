//! One line of an audit log: which of them are about vendors' engines, and what they tell.

use jiff::Timestamp;
use serde::Deserialize;

use crate::types::{CredentialKey, Namespace, SecretId};

/// A call on a vendor's engine.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// When OpenBao answered.
    pub at: Timestamp,
    /// Of the vendor.
    pub namespace: Namespace,
    /// `store` or `credentials`.
    pub area: &'static str,
    /// The secret id, or the credential's key; empty for the engine as a whole.
    pub name: String,
    /// `create`, `read`, `update`, `delete` or `list`.
    pub operation: &'static str,
    /// `done`, `refused` or `failed`.
    pub outcome: &'static str,
    /// Names the token.
    pub accessor: String,
    /// Where the call came from.
    pub remote_address: Option<String>,
    /// OpenBao's id of the call.
    pub request_id: String,
    /// Whether a value was read.
    pub is_use: bool,
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

/// Reads a line. `None` for one that is not about a vendor's engine, and for the first half of a call: each call is
/// told by its answer.
///
/// # Errors
/// Where it is no line of an audit log.
pub fn read(text: &[u8], fence: Option<&str>) -> Result<Option<Entry>, serde_json::Error> {
    let line: Line = serde_json::from_slice(text)?;
    let place = line.request.namespace.as_ref().map_or("", |n| &n.path);
    if line.kind != "response" || place.trim_end_matches('/') != fence.unwrap_or_default() {
        return Ok(None);
    }
    let Some((namespace, area, name, is_data)) = subject(&line.request.path) else {
        return Ok(None);
    };
    let Some(operation) = operation(&line.request.operation) else {
        return Ok(None);
    };
    let outcome = match line.error.as_deref() {
        None | Some("") => "done",
        Some(said) if said.contains("permission denied") => "refused",
        Some(_) => "failed",
    };
    let of_auth = line.auth.and_then(|auth| auth.accessor);
    let accessor = line.request.client_token_accessor.or(of_auth);
    Ok(Some(Entry {
        at: line.time,
        namespace,
        area,
        name,
        operation,
        outcome,
        accessor: accessor.unwrap_or_default(),
        remote_address: line.request.remote_address,
        request_id: line.request.id,
        is_use: is_data && operation == "read" && outcome == "done",
    }))
}

fn operation(text: &str) -> Option<&'static str> {
    ["create", "read", "update", "delete", "list"]
        .into_iter()
        .find(|known| *known == text)
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
    let (what, key) = rest.strip_prefix("secret/")?.split_once('/')?;
    let name = CredentialKey::parse(key).map_or_else(|_| String::new(), |key| key.to_string());
    Some((namespace, "credentials", name, what == "data"))
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

    fn told(path: &str, place: &str, fence: Option<&str>, more: &str) -> Option<String> {
        let entry = read(line(path, place, more).as_bytes(), fence).ok()??;
        Some(format!(
            "{} {} {} {} {} {} {}",
            entry.namespace,
            entry.area,
            entry.name,
            entry.operation,
            entry.outcome,
            entry.accessor,
            entry.is_use
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
        let store = "acme1 store 0123456789abcdef read done A.n false";
        assert_eq!(told(site, "", None, "").as_deref(), Some(store));
        let odd = "acme1 store  read done A.n false";
        assert_eq!(told("acme1-store/x y", "", None, "").as_deref(), Some(odd));
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
}
