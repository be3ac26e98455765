//! The API description, held against every answer that a test gets.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| gatehouse::openapi::document().unwrap());
/// Those in use, by where they stand in the description.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// An answer, as it came.
pub struct Came<'a> {
    pub status: u16,
    pub media_type: Option<&'a str>,
    pub text: &'a str,
}

/// Panics where the operation answers with a status, a media type or a body that its description does not have. What is
/// no operation is left alone: the console, and paths and methods that there are not.
pub fn assert_holds(method: &str, path: &str, came: &Came<'_>) {
    let Some((pattern, described)) = described(method, path, came.status) else {
        return;
    };
    let says = |what: String| format!("{method} {pattern} answers {}: {what}", came.status);
    let Some(described) = described else {
        panic!("{}", says(format!("not described ({path})")));
    };
    let Some(content) = described["content"].as_object() else {
        assert!(came.text.is_empty(), "{}", says(came.text.to_owned()));
        return;
    };
    let media_type = came.media_type.unwrap_or("nothing");
    let media_type = media_type.split(';').next().unwrap_or_default();
    let known = content.get(media_type);
    assert!(
        known.is_some(),
        "{}",
        says(format!("{media_type}: {}", came.text))
    );
    if media_type != "application/json" && !media_type.ends_with("+json") {
        return;
    }
    let body: Value = serde_json::from_str(came.text).unwrap();
    let name = format!("{method} {pattern} {} {media_type}", came.status);
    let validator = validator(name, &known.unwrap()["schema"]);
    let faults: Vec<String> = validator
        .iter_errors(&body)
        .map(|fault| format!("{} at {:?}", fault, fault.instance_path().to_string()))
        .collect();
    assert!(
        faults.is_empty(),
        "{}",
        says(format!("{faults:#?} in {body:#}"))
    );
}

/// The operation that is called, and what is said of answers with the status.
fn described<'a>(method: &str, path: &str, status: u16) -> Option<(&'a str, Option<&'a Value>)> {
    if method.bytes().any(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let method = method.to_ascii_lowercase();
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let found =
        paths.filter(|(pattern, item)| covers(pattern, path) && item.get(&method).is_some());
    // A path without parameters goes before one that has them.
    let (pattern, item) = found.min_by_key(|(pattern, _)| pattern.matches('{').count())?;
    Some((pattern, item[&method]["responses"].get(status.to_string())))
}

fn covers(pattern: &str, path: &str) -> bool {
    let (ours, theirs) = (pattern.split('/'), path.split('/'));
    ours.clone().count() == theirs.clone().count()
        && ours
            .zip(theirs)
            .all(|(our, their)| our == their || (our.starts_with('{') && !their.is_empty()))
}

fn validator(name: String, schema: &Value) -> Arc<Validator> {
    let made = || {
        let mut root = closed(schema);
        let mut components = DOCUMENT["components"]["schemas"].clone();
        for component in components.as_object_mut().unwrap().values_mut() {
            // What is referred to is closed where it is referred to: it may be a part of something.
            *component = parts_closed(component);
        }
        root["components"] = json!({ "schemas": components });
        let validator = jsonschema::options().should_validate_formats(true);
        Arc::new(validator.build(&root).unwrap())
    };
    let mut all = VALIDATORS.lock().unwrap();
    Arc::clone(all.entry(name).or_insert_with(made))
}

/// The schema, where it is of an object, with none but the fields that it names.
fn closed(schema: &Value) -> Value {
    let mut schema = parts_closed(schema);
    let is_of_fields = ["$ref", "allOf", "properties"]
        .iter()
        .any(|word| schema.get(word).is_some());
    if is_of_fields && schema.get("additionalProperties").is_none() {
        schema["unevaluatedProperties"] = json!(false);
    }
    schema
}

fn parts_closed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for field in fields.values_mut() {
            *field = closed(field);
        }
    }
    for word in ["items", "additionalProperties"] {
        if let Some(one) = schema.get_mut(word).filter(|one| one.is_object()) {
            *one = closed(one);
        }
    }
    for (word, close) in [
        ("oneOf", closed as fn(&Value) -> Value),
        ("anyOf", closed),
        ("allOf", parts_closed),
    ] {
        if let Some(all) = schema.get_mut(word).and_then(Value::as_array_mut) {
            for one in all {
                *one = close(one);
            }
        }
    }
    schema
}
