//! The routes of operators alone.

use gatehouse::routes::Route;
use serde_json::{Value, json};

use super::{Case, case};

/// The request to such a route.
pub fn request(route: &Route) -> Option<Case> {
    let none = Value::Null;
    let (path, body, status) = match (route.method, route.path) {
        ("POST", "/api/admin/vendors") => {
            let body = json!({ "namespace": "made-by-an-operator", "name": "New" });
            (route.path, body, 201)
        }
        ("GET", "/api/admin/vendors/{namespace}") => ("/api/admin/vendors/vendor-a", none, 200),
        ("PATCH", "/api/admin/vendors/{namespace}") => {
            ("/api/admin/vendors/vendor-a", json!({ "plan": "x" }), 200)
        }
        // Not confirmed.
        ("DELETE", "/api/admin/vendors/{namespace}") => {
            ("/api/admin/vendors/vendor-a?confirm=vendor-b", none, 400)
        }
        // One that nobody else calls.
        ("POST", "/api/admin/vendors/{namespace}/suspend") => {
            ("/api/admin/vendors/made-by-an-operator/suspend", none, 200)
        }
        ("POST", "/api/admin/vendors/{namespace}/resume") => {
            ("/api/admin/vendors/vendor-a/resume", none, 200)
        }
        // A vendor's whose private key was never used.
        ("POST", "/api/admin/vendors/{namespace}/key-pairs/{pair}/private-key") => {
            let path = "/api/admin/vendors/vendor-c/key-pairs/current/private-key";
            (path, none, 200)
        }
        ("GET" | "POST", "/api/admin/vendors/{namespace}/repair") => {
            ("/api/admin/vendors/vendor-a/repair", none, 200)
        }
        ("GET", "/api/admin/vendors/{namespace}/sites") => {
            ("/api/admin/vendors/vendor-a/sites", none, 200)
        }
        ("DELETE", "/api/admin/vendors/{namespace}/sites/{secretId}") => {
            let path = "/api/admin/vendors/vendor-a/sites/unknown-secret-id-1";
            (path, none, 200)
        }
        ("POST", "/api/admin/audit-nodes/remove") => {
            (route.path, json!({ "node": "unknown" }), 404)
        }
        ("POST", "/api/admin/explain") => {
            let body = json!({ "vendor": "vendor-a", "caller": { "kind": "vendor" }, "token": { "kind": "read" } });
            (route.path, body, 200)
        }
        ("GET", path) if path.starts_with("/api/admin/") && !path.contains('{') => {
            (route.path, none, 200)
        }
        ("GET" | "PATCH", path)
            if path.ends_with("/token-settings") || path.ends_with("/lease-budget") =>
        {
            let path = path.replace("{namespace}", "vendor-a");
            return Some(case(&path, none, 200, 200));
        }
        ("PUT", "/api/admin/log-levels") => {
            (route.path, json!({ "levels": "gatehouse=trace" }), 200)
        }
        ("POST", "/api/admin/tasks/{task}/run") => ("/api/admin/tasks/purge/run", none, 200),
        ("POST", "/api/admin/app-token/renew") | ("DELETE", "/api/admin/log-levels") => {
            (route.path, none, 200)
        }
        _ => return super::oauth::request(route),
    };
    Some(case(path, body, status, status))
}
