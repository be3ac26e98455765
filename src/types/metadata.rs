//! Free-form labels that callers attach to tokens and sites.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Flat strings by key: at most 16, keys of 1 to 64 characters of `A-Za-z0-9_.-`, values of at most 512 bytes without
/// control characters. A key given twice is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The labels in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    fn add(&mut self, key: String, value: String) -> Result<(), &'static str> {
        if !(1..=64).contains(&key.len())
            || !key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        {
            return Err("metadata keys are 1 to 64 characters of A-Z, a-z, 0-9, _, . and -");
        }
        if value.len() > 512 || value.chars().any(char::is_control) {
            return Err("metadata values are at most 512 bytes without control characters");
        }
        if self.0.insert(key, value).is_some() {
            return Err("a metadata key is given twice");
        }
        if self.0.len() > 16 {
            return Err("at most 16 metadata entries are allowed");
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Labels;
        impl<'de> Visitor<'de> for Labels {
            type Value = Metadata;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut labels = Metadata::default();
                while let Some((key, value)) = map.next_entry()? {
                    labels.add(key, value).map_err(A::Error::custom)?;
                }
                Ok(labels)
            }
        }
        deserializer.deserialize_map(Labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_flat_small_and_unambiguous() {
        let read = |text: &str| serde_json::from_str::<Metadata>(text);
        assert!(read(r#"{"plugin": "1.0", "wp.version": "6.8"}"#).is_ok());
        for bad in [
            r#"{"a":1}"#,
            r#"{"a":{"b":"c"}}"#,
            r#"{"a":"1","a":"2"}"#,
            r#"{"":"x"}"#,
            r#"{"a b":"x"}"#,
            r#"{"a":"\u0000"}"#,
            "[]",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let many: Vec<String> = (0..17).map(|i| format!(r#""k{i}":"v""#)).collect();
        assert!(read(&format!("{{{}}}", many.join(","))).is_err());
    }
}
