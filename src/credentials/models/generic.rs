//! `generic`: any names and texts.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::Model;

/// Any pairs of a name, of 1 to 128 characters, and a text or `null`.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
pub struct Generic(pub BTreeMap<String, Option<String>>);

impl Model for Generic {}

impl<'de> Deserialize<'de> for Generic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Generic;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Generic, A::Error> {
                let mut pairs = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let value: TextOrNull = map.next_value()?;
                    if !(1..=128).contains(&name.chars().count())
                        || name.chars().any(char::is_control)
                    {
                        return Err(A::Error::custom(
                            "names are 1 to 128 characters without control characters",
                        ));
                    }
                    pairs.insert(name, value.0);
                }
                Ok(Generic(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Says so where it is neither.
struct TextOrNull(Option<String>);

impl<'de> Deserialize<'de> for TextOrNull {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = TextOrNull;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }
            fn visit_unit<E: Error>(self) -> Result<TextOrNull, E> {
                Ok(TextOrNull(None))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<TextOrNull, E> {
                Ok(TextOrNull(Some(text.to_owned())))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<TextOrNull, E> {
                Ok(TextOrNull(Some(text)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
