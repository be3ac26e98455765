//! Requests to the routes of TrustedLogin's dialect, and to pauses of support.

use gatehouse::routes::Route;
use serde_json::{Value, json};

use super::{Case, SITE, Who, case};
use crate::support::TestVendor;
use crate::support::callers::Shown;
use crate::support::trustedlogin::{login_attempt, message};

/// Version 2's bearer proves nothing by itself, and is taken where Connectors call only.
pub fn seen_as(route: &Route, who: Who, shown: &Shown) -> Who {
    match shown {
        Shown::Version2(_) if !route.path.starts_with("/api/v1/") => Who::Refused,
        _ => who,
    }
}

/// `None` where the route is not in this table.
pub fn request(route: &Route, a: &TestVendor) -> Option<Case> {
    let of_account = |rest: &str| format!("/api/v1/accounts/{}{rest}", a.id);
    Some(match (route.method, route.path) {
        ("GET", "/api/v1/accounts/{id}") => case(&of_account(""), Value::Null, 200, 404),
        ("POST", "/api/v1/accounts/{id}") => {
            let body = json!({ "api_endpoint": "http://127.0.0.1:9/" });
            case(&of_account(""), body, 200, 404)
        }
        ("POST", "/api/v1/accounts/{id}/sites") => {
            let keys = json!({ "searchKeys": ["unknown_access-key_0001"] });
            case(&of_account("/sites"), keys, 204, 404)
        }
        ("POST", "/api/v1/sites/{account}/{secretId}/get-envelope") => {
            let path = format!("/api/v1/sites/{}/unknown-secret-id-1/get-envelope", a.id);
            case(&path, json!({}), 403, 404)
        }
        ("GET", "/api/v1/envelope-signing-pubkey" | "/api/v1/envelope-signing-public-key") => {
            case(route.path, Value::Null, 200, 200)
        }
        ("POST", "/api/v1/sites") => case(route.path, json!({}), 422, 422),
        ("DELETE", "/api/v1/sites/{secretId}") => {
            let path = "/api/v1/sites/unknown-secret-id-1";
            case(path, Value::Null, 200, 200)
        }
        ("POST", "/api/v1/report-brute-force") => case(route.path, json!({}), 200, 200),
        ("POST", "/api/v1/sites/{secretId}/verify-identifier") => {
            let path = format!("/api/v1/sites/{SITE}/verify-identifier");
            case(&path, json!({}), 200, 404)
        }
        ("POST", "/api/v1/sites/{secretId}/login-attempts") => {
            let path = format!("/api/v1/sites/{SITE}/login-attempts");
            case(&path, login_attempt(), 201, 404)
        }
        ("POST", "/api/v1/accounts/{id}/messages") => {
            case(&of_account("/messages"), message("x"), 201, 404)
        }
        ("GET", "/api/v1/accounts/{id}/messages") => {
            case(&of_account("/messages"), Value::Null, 200, 404)
        }
        ("DELETE", "/api/v1/accounts/{id}/messages/{message}") => {
            case(&of_account("/messages/0"), Value::Null, 200, 404)
        }
        (_, path) if path.ends_with("/connector") => case(
            &path.replace("{namespace}", "vendor-a"),
            Value::Null,
            200,
            200,
        ),
        (method, path) if path.ends_with("/support-pause") => {
            let status = if method == "PUT" { 422 } else { 200 };
            let path = path.replace("{namespace}", "vendor-a");
            case(&path, Value::Null, status, status)
        }
        _ => return None,
    })
}
