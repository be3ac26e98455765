//! A value as it is sent, and the rules its fields are read by.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use url::Url;
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::TYPES;
use crate::types::Secret;

/// The fields of a value, not checked yet. One given twice is refused.
pub struct Fields(pub(super) Map<String, Value>);

impl From<Map<String, Value>> for Fields {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl PartialSchema for Fields {
    fn schema() -> RefOr<Schema> {
        let named = |name| Ref::from_schema_name(format!("Credential.{name}"));
        let models = TYPES.iter().map(named);
        let any = models.fold(OneOfBuilder::new(), OneOfBuilder::item);
        any.into()
    }
}

impl ToSchema for Fields {
    fn name() -> Cow<'static, str> {
        "CredentialValue".into()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Map::new();
                while let Some((key, value)) = map.next_entry()? {
                    if fields.insert(key, value).is_some() {
                        return Err(A::Error::custom("a field is given twice"));
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Reads a string that follows a rule.
fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
    holds: impl Fn(&str) -> bool,
    rule: &'static str,
) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if holds(&text) {
        Ok(text)
    } else {
        Err(D::Error::custom(rule))
    }
}

/// A host name or an address.
pub(super) fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:-[]".contains(&b);
    checked(
        deserializer,
        |text| (1..=253).contains(&text.len()) && text.bytes().all(plain),
        "must be a host name or an IP address",
    )
}

/// A service's endpoint, where it is not `null`: a host, with a port or as a URL where it has one.
pub(super) fn service_host<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let host = Option::<String>::deserialize(deserializer)?;
    let plain = |text: &String| {
        (1..=2048).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    };
    if host.as_ref().is_none_or(plain) {
        Ok(host)
    } else {
        Err(D::Error::custom(
            "must be a host name or a URL, of at most 2,048 printable ASCII characters without spaces",
        ))
    }
}

/// Any text but the empty one.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(deserializer, |text| !text.is_empty(), "must not be empty")
}

/// Any secret but the empty one.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    text(deserializer).map(Secret::new)
}

/// A URL.
pub(super) fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(
        deserializer,
        |text| text.len() <= 8192 && Url::parse(text).is_ok(),
        "must be a URL of at most 8,192 characters",
    )
}

/// A JSON object of at most 100 strings, written as a string.
pub(super) fn header_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(
        deserializer,
        |text| {
            let headers = serde_json::from_str::<BTreeMap<String, String>>(text);
            headers.is_ok_and(|headers| headers.len() <= 100)
        },
        "must be a JSON object of at most 100 strings, written as a string",
    )
}

/// A TCP port.
pub(super) fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    struct Number;
    const RULE: &str = "must be an integer from 1 to 65535";
    impl Visitor<'_> for Number {
        type Value = u16;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an integer from 1 to 65535")
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<u16, E> {
            match u16::try_from(number) {
                Ok(port @ 1..) => Ok(port),
                _ => Err(E::custom(RULE)),
            }
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<u16, E> {
            Err(E::custom(RULE))
        }
    }
    deserializer.deserialize_any(Number)
}
