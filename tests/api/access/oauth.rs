//! The routes of log-ins and of access tokens.

use gatehouse::routes::Route;
use serde_json::{Value, json};

use super::{Case, case};

/// How long an answer may be kept.
pub fn cache_control(route: &Route) -> &'static str {
    if route.path.starts_with("/.well-known/") {
        "public, max-age=60"
    } else {
        "no-store"
    }
}

/// The request to such a route.
pub fn request(route: &Route) -> Option<Case> {
    let path = route.path.replace("{namespace}", "vendor-a");
    let path = path.replace("{jwtKey}", "jk0000000000000001");
    let (body, status) = match (route.method, route.path) {
        ("POST", "/api/sessions") => {
            let email = "w0000000000000001@vendor-a";
            let session = json!({ "session": { "email": email, "password": "x" } });
            (session, 401)
        }
        // No form.
        ("POST", "/oauth/token" | "/oauth/revoke") => (json!({}), 415),
        ("GET", path) if path.starts_with("/.well-known/") => (Value::Null, 200),
        ("POST", path) if path.ends_with("/access-tokens/revoke") => (Value::Null, 200),
        ("POST", path) if path.ends_with("/jwt-keys") => (json!({}), 422),
        ("GET", path) if path.ends_with("/jwt-keys") => (Value::Null, 200),
        (_, path) if path.ends_with("/client-rules") => (Value::Null, 200),
        (_, path) if path.ends_with("/jwt-keys/{jwtKey}") => (Value::Null, 404),
        ("GET", "/api/admin/token-keys") => (Value::Null, 200),
        ("POST", "/api/admin/token-keys") => (Value::Null, 201),
        _ => return None,
    };
    Some(case(&path, body, status, status))
}
