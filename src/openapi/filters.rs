//! What the queries of those operations may hold that read them themselves, in the API description.

use serde_json::{Value, json};

use super::described;
use crate::http::PageRequest;
use crate::routes::Route;

/// What the query of an operation may hold whose handler reads it itself.
pub fn query(route: &Route) -> Vec<Value> {
    let mut all = match (route.method, route.path) {
        (_, path) if path.ends_with("/access-logs") => access_log_filters(path),
        ("GET", path) if path.ends_with("/issuances") => issuance_filters(),
        ("GET", "/api/lockbox/entries") => {
            let mut all = entry_filters();
            all.push(parameter("q", "what a field holds", &text()));
            all
        }
        ("GET", "/api/v1/vault") => return entry_filters(),
        ("POST", "/api/credential-file") => {
            let says = "only says what it would do";
            return vec![parameter("dryRun", says, &json!({ "type": "boolean" }))];
        }
        ("POST", "/api/lockbox/restore") => {
            let says = "in place of what the lockbox holds";
            return vec![parameter("replace", says, &json!({ "type": "boolean" }))];
        }
        ("GET", path) if path.ends_with("/messages") => {
            let seconds = json!({ "type": "integer", "minimum": 0 });
            return vec![parameter("since", "Unix seconds", &seconds)];
        }
        _ => return Vec::new(),
    };
    all.extend(described::<PageRequest>());
    all
}

fn entry_filters() -> Vec<Value> {
    const FIELDS: [&str; 5] = ["id", "client_id", "created_by", "created_at", "key"];
    let sorts: Vec<String> = FIELDS
        .iter()
        .flat_map(|field| [(*field).to_owned(), format!("-{field}")])
        .collect();
    let says =
        "a field, or with a hyphen before it the other way round; can be given several times";
    let mut all = vec![parameter(
        "sort",
        says,
        &json!({ "type": "array", "items": { "type": "string", "enum": sorts } }),
    )];
    all.extend(FIELDS.map(|field| {
        let name = format!("filter[{field}]");
        parameter(
            &name,
            "one of these values, with commas between them",
            &text(),
        )
    }));
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
