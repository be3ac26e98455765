//! What answers hold, for people.

use std::collections::BTreeSet;

use serde_json::Value;

use super::page::{Field, resolved, rule, text};

/// What an answer is, or is made of.
pub(super) struct Object {
    pub(super) name: String,
    pub(super) says: String,
    /// What it is made of, where that is no fields: how, and of which object.
    pub(super) parts: Vec<(&'static str, String)>,
    pub(super) fields: Vec<Field>,
}

/// All that answers hold, and what those hold, by name.
pub(super) fn objects(document: &Value) -> Vec<Object> {
    let mut names = BTreeSet::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (_, operation) in paths.filter_map(|(_, item)| item.as_object()).flatten() {
        let answers = operation["responses"].as_object().into_iter().flatten();
        let contents = answers.filter_map(|(_, answer)| answer["content"].as_object());
        for (_, content) in contents.flatten() {
            names.extend(object(document, &content["schema"]));
        }
    }
    let mut rest: Vec<String> = names.iter().cloned().collect();
    let mut objects = Vec::new();
    while let Some(name) = rest.pop() {
        let schema = &document["components"]["schemas"][&name];
        let (fields, parts) = (fields(document, schema), parts(document, schema));
        let inner = fields.iter().filter_map(|field| field.object.clone());
        let inner = inner.chain(parts.iter().map(|(_, name)| name.clone()));
        rest.extend(inner.filter(|inner| names.insert(inner.clone())));
        objects.push(Object {
            says: text(&schema["description"]),
            name,
            parts,
            fields,
        });
    }
    objects.sort_by(|one, other| one.name.cmp(&other.name));
    objects
}

/// The name of the object that a schema refers to, by itself or by what is in it.
pub(super) fn object(document: &Value, schema: &Value) -> Option<String> {
    const OF_OBJECTS: [&str; 5] = [
        "properties",
        "allOf",
        "oneOf",
        "items",
        "additionalProperties",
    ];
    if let Some(to) = schema["$ref"].as_str() {
        let found = resolved(document, schema);
        let is_object = OF_OBJECTS.iter().any(|word| found.get(word).is_some());
        let name = to.rsplit('/').next().filter(|_| is_object);
        return name.map(str::to_owned);
    }
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    [&schema["items"], &schema["additionalProperties"]]
        .into_iter()
        .chain(alternatives)
        .filter(|part| part.is_object())
        .find_map(|part| object(document, part))
}

/// What a schema is made of that has no fields of its own.
fn parts(document: &Value, schema: &Value) -> Vec<(&'static str, String)> {
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let alternatives = alternatives.map(|part| ("One of them is", part));
    [
        ("A list of", &schema["items"]),
        ("By name,", &schema["additionalProperties"]),
    ]
    .into_iter()
    .chain(alternatives)
    .filter(|(_, part)| part.is_object())
    .filter_map(|(how, part)| Some((how, object(document, part)?)))
    .collect()
}

/// The fields of an object, with those of what it is put together from.
pub(super) fn fields(document: &Value, schema: &Value) -> Vec<Field> {
    let schema = resolved(document, schema);
    let together = schema["allOf"].as_array().into_iter().flatten();
    let mut all: Vec<Field> = together.flat_map(|part| fields(document, part)).collect();
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let field = |(name, property): (&String, &Value)| Field {
        name: name.clone(),
        place: String::new(),
        is_required: is_required(name),
        rule: rule(document, property),
        says: text(&property["description"]),
        object: object(document, property),
    };
    all.extend(properties.map(field));
    all
}
