//! The table of `access.rs` for credentials and workers.

use gatehouse::routes::Route;
use serde_json::{Value, json};

use crate::access::{Case, case};
use crate::support::TestWorker;

/// The request to such a route: vendor A has a credential `cred` with nothing deleted, and a worker.
pub fn request(route: &Route, worker: &TestWorker) -> Option<Case> {
    let none = || Value::Null;
    let generic = json!({ "type": "generic", "a": "b" });
    let path = route
        .path
        .replace("{key}", "cred")
        .replace("{version}", "1")
        .replace("{namespace}", "vendor-a")
        .replace("{login}", &worker.login);
    let named = json!({ "name": "Renamed" });
    let (body, own, others) = match (route.method, route.path) {
        (
            "GET",
            "/api/credential-types"
            | "/api/credential-file"
            | "/api/credentials"
            | "/api/workers"
            | "/api/admin/vendors/{namespace}/workers",
        )
        | ("POST", "/api/credentials/token") => (none(), 200, 200),
        ("POST", "/api/credential-file") => (none(), 201, 201),
        // Both vendors have it already.
        ("POST", "/api/credentials") => (json!({ "key": "taken", "value": generic }), 409, 409),
        ("GET", _) if path.contains("/api/credentials/") => (none(), 200, 404),
        ("PUT", "/api/credentials/{key}") => (json!({ "value": generic }), 200, 404),
        // There is no such thing: it would be gone for the next caller.
        ("DELETE", "/api/credentials/{key}") => {
            return Some(case("/api/credentials/none", none(), 404, 404));
        }
        // It is generic.
        ("POST", "/api/credentials/{key}/test") => (none(), 422, 404),
        ("POST", "/api/credentials/{key}/undelete") => (none(), 404, 404),
        ("POST", "/api/credentials/{key}/destroy") => (json!({ "versions": [999] }), 404, 404),
        ("POST", "/api/credentials/{key}/rollback") => (json!({ "version": 1 }), 200, 404),
        ("POST", "/api/workers" | "/api/admin/vendors/{namespace}/workers") => {
            (json!({ "name": "New", "keys": ["*"] }), 201, 201)
        }
        ("GET", _) => (none(), 200, 404),
        ("PATCH", _) => (named, 200, 404),
        // Too long: another key would end the session of the next caller.
        ("POST", _) if path.ends_with("/keys") => (json!({ "overlap": 9_999_999 }), 422, 404),
        ("DELETE", _) => {
            let gone = path.replace(&worker.login, "w0000000000000001@vendor-a");
            return Some(case(&gone, none(), 404, 404));
        }
        _ => return None,
    };
    Some(case(&path, body, own, others))
}
