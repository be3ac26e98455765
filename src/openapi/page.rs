//! The description as a page for people.

use std::sync::OnceLock;

use askama::Template;
use serde_json::Value;

use super::objects::{Object, fields, object, objects};
use crate::console::layout::Frame;
use crate::error::Result;

/// Operations below the same words of their paths.
struct Group {
    name: String,
    anchor: String,
    operations: Vec<Operation>,
}

struct Operation {
    anchor: String,
    method: String,
    path: String,
    says: String,
    caller: String,
    parameters: Vec<Field>,
    body: Vec<Field>,
    body_type: String,
    answers: Vec<Answer>,
    errors: String,
}

/// What is answered where all goes well.
struct Answer {
    status: String,
    media_types: String,
    /// What it holds, as JSON.
    object: Option<String>,
}

/// A parameter, or a field of a body or of an answer.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) is_required: bool,
    pub(super) rule: String,
    pub(super) says: String,
    /// What of the other objects it holds.
    pub(super) object: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "docs.html")]
pub struct DocsPage {
    frame: Frame,
    version: String,
    groups: Vec<Group>,
    objects: Vec<Object>,
}

/// The page: the same as long as the process runs.
///
/// # Errors
/// Where the description cannot be written out.
pub fn page() -> Result<&'static DocsPage> {
    static PAGE: OnceLock<DocsPage> = OnceLock::new();
    if let Some(page) = PAGE.get() {
        return Ok(page);
    }
    let document = super::document()?;
    Ok(PAGE.get_or_init(|| DocsPage {
        frame: Frame::wide("API"),
        version: text(&document["info"]["version"]),
        groups: groups(&document),
        objects: objects(&document),
    }))
}

fn groups(document: &Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let name = group_of(path);
        let at = groups.iter().position(|group| group.name == name);
        let at = at.unwrap_or_else(|| {
            groups.push(Group {
                anchor: name.replace(['/', '.', '-'], "_"),
                name: name.clone(),
                operations: Vec::new(),
            });
            groups.len() - 1
        });
        let described = item.as_object().into_iter().flatten();
        let described = described.map(|(method, one)| operation(document, method, path, one));
        if let Some(group) = groups.get_mut(at) {
            group.operations.extend(described);
        }
    }
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    groups
}

/// The words before the first parameter, three at most.
fn group_of(path: &str) -> String {
    let words = path.split('/').skip(1);
    let words = words.take_while(|word| !word.starts_with('{'));
    let wanted = if path.starts_with("/api/admin/") || path.starts_with("/api/v1/") {
        3
    } else if path.starts_with("/api/") {
        2
    } else {
        1
    };
    format!("/{}", words.take(wanted).collect::<Vec<_>>().join("/"))
}

fn operation(document: &Value, method: &str, path: &str, one: &Value) -> Operation {
    let parameters = one["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| {
        let parameter = resolved(document, parameter);
        Field {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            is_required: parameter["required"] == true,
            rule: rule(document, &parameter["schema"]),
            says: text(&parameter["description"]),
            object: None,
        }
    });
    let body = one["requestBody"]["content"].as_object();
    let body = body.and_then(|content| content.iter().next());
    let fields = body.map(|(_, content)| fields(document, &content["schema"]));
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    let responses = || one["responses"].as_object().into_iter().flatten();
    let of = |answer: &Value| object(document, &answer["content"]["application/json"]["schema"]);
    let done = responses().find(|(status, _)| status.starts_with('2'));
    let done = done.and_then(|(_, answer)| of(answer));
    for (status, answer) in responses() {
        // What is said of the readiness is the same, whatever is found.
        if status.starts_with('2') || (done.is_some() && of(answer) == done) {
            let types = answer["content"].as_object().into_iter().flatten();
            let types: Vec<_> = types.map(|(media_type, _)| media_type.clone()).collect();
            answers.push(Answer {
                status: status.clone(),
                media_types: types.join(", "),
                object: of(answer),
            });
        } else {
            errors.push(status.as_str());
        }
    }
    Operation {
        anchor: text(&one["operationId"]),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        says: text(&one["description"]),
        caller: caller(&text(&one["x-caller"])),
        parameters: parameters.collect(),
        body: fields.unwrap_or_default(),
        body_type: body.map_or_else(String::new, |(media_type, _)| media_type.clone()),
        answers,
        errors: errors.join(", "),
    }
}

/// What a reference refers to, or the value itself.
pub(super) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    pointer.and_then(|to| document.pointer(to)).unwrap_or(value)
}

/// What a schema demands, in a line.
pub(super) fn rule(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    if let Some(alternatives) = schema["oneOf"].as_array() {
        let rules = alternatives.iter().map(|one| rule(document, one));
        let rules: Vec<_> = rules.filter(|rule| !rule.is_empty()).collect();
        return rules.join(" or ");
    }
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<_> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" or ")
        }
        _ => String::new(),
    };
    let words = [
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "default",
    ];
    let mut parts: Vec<String> = Vec::new();
    parts.extend((!kind.is_empty()).then_some(kind));
    for word in words {
        match &schema[word] {
            Value::Null => {}
            Value::String(said) if word == "pattern" => parts.push(said.clone()),
            Value::String(said) => parts.push(format!("{word} {said}")),
            said => parts.push(format!("{word} {said}")),
        }
    }
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
        parts.push(format!("one of {}", choices.join(", ")));
    }
    parts.join(", ")
}

/// Who may call, in words.
fn caller(name: &str) -> String {
    let words = match name {
        "Anyone" => "anybody",
        "Billing" => "the billing system, by its signature",
        "ClaimHolder" => "whoever holds a claim token",
        "PluginOrVendor" | "StorerOrBody" => "a client plugin, or the vendor",
        "Remover" => "a client plugin, the vendor, or the site's delete key",
        "Vendor" => "the vendor",
        "Reader" => "the vendor, or a worker",
        "LogIn" => "whoever has a name and a password",
        "User" => "a user",
        "EnrollingUser" => "a user, also before the second factor is set up",
        "UserAdmin" => "the vendor, or a user of the group Administrators",
        "LockboxAdmin" => "a user of the group Administrators",
        "Connector" => "a Connector of TrustedLogin",
        "Operator" => "an operator",
        "Person" => "an operator who is a person",
        "EnrollingPerson" => "an operator who is a person, also before the second factor is set up",
        other => other,
    };
    words.to_owned()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
