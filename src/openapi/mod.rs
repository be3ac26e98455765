//! The API description (OpenAPI 3.1), made from the route table and the models of credentials.
//!
//! It names every operation, who may call it, what it takes and answers, as the types of its handler say
//! ([`crate::http::Described`], [`crate::http::Answers`]), with which statuses, and how errors look. `GET /docs` is the same
//! for people.

mod answers;
mod filters;
pub mod http;
mod objects;
pub mod operations;
pub mod page;
mod paths;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};

use crate::credentials::models;
use crate::error::{Dialect, Error, Result};
use crate::http::{Described, Named, Parameter, Taken};
use crate::routes::{Caller, ROUTES, Route, paths};

/// Of this program, known when it is built.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"));

/// The whole document.
///
/// # Errors
/// [`crate::error::Error::Internal`] where a schema cannot be written out.
pub fn document() -> Result<Value> {
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gatehouse",
            "version": VERSION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "externalDocs": { "url": "/docs", "description": "The same for people" },
        "paths": all_paths(),
        "components": {
            "schemas": schemas()?,
            "parameters": { "IdempotencyKey": idempotency_key() },
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "pk_, sk_, gho_ or an access token of /oauth/token, by the caller" },
                "basic": { "type": "http", "scheme": "basic", "description": "a user's name, or name@namespace, and its password or an access token" },
                "session": { "type": "apiKey", "in": "header", "name": "Authorization", "description": "a worker's access token without Bearer, or a site's delete key" },
                "webhook": { "type": "apiKey", "in": "header", "name": "webhook-signature", "description": "Standard Webhooks" },
            },
        },
    }))
}

fn all_paths() -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for route in ROUTES {
        for path in paths(route) {
            let item = all.entry(path.clone()).or_insert_with(|| json!({}));
            item[route.method.to_ascii_lowercase()] = operation(route, &path);
        }
    }
    all
}

fn operation(route: &Route, path: &str) -> Value {
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let schema = paths::schema(name, path).unwrap_or_else(|| json!({ "type": "string" }));
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    let taken = (route.takes)();
    parameters.extend(taken.query.iter().map(in_query));
    parameters.extend(filters::query(route));
    if route.replay.is_some() {
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    // One handler may serve the vendor and operators, and at two places.
    let place = match path {
        _ if path.ends_with('/') => ".slash",
        _ if path != route.path => ".api",
        _ if path.starts_with("/api/admin/webhooks") => ".platform",
        _ if path.starts_with("/api/admin/") => ".admin",
        _ => "",
    };
    let name = (route.operation)();
    let mut operation = json!({
        "operationId": format!("{name}{place}"),
        "description": answers::says(&name),
        "x-caller": format!("{:?}", route.caller),
        "security": security(route.caller),
        "parameters": parameters,
        "responses": answers::answers(route, path),
    });
    if let Some(body) = &taken.body {
        operation["requestBody"] = json!({
            "required": is_required(&body.schema, &taken.schemas),
            "content": { body.media_type: { "schema": body.schema } },
        });
    }
    operation
}

fn in_query(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name, "in": "query", "required": parameter.is_required,
        "description": parameter.says, "schema": parameter.schema,
    })
}

/// What an extractor reads of the query.
fn described<T: Described>() -> Vec<Value> {
    let mut taken = Taken::default();
    T::describe(&mut taken);
    taken.query.iter().map(in_query).collect()
}

/// Whether a body must have anything in it: an empty one counts as `{}`.
fn is_required(body: &RefOr<Schema>, schemas: &[Named]) -> bool {
    let schema = match body {
        RefOr::Ref(to) => {
            let name = to.ref_location.rsplit('/').next().unwrap_or_default();
            schemas.iter().find_map(|(known, schema)| match schema {
                RefOr::T(schema) if known == name => Some(schema),
                _ => None,
            })
        }
        RefOr::T(schema) => Some(schema),
    };
    matches!(schema, Some(Schema::Object(object)) if !object.required.is_empty())
}

fn security(caller: Caller) -> Value {
    match caller {
        Caller::Anyone | Caller::ClaimHolder | Caller::LogIn => json!([]),
        Caller::Billing => json!([{ "webhook": [] }]),
        Caller::User | Caller::EnrollingUser | Caller::UserAdmin | Caller::LockboxAdmin => {
            json!([{ "bearer": [] }, { "basic": [] }])
        }
        Caller::Reader | Caller::Remover => json!([{ "bearer": [] }, { "session": [] }]),
        _ => json!([{ "bearer": [] }]),
    }
}

fn schemas() -> Result<Map<String, Value>> {
    let mut all = Map::new();
    for (name, schema) in models::schemas()? {
        all.insert(format!("Credential.{name}"), schema);
    }
    let named = ROUTES.iter().flat_map(|route| {
        let (taken, answered) = ((route.takes)(), (route.answers)());
        taken.schemas.into_iter().chain(answered.schemas)
    });
    let errors = Dialect::OF_API.map(|dialect| dialect.described().schemas);
    for (name, schema) in named.chain(errors.into_iter().flatten()) {
        let unwritable = |_| Error::Internal(format!("the schema {name} cannot be written out"));
        let schema = serde_json::to_value(schema).map_err(unwritable)?;
        let known = all.insert(name.clone(), schema.clone());
        if known.is_some_and(|known| known != schema) {
            return Err(Error::Internal(format!("two schemas are called {name}")));
        }
    }
    Ok(all)
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "The same request with the same key is done once within 24 hours; its answer is given again with Idempotent-Replayed: true, for 10 minutes where it holds a secret",
        "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$" },
    })
}
