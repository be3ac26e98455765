//! What is wrong with a field of a body, or a line of a file.

use serde::Serialize;
use serde_json::Value;

/// What is wrong with one field. The value is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// The rule it breaks.
    pub detail: String,
    /// The JSON type of what was found there, where something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_type: Option<&'static str>,
}

impl FieldError {
    /// For a field at the top of the body.
    #[must_use]
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self::at(format!("/{field}"), detail)
    }

    /// For the place a JSON pointer names.
    #[must_use]
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
            value_type: None,
        }
    }

    /// With the type of what was found there.
    #[must_use]
    pub fn found(mut self, value: Option<&Value>) -> Self {
        self.value_type = value.map(|value| match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        });
        self
    }
}

/// What is wrong with one line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineError {
    /// From 1.
    pub line: usize,
    /// As in an answer about one such body.
    pub code: &'static str,
    /// What is wrong with its fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}
