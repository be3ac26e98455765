//! What the queries of access logs and of the ledger may hold, in the API description.

use serde_json::{Value, json};

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
