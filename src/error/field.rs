//! What is wrong with a field of a body, or a line of a file.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Entry, Error};

/// What is wrong with one field. The value is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineError {
    /// From 1.
    pub line: usize,
    /// As in an answer about one such body.
    pub code: &'static str,
    /// What is wrong with its fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Error {
    /// A single field that breaks a rule.
    #[must_use]
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::InvalidField(vec![FieldError::new(field, detail)])
    }

    /// A field that nothing is sorted or filtered by (`what` says which).
    #[must_use]
    pub fn unsupported_field(what: &'static str, name: &str) -> Self {
        let shown = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        Self::UnsupportedField {
            what,
            name: name.chars().take(64).map(shown).collect(),
        }
    }

    pub(crate) fn field_errors(&self) -> &[FieldError] {
        match self {
            Self::InvalidField(errors) => errors,
            Self::InvalidNamespace { field, .. } => std::slice::from_ref(field),
            _ => &[],
        }
    }
}

pub(super) fn unsupported_field(what: &str, name: &str) -> Entry {
    Entry {
        status: StatusCode::BAD_REQUEST,
        code: "unsupported_field",
        detail: format!(
            "unsupported {what} field '{name}'; supported: id, client_id, created_by, created_at, key"
        ),
    }
}
