//! The fields of a credential as they arrive. Each text is a [`Secret`] from the moment it is read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};
use crate::secret::Secret;

/// One field.
pub(crate) enum Field {
    Null,
    Bool(bool),
    Number(u64),
    Text(Secret),
    Other,
}

/// Fields by name.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Fields(BTreeMap<String, Field>);

impl Fields {
    /// What is left.
    pub(super) fn into_rest(self) -> BTreeMap<String, Field> {
        self.0
    }

    /// A text that may be null or missing.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<Secret>> {
        match self.0.remove(name) {
            None | Some(Field::Null) => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "is no text")),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, name: &str) -> Result<Secret> {
        self.text(name)?.ok_or_else(|| wrong(name, "is missing"))
    }

    /// A number of a port.
    pub(super) fn port(&mut self, name: &str) -> Result<Option<u16>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Field::Number(number)) => match u16::try_from(number) {
                Ok(port) if port > 0 => Ok(Some(port)),
                _ => Err(wrong(name, "is not 1 to 65535")),
            },
            Some(_) => Err(wrong(name, "is no number")),
        }
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Field::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(wrong(name, "is not true or false")),
        }
    }
}

/// Names the field, never its value.
pub(super) fn wrong(name: &str, what: &str) -> Error {
    Error::Malformed(format!("the credential's field {name:?} {what}"))
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of a credential")
    }

    fn visit_unit<E>(self) -> std::result::Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Field, E> {
        Ok(Field::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Field, E> {
        Ok(Field::Number(value))
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Field, E> {
        Ok(Field::Text(Secret::from(value)))
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Field, E> {
        Ok(Field::Text(Secret::new(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Field, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Field, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }
}
