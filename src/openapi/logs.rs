//! Access logs and the ledger in the API description.

use serde_json::{Map, Value, json};

use crate::routes::Route;

/// What the query of an operation may hold, beside what stands in its path.
pub fn query(route: &Route) -> Vec<Value> {
    let mut all = match route.path {
        path if path.ends_with("/access-logs") => access_log_filters(path),
        path if path.ends_with("/issuances") => issuance_filters(),
        _ => return Vec::new(),
    };
    all.push(parameter(
        "limit",
        "1 to 100, default 50",
        &json!({ "type": "integer", "minimum": 1, "maximum": 100 }),
    ));
    all.push(parameter(
        "cursor",
        "`nextCursor` of the page before",
        &text(),
    ));
    all
}

fn access_log_filters(path: &str) -> Vec<Value> {
    let mut all = vec![
        parameter("from", "RFC 3339, inclusive", &moment()),
        parameter("to", "RFC 3339, exclusive", &moment()),
        parameter(
            "action",
            "a name, or a beginning that ends in `.*`",
            &text(),
        ),
        parameter(
            "outcome",
            "how it ended",
            &one_of(&["done", "refused", "failed"]),
        ),
        parameter("caller", "a kind, or kind:name", &text()),
        parameter(
            "issuance",
            "the id of a token's issuance",
            &json!({ "type": "string", "format": "uuid" }),
        ),
        parameter("source", "which half", &one_of(&["gatehouse", "openbao"])),
        parameter(
            "order",
            "newest first (the default), or oldest first",
            &one_of(&["desc", "asc"]),
        ),
        parameter(
            "format",
            "a file instead of a page",
            &one_of(&["ndjson", "csv"]),
        ),
    ];
    if path == "/api/admin/access-logs" {
        all.push(parameter("vendor", "a namespace", &text()));
    }
    all
}

fn issuance_filters() -> Vec<Value> {
    vec![
        parameter(
            "state",
            "what is known of its life",
            &one_of(&["live", "ending", "revoked", "expired"]),
        ),
        parameter("kind", "of token", &text()),
        parameter("site", "a secret id", &text()),
        parameter("caller", "a kind, or kind:name", &text()),
        parameter(
            "clientAddress",
            "an address, or a network in CIDR form",
            &text(),
        ),
        parameter("issuedBefore", "RFC 3339", &moment()),
        parameter("issuedAfter", "RFC 3339", &moment()),
    ]
}

/// The schema of an operation's answer, by name.
pub fn answer(route: &Route) -> Option<&'static str> {
    match (route.method, route.path) {
        ("GET", path) if path.ends_with("/access-logs") => Some("AccessLogPage"),
        ("GET", path) if path.ends_with("/issuances") => Some("IssuancePage"),
        ("GET", path) if path.ends_with("/issuances/{issuance}") => Some("Issuance"),
        ("POST", "/api/admin/explain") => Some("Explained"),
        _ => None,
    }
}

/// The schemas.
pub fn schemas() -> Map<String, Value> {
    let all = [
        ("AccessLogItem", item()),
        (
            "AccessLogPage",
            page("AccessLogItem", &json!({ "openbao": openbao() })),
        ),
        ("Issuance", issuance()),
        ("IssuancePage", page("Issuance", &json!({}))),
        ("Explained", explained()),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn parameter(name: &str, says: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": says, "schema": schema })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn moment() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn one_of(names: &[&str]) -> Value {
    json!({ "type": "string", "enum": names })
}

fn or_null(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

fn object(properties: &Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

fn page(of: &str, more: &Value) -> Value {
    let mut properties = json!({
        "items": { "type": "array", "items": { "$ref": format!("#/components/schemas/{of}") } },
        "nextCursor": { "type": ["string", "null"], "description": "null at the end only: a page may be short, or empty, before it" },
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut properties, more) {
        all.extend(more.clone());
    }
    object(&properties)
}

/// An object, or null.
fn nullable(properties: &Value) -> Value {
    json!({ "type": ["object", "null"], "properties": properties })
}

fn caller() -> Value {
    object(&json!({ "kind": text(), "name": or_null("string") }))
}

fn item() -> Value {
    object(&json!({
        "id": text(), "at": moment(), "source": one_of(&["gatehouse", "openbao"]), "action": text(),
        "outcome": one_of(&["done", "refused", "failed"]), "code": or_null("string"), "caller": nullable(&json!({ "kind": text(), "name": or_null("string") })),
        "secretId": or_null("string"), "credential": or_null("string"),
        "token": nullable(&json!({
            "issuanceId": text(), "kind": text(), "caller": caller(), "issuedAt": moment(), "expiresAt": moment(),
            "revokedAt": or_null("string"),
        })),
        "purpose": nullable(&json!({ "action": text(), "caller": caller(), "requestId": or_null("string") })),
        "address": or_null("string"), "userAgent": or_null("string"), "requestId": or_null("string"),
        "openbaoRequestId": or_null("string"), "details": { "type": "object" },
        "vendor": { "type": ["string", "null"], "description": "Only in the list over all vendors." },
    }))
}

fn openbao() -> Value {
    object(&json!({
        "complete": { "type": "boolean" }, "readUntil": or_null("string"), "problem": or_null("string"),
        "nodes": { "type": "array", "description": "For operators.", "items": { "type": "object" } },
    }))
}

fn issuance() -> Value {
    object(&json!({
        "issuanceId": text(), "kind": text(), "state": one_of(&["live", "ending", "revoked", "expired"]),
        "secretId": or_null("string"), "caller": text(), "issuedAt": moment(), "expiresAt": moment(),
        "maxExpiresAt": moment(), "ttl": or_null("integer"), "uses": or_null("integer"),
        "boundCidrs": { "type": ["array", "null"], "items": text() }, "lastUsedAt": or_null("string"), "clientAddress": or_null("string"),
        "requestId": text(), "worker": or_null("string"), "credential": or_null("string"),
        "revoke": nullable(&json!({
            "reason": or_null("string"), "by": or_null("string"), "askedAt": or_null("string"), "revokedAt": or_null("string"),
        })),
        "vendor": { "type": "string", "description": "For operators." },
        "accessor": { "type": "string", "description": "For operators." },
    }))
}

fn explained() -> Value {
    object(&json!({
        "allowed": { "type": "boolean" },
        "decidedBy": object(&json!({
            "rule": text(), "status": { "type": "integer" }, "code": text(), "detail": text(),
        })),
        "passed": { "type": "array", "items": text() },
        "token": { "type": ["object", "null"], "properties": {
            "kind": text(), "role": text(), "policies": { "type": "array", "items": text() },
            "ttl": { "type": "integer" }, "maxTtl": { "type": "integer" }, "uses": or_null("integer"), "renewable": { "type": "boolean" },
            "boundCidrs": { "type": ["array", "null"], "items": text() },
        } },
    }))
}
