//! How operations answer: the statuses and media types of what was done, and the statuses of errors that can be.

use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use super::operations::ROWS;
use crate::error::Dialect;
use crate::routes::{Caller, Route};

/// An answer in another form than JSON, or without a body.
fn media_types(operation: &str) -> &'static [&'static str] {
    match operation {
        "health.metrics" => &["text/plain"],
        "openapi.docs" => &["text/html"],
        "lockbox.backup.write" | "credentials.file.export" => &["application/x-ndjson"],
        "oauth.revoke.revoke" | "rport.init" | "rport.open" | "rport.close" | "rport.delete" => &[],
        _ if operation.starts_with("timeline.") => {
            &["application/json", "application/x-ndjson", "text/csv"]
        }
        _ => &["application/json"],
    }
}

/// What an operation does, in sentences.
pub fn says(operation: &str) -> &'static str {
    let row = ROWS.iter().find(|row| row.operation == operation);
    row.map_or("", |row| row.says)
}

/// All answers of an operation.
pub fn answers(route: &Route, path: &str) -> Map<String, Value> {
    let operation = (route.operation)();
    let row = ROWS.iter().find(|row| row.operation == operation);
    let schema = (route.answers)().schema;
    let mut all = Map::new();
    for status in row.map_or(&[][..], |row| row.statuses) {
        let mut answer = json!({ "description": text(*status) });
        let content = media_types(&operation).iter().map(|media_type| {
            let schema = match &schema {
                Some(name) if *media_type == "application/json" => {
                    json!({ "$ref": format!("#/components/schemas/{name}") })
                }
                _ if *media_type == "application/json" => json!({ "type": "object" }),
                _ => json!({ "type": "string" }),
            };
            ((*media_type).to_owned(), json!({ "schema": schema }))
        });
        let content: Map<String, Value> = content.collect();
        if *status != 204 && !content.is_empty() {
            answer["content"] = content.into();
        }
        all.insert(status.to_string(), answer);
    }
    let errors_look = Dialect::of(path).described();
    let schema = errors_look.schemas.first().map(|(name, _)| name.as_str());
    let schema = json!({ "$ref": format!("#/components/schemas/{}", schema.unwrap_or_default()) });
    let media_type = errors_look.media_type;
    for status in errors(route) {
        let content = json!({ media_type: { "schema": schema } });
        let answer = json!({ "description": text(status), "content": content });
        all.entry(status.to_string()).or_insert(answer);
    }
    all
}

/// What may go wrong, by what the operation takes and who may call it.
fn errors(route: &Route) -> Vec<u16> {
    let taken = (route.takes)();
    // Of every request: its head is too large, or there are too many; and what this service stands on can be away.
    let mut statuses = vec![408, 414, 429, 431, 500, 503];
    if !matches!(route.caller, Caller::Anyone) {
        // 402 and 410 are of vendors that pay no more, or are no more; 423 of paused support and locked lockboxes.
        statuses.extend([401, 402, 403, 410, 423]);
    }
    if matches!(route.caller, Caller::User | Caller::LockboxAdmin) {
        // Of a lockbox that was never initialized.
        statuses.push(409);
    }
    if route.path.contains('{') {
        statuses.push(404);
    }
    if route.method == "GET" {
        statuses.push(400);
    } else {
        statuses.extend([400, 404, 409, 412, 422, 424]);
    }
    if taken.body.is_some() || route.replay.is_some() {
        statuses.extend([413, 415]);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn text(status: u16) -> String {
    let known = StatusCode::from_u16(status).ok();
    let known = known.and_then(|status| status.canonical_reason());
    known.unwrap_or("An answer").to_owned()
}
