//! The table for issuers and trust policies.

use gatehouse::routes::Route;
use serde_json::{Value, json};

use super::{Case, case};

/// The request to such a route. There is neither an issuer nor a policy.
pub fn request(route: &Route) -> Option<Case> {
    if !route.path.contains("/trust-policies") && !route.path.contains("/issuers") {
        return None;
    }
    let path = route
        .path
        .replace("{namespace}", "vendor-a")
        .replace("{policy}", "tp0000000000000001")
        .replace("{issuer}", "is0000000000000001");
    let (body, status) = match (route.method, route.path.ends_with('}')) {
        ("GET", false) => (Value::Null, 200),
        ("POST", false) => (json!({}), 422),
        ("PATCH", _) => (json!({}), 404),
        _ => (Value::Null, 404),
    };
    Some(case(&path, body, status, status))
}
