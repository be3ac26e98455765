//! Tokens, what vendors say of them and how many may live, in the API description.

use serde_json::{Map, Value, json};

use crate::routes::Route;
use crate::tokens::terms::{MOST_USES, SHORTEST};
use crate::vendors::settings::WRAP_LIVES;

/// The schema of an operation's body, by name.
pub fn body(route: &Route) -> Option<&'static str> {
    match (route.method, route.path) {
        ("POST", "/api/site") => Some("WriteToken"),
        ("POST", "/sites/token") => Some("ReadToken"),
        ("POST", "/api/credentials/token") => Some("CredentialsToken"),
        ("PATCH", path) if path.ends_with("/token-settings") => Some("ChangeTokenSettings"),
        ("PATCH", path) if path.ends_with("/lease-budget") => Some("ChangeLeaseCap"),
        _ => None,
    }
}

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
        (
            "WriteToken",
            asked(&json!({ "secretId": text(), "accessKey": text() })),
        ),
        ("ReadToken", asked(&json!({ "secretId": text() }))),
        (
            "CredentialsToken",
            asked(&json!({ "key": text(), "worker": text(), "keepAlive": { "type": "boolean" } })),
        ),
        ("Token", token()),
        ("TokenSettings", settings()),
        ("ChangeTokenSettings", change()),
        ("LeaseHolder", object(&holder())),
        ("LeaseBudget", budget()),
        ("ChangeLeaseCap", closed(&json!({ "cap": or_null() }))),
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

/// One that takes no other field.
fn closed(properties: &Value) -> Value {
    let mut schema = object(properties);
    schema["additionalProperties"] = json!(false);
    schema
}

fn life() -> Value {
    json!({ "type": "integer", "minimum": SHORTEST, "description": "Seconds; at most the vendor's, or the kind's" })
}

fn asked(more: &Value) -> Value {
    let (least, most) = WRAP_LIVES;
    let mut properties = json!({
        "ttl": life(), "maxTtl": life(),
        "uses": { "type": "integer", "minimum": 1, "maximum": MOST_USES },
        "wrapTtl": { "type": "integer", "minimum": least, "maximum": most },
        "metadata": { "type": "object", "additionalProperties": text() },
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut properties, more) {
        all.extend(more.clone());
    }
    closed(&properties)
}

fn token() -> Value {
    object(&json!({
        "token": text(), "wrapToken": text(), "wrapTtl": number(), "accessor": text(),
        "policies": { "type": "array", "items": text() }, "ttl": number(), "maxTtl": number(), "uses": number(),
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

fn change() -> Value {
    let kind = closed(&json!({ "ttl": or_null(), "maxTtl": or_null(), "uses": or_null() }));
    let wrap = json!({ "only": { "type": "boolean" }, "minTtl": or_null(), "maxTtl": or_null() });
    closed(&json!({
        "kinds": { "type": "object", "additionalProperties": kind },
        "wrap": closed(&wrap), "giveBack": { "type": "boolean" },
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
