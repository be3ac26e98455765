//! Tokens, what vendors say of them and how many may live, in the API description.

use serde_json::{Map, Value, json};

use crate::routes::Route;

/// The schema of an operation's answer, by name.
pub fn answer(route: &Route) -> Option<&'static str> {
    match (route.method, route.path) {
        ("POST", "/api/site" | "/sites/token" | "/api/credentials/token") => Some("Token"),
        (_, path) if path.ends_with("/token-settings") => Some("TokenSettings"),
        (_, "/api/admin/lease-budget") => Some("LeaseBudget"),
        (_, path) if path.ends_with("/lease-budget") => Some("LeaseHolder"),
        _ => None,
    }
}

/// The schemas.
pub fn schemas() -> Map<String, Value> {
    let all = [
        ("Token", token()),
        ("TokenSettings", settings()),
        ("LeaseHolder", object(&holder())),
        ("LeaseBudget", budget()),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn or_null() -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0 })
}

fn object(properties: &Value) -> Value {
    json!({ "type": "object", "properties": properties })
}

fn token() -> Value {
    object(&json!({
        "token": text(), "wrapToken": text(), "wrapTtl": number(), "accessor": text(),
        "policies": { "type": "array", "items": text() }, "ttl": number(), "maxTtl": number(), "uses": number(),
        "boundCidrs": { "type": "array", "items": text() },
        "expiresAt": { "type": "string", "format": "date-time" }, "renewable": { "type": "boolean" }, "vaultUrl": text(),
        "store": text(), "path": text(), "issuanceId": text(), "auth": { "type": "object" },
    }))
}

fn settings() -> Value {
    let said = object(&json!({ "ttl": or_null(), "maxTtl": or_null(), "uses": or_null() }));
    let kind = object(&json!({
        "ttl": number(), "maxTtl": number(), "uses": or_null(), "said": said,
        "leastTtl": number(), "mostTtl": number(), "mostUses": number(),
    }));
    let wrap = json!({ "only": { "type": "boolean" }, "minTtl": number(), "maxTtl": number() });
    object(&json!({
        "kinds": { "type": "object", "additionalProperties": kind },
        "wrap": object(&wrap), "giveBack": { "type": "boolean" },
    }))
}

fn holder() -> Value {
    json!({
        "vendor": text(), "live": number(), "cap": number(), "ownCap": or_null(), "publicCap": number(),
        "nextEnd": { "type": ["string", "null"], "format": "date-time" },
    })
}

fn budget() -> Value {
    object(&json!({
        "live": number(), "ofService": number(), "cap": number(), "publicCap": number(), "vendorCap": number(),
        "addressCap": number(),
        "vendors": { "type": "array", "items": { "$ref": "#/components/schemas/LeaseHolder" } },
    }))
}
