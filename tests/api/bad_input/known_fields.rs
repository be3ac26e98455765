//! What fields the body of a route has.

use gatehouse::routes::Route;

use super::JSON;
use super::every_route::{Bench, is_borrowed};

/// The fields that the body of a route has, as the service itself says of one that it has not. In borrowed dialects, where
/// others are let be, those that clients send.
pub async fn fields(bench: &Bench, route: &Route, path: &str) -> Vec<String> {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match route.path {
        path if path.starts_with("/api/v1/vault-admin") => return own(&["password"]),
        path if path.starts_with("/api/v1/vault") => {
            return own(&["key", "value", "type", "required_group", "client_id"]);
        }
        "/api/v1/accounts/{id}" => return own(&["api_endpoint"]),
        "/api/v1/accounts/{id}/sites" => return own(&["searchKeys"]),
        "/api/v1/accounts/{id}/messages" => {
            return own(&["envelope", "nonce", "client_public_key", "action", "ref"]);
        }
        path if path.ends_with("/get-envelope") => return own(&["nonce", "signedNonce"]),
        "/api/v1/sites" => {
            return own(&[
                "publicKey",
                "accessKey",
                "siteUrl",
                "secretId",
                "expiresAt",
                "metaData",
            ]);
        }
        path if is_borrowed(route) && !path.is_empty() => {
            return own(&["identifier", "siteUrl", "timestamp", "user", "action"]);
        }
        _ => {}
    }
    let answer = bench
        .send(route, path, JSON, b"{\"canary\":1}".to_vec())
        .await;
    let detail = answer
        .text
        .split("known here; known: ")
        .nth(1)
        .unwrap_or_default();
    let known = detail.split('"').next().unwrap_or_default().split(", ");
    known
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What is no page, in each list.
pub const NO_PAGES: [&str; 18] = [
    "limit=0",
    "limit=-1",
    "limit=1.5",
    "limit=1e1",
    "limit=101",
    "limit=1000000000",
    "limit=18446744073709551616",
    "limit=%D9%A3",
    "limit=%201",
    "limit=%2B1",
    "limit=",
    "limit",
    "limit=5&limit=6",
    "cursor=",
    "cursor=canary",
    "cursor=bnVsbA",
    "cursor=eyJhIjoxfQ",
    "cursor=WyIyMDI2LTExLTAxVDAwOjAwOjAwWiIsIi4uL3giXQ",
];
