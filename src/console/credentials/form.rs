//! Forms made from the JSON Schemas of credentials' models, and the values that come back by them.
//!
//! A field is called as errors point at it: `value/port`. What is secret is never put into a page: left empty, it stays
//! as it is.

use serde_json::{Map, Value};

use crate::console::http::Faults;
use crate::console::input::{Input, Kind};
use crate::credentials::models;
use crate::error::{Error, Result};
use crate::http::Form;

/// Pairs of a name and a text that a form of the type `generic` has.
pub const MOST_PAIRS: usize = 40;
const EMPTY_PAIRS: usize = 3;
const GENERIC: &str = "generic";

/// A name and a text.
pub struct Pair {
    /// The name.
    pub name: Input,
    /// The text.
    pub value: Input,
}

/// A form for a value.
pub struct ValueForm {
    /// Fields of the model.
    pub inputs: Vec<Input>,
    /// Of the type `generic`, which has any fields.
    pub pairs: Vec<Pair>,
}

/// What a form begins with.
#[derive(Clone, Copy)]
pub enum Begin<'a> {
    /// With defaults.
    Empty,
    /// With what was sent.
    Sent(&'a Form),
    /// With what is stored.
    Stored(&'a Map<String, Value>),
}

/// Types as they are called in forms.
#[must_use]
pub fn title(type_name: &str) -> &str {
    match type_name {
        "ftp" => "FTP server",
        "s3" => "S3 object store",
        "http" => "HTTP request",
        GENERIC => "Any names and texts",
        other => other,
    }
}

/// The form for a value of a type. `keeps` where a value is there already.
///
/// # Errors
/// [`Error::NotFound`] where there is no such type.
pub fn form(type_name: &str, begin: Begin, keeps: bool, faults: &Faults) -> Result<ValueForm> {
    if type_name == GENERIC {
        return Ok(ValueForm {
            inputs: Vec::new(),
            pairs: pairs(begin, keeps, faults),
        });
    }
    let schema = schema(type_name)?;
    let mut inputs: Vec<(u8, Input)> = fields(&schema)
        .map(|(name, field)| {
            let input = input(name, field, is_required(&schema, name), keeps);
            let value = match begin {
                Begin::Empty => text(field.get("default").unwrap_or(&Value::Null)),
                Begin::Sent(form) => form.get(&input.name).unwrap_or_default().to_owned(),
                Begin::Stored(value) => text(value.get(name).unwrap_or(&Value::Null)),
            };
            (place(&input), input.filled(Some(&value), faults))
        })
        .collect();
    inputs.sort_by_key(|(place, _)| *place);
    Ok(ValueForm {
        inputs: inputs.into_iter().map(|(_, input)| input).collect(),
        pairs: Vec::new(),
    })
}

/// What must be filled in comes first, secrets last.
fn place(input: &Input) -> u8 {
    match input.kind {
        Kind::Secret => 3,
        Kind::Lines => 2,
        _ if input.required => 0,
        _ => 1,
    }
}

fn schema(type_name: &str) -> Result<Value> {
    models::schemas()?.remove(type_name).ok_or(Error::NotFound)
}

fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let all = schema["properties"].as_object();
    all.into_iter()
        .flatten()
        .filter(|(_, field)| field.get("const").is_none())
}

fn is_required(schema: &Value, name: &str) -> bool {
    let all = schema["required"].as_array();
    all.into_iter().flatten().any(|known| known == name)
}

/// Whether a field may be of a JSON type.
fn may_be(field: &Value, kind: &str) -> bool {
    match &field["type"] {
        Value::String(only) => only == kind,
        Value::Array(any) => any.iter().any(|one| one == kind),
        _ => false,
    }
}

fn kind(field: &Value) -> Kind {
    if field["format"] == "password" {
        Kind::Secret
    } else if field.get("enum").is_some() || may_be(field, "boolean") {
        Kind::Choice
    } else if may_be(field, "integer") {
        Kind::Number
    } else if field.get("contentMediaType").is_some() {
        Kind::Lines
    } else {
        Kind::Line
    }
}

fn input(name: &str, field: &Value, required: bool, keeps: bool) -> Input {
    let kind = kind(field);
    let label = name.replace('_', " ");
    let first = label.chars().next().map(|c| c.to_ascii_uppercase());
    let label: String = first.into_iter().chain(label.chars().skip(1)).collect();
    let mut hint = hint(field, &label);
    if keeps && kind == Kind::Secret {
        hint = format!("{hint} Leave it empty to keep what is there.");
    }
    let input = Input::new(kind, format!("value/{name}"), label).hint(hint.trim());
    let input = match field["enum"].as_array() {
        Some(words) => {
            let words = words.iter().filter_map(Value::as_str);
            input.among(words.map(|word| (word, word)))
        }
        None if kind == Kind::Choice => input.among([("false", "No"), ("true", "Yes")]),
        None => input,
    };
    if required && !(keeps && kind == Kind::Secret) {
        input.required()
    } else {
        input
    }
}

/// What the schema says, in the words of forms, which have no `null`, where that is more than the label.
fn hint(field: &Value, label: &str) -> String {
    let said = field["description"].as_str().unwrap_or_default();
    let said = said.replace("`null`", "empty");
    let mut letters = said.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let hint: String = first.into_iter().chain(letters).collect();
    if hint.trim_end_matches('.') == label {
        return String::new();
    }
    hint.replace('`', "")
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn pairs(begin: Begin, keeps: bool, faults: &Faults) -> Vec<Pair> {
    let hint = if keeps {
        "Leave it empty to keep what is there."
    } else {
        ""
    };
    let empty = (String::new(), String::new());
    let mut rows: Vec<(String, String)> = match begin {
        Begin::Empty => Vec::new(),
        Begin::Stored(value) => {
            let names = value.keys().filter(|name| *name != "type");
            names.map(|name| (name.clone(), String::new())).collect()
        }
        Begin::Sent(form) => {
            let sent = |name: String| form.get(&name).unwrap_or_default().to_owned();
            let row = |n| (sent(format!("name-{n}")), sent(format!("text-{n}")));
            let rows = (0..MOST_PAIRS).map(row);
            rows.collect()
        }
    };
    while rows.last().is_some_and(|row| *row == empty) {
        rows.pop();
    }
    let wanted = (rows.len() + EMPTY_PAIRS).min(MOST_PAIRS);
    rows.resize(wanted, empty);
    let pair = |(n, (name, text)): (usize, (String, String))| {
        let number = n + 1;
        let label = (format!("Name {number}"), format!("Text {number}"));
        let hint = if name.is_empty() { "" } else { hint };
        Pair {
            name: Input::new(Kind::Line, format!("name-{n}"), label.0).filled(Some(&name), faults),
            value: Input::new(Kind::Lines, format!("text-{n}"), label.1)
                .hint(hint)
                .filled(Some(&text), faults),
        }
    };
    rows.into_iter().enumerate().map(pair).collect()
}

/// The value that a form says, with what it leaves out of the one before.
///
/// # Errors
/// What is wrong with fields that no model checks.
pub fn value(
    type_name: &str,
    form: &Form,
    before: Option<&Map<String, Value>>,
) -> Result<std::result::Result<Map<String, Value>, Faults>> {
    let mut value = Map::from_iter([("type".to_owned(), Value::from(type_name))]);
    if type_name == GENERIC {
        return Ok(generic(value, form, before));
    }
    let schema = schema(type_name)?;
    for (name, field) in fields(&schema) {
        let sent = form.get(&format!("value/{name}"));
        let said = match (kind(field), sent) {
            (Kind::Secret, None) => before.and_then(|before| before.get(name)).cloned(),
            (_, None) => None,
            (Kind::Number, Some(text)) => {
                let number = text.trim().parse::<i64>();
                Some(number.map_or_else(|_| Value::from(text), Value::from))
            }
            (Kind::Choice, Some(text)) if may_be(field, "boolean") => {
                let flag = text.parse::<bool>();
                Some(flag.map_or_else(|_| Value::from(text), Value::from))
            }
            (Kind::Line, Some(text)) => Some(Value::from(text.trim())),
            (_, Some(text)) => Some(Value::from(text)),
        };
        if let Some(said) = said {
            value.insert(name.clone(), said);
        }
    }
    Ok(Ok(value))
}

fn generic(
    mut value: Map<String, Value>,
    form: &Form,
    before: Option<&Map<String, Value>>,
) -> std::result::Result<Map<String, Value>, Faults> {
    let mut faults = Faults::none();
    for n in 0..MOST_PAIRS {
        let (field, of_text) = (format!("name-{n}"), format!("text-{n}"));
        let sent = form.get(&of_text);
        let Some(name) = form.get(&field).map(str::trim) else {
            if sent.is_some() {
                faults.add(&field, "is required where there is a text");
            }
            continue;
        };
        let kept = before.and_then(|before| before.get(name)).cloned();
        let said = match sent {
            Some(text) => Value::from(text),
            None => kept.unwrap_or_else(|| Value::from("")),
        };
        if name == "type" {
            faults.add(&field, "cannot be type, which says what the credential is");
        } else if value.insert(name.to_owned(), said).is_some() {
            faults.add(&field, "stands twice");
        }
    }
    if faults.is_empty() {
        Ok(value)
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(text: &str) -> Form {
        Form::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
    }

    fn said(type_name: &str, text: &str, before: &Value) -> Value {
        let said = value(type_name, &sent(text), before.as_object());
        match said {
            Ok(Ok(said)) => Value::Object(said),
            Ok(Err(faults)) => json!(faults.get("name-0").or(faults.get("name-1"))),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn every_model_has_a_form_with_secrets_hidden_and_last() {
        for type_name in models::TYPES {
            let form = form(type_name, Begin::Empty, false, &Faults::none());
            let form = form.unwrap_or_else(|e| panic!("{e}"));
            assert!(!form.inputs.is_empty() || form.pairs.len() == EMPTY_PAIRS);
            let secret: Vec<bool> = form
                .inputs
                .iter()
                .map(|input| input.kind == Kind::Secret)
                .collect();
            assert!(secret.is_sorted(), "{type_name}");
        }
        let ftp = form("ftp", Begin::Empty, false, &Faults::none());
        let ftp = ftp.unwrap_or_else(|e| panic!("{e}")).inputs;
        let shown: Vec<_> = ftp
            .iter()
            .map(|input| (&*input.name, &*input.value, input.required))
            .collect();
        assert_eq!(
            shown,
            [
                ("value/hostname", "", true),
                ("value/port", "21", false),
                ("value/secure", "false", false),
                ("value/username", "", false),
                ("value/password", "", false),
            ]
        );
        let said: Vec<_> = ftp.iter().map(|input| &*input.hint).collect();
        let expected = [
            "Host name or address.",
            "",
            "Whether to use TLS.",
            "Empty for a server that asks for none.",
            "Empty for a server that asks for none.",
        ];
        assert_eq!(said, expected);
        let none = form("sftp", Begin::Empty, false, &Faults::none());
        assert!(matches!(none, Err(Error::NotFound)));
    }

    #[test]
    fn values_have_their_types_and_keep_what_is_secret() {
        let text = "value%2Fhostname=+h+&value%2Fport=2121&value%2Fsecure=true&value%2Fusername=u";
        let before = json!({ "type": "ftp", "hostname": "g", "password": "kept" });
        let expected = json!({ "type": "ftp", "hostname": "h", "port": 2121, "secure": true, "username": "u", "password": "kept" });
        assert_eq!(said("ftp", text, &before), expected);
        let port = said("ftp", "value%2Fport=x", &Value::Null)["port"].clone();
        assert_eq!(port, "x", "so that the model says what is wrong");
    }

    #[test]
    fn pairs_are_kept_changed_added_and_taken_away() {
        let before = json!({ "type": "generic", "a": "1", "b": null, "c": "3" });
        let text = "name-0=a&name-1=b&text-1=2&name-2=&name-3=d&text-3=4";
        let expected = json!({ "type": "generic", "a": "1", "b": "2", "d": "4" });
        assert_eq!(said("generic", text, &before), expected);
        for (text, fault) in [
            ("name-0=a&name-1=a", "stands twice"),
            ("text-0=x", "is required where there is a text"),
            (
                "name-0=type",
                "cannot be type, which says what the credential is",
            ),
        ] {
            assert_eq!(said("generic", text, &Value::Null), fault);
        }
    }
}
