//! `RPort`'s vault API on a lockbox: its words, its statuses, its limits of a password. All rules of entries are those of
//! [`super::entries`].
//!
//! # Quirks
//! - Any `Content-Type` will do, and so will none. Unknown fields of a body are ignored, and so are all parameters of a
//!   query but `sort` and `filter[…]`.
//! - A `client_id` may be a number: old scripts send `0` for any client.

pub mod http;

use serde_json::{Map, Value};

use super::entries::list::Query;
use super::entries::{Draft, EntryId, Given};
use crate::error::{Error, FieldError, Result};
use crate::types::Secret;

const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 4..=32;

/// A body: a JSON object, or nothing.
struct Body(Map<String, Value>);

impl Body {
    fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Error::InvalidField(vec![FieldError::at(
                "",
                "the body must be a JSON object",
            )])),
            Err(_) => Err(Error::MalformedBody),
        }
    }

    /// A text, or a fault under the name that the domain has for the field.
    fn text(&mut self, field: &str, name: &str, faults: &mut Vec<FieldError>) -> Option<String> {
        match self.0.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(Value::Number(number)) if field == "client_id" && number.is_u64() => {
                Some(number.to_string())
            }
            Some(_) => {
                faults.push(FieldError::new(name, "must be a string"));
                None
            }
        }
    }

    fn into_draft(mut self) -> Result<Draft> {
        let mut faults = Vec::new();
        let given = Given {
            client_id: self.text("client_id", "clientId", &mut faults),
            required_group: self.text("required_group", "requiredGroup", &mut faults),
            key: self.text("key", "key", &mut faults),
            kind: self.text("type", "type", &mut faults),
            value: self.text("value", "value", &mut faults).map(Secret::new),
        };
        Draft::check(given, faults)
    }

    fn into_password(mut self) -> Result<Secret> {
        let mut faults = Vec::new();
        let password = self.text("password", "password", &mut faults);
        match password {
            Some(text) => Ok(Secret::new(text)),
            None if faults.is_empty() => Err(Error::field("password", "is required")),
            None => Err(Error::InvalidField(faults)),
        }
    }
}

fn check_length(password: &Secret) -> Result<()> {
    let length = password.expose().len();
    if PASSWORD_BYTES.contains(&length) {
        return Ok(());
    }
    let (least, most) = PASSWORD_BYTES.into_inner();
    Err(Error::field(
        "password",
        format!("must be between {least} and {most} bytes long; {length} bytes were given"),
    ))
}

/// The id in a path. A number that no entry can have names nothing.
fn entry_id(text: &str) -> Result<EntryId> {
    if let Some(id) = EntryId::parse(text) {
        return Ok(id);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        Err(Error::NotFound)
    } else {
        Err(Error::InvalidParameter(
            "the id of an entry must be a number",
        ))
    }
}

fn query(text: &str) -> Result<Query> {
    let mut query = Query::default();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        query.take(&name, &value)?;
    }
    Ok(query)
}
