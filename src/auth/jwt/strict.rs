//! JSON in which nothing can be read in two ways.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a JSON document. `None` where a member stands twice in an object (readers differ in which one they take), and
/// where a text holds a control character (it would stand in logs and answers).
#[must_use]
pub fn document(bytes: &[u8]) -> Option<Value> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut source).ok()?;
    source.end().ok()?;
    Some(value)
}

/// The same, where it is an object.
#[must_use]
pub fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match document(bytes)? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("no number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        if value.chars().any(char::is_control) {
            return Err(E::custom("a control character"));
        }
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.chars().any(char::is_control) {
                return Err(A::Error::custom("a control character"));
            }
            let value = members.next_value_seed(Self)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        let good = json!({"a": [1, -2, 1.5, null, true, "x"], "b": {"a": {}}});
        assert_eq!(document(good.to_string().as_bytes()), Some(good));
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
            r#"{"a":"x\u0000"}"#,
            r#"{"a":"x\r\ny"}"#,
            r#"{"a\n":1}"#,
            r#"{"a":1} {}"#,
            r#"{"a":1e999}"#,
            r#"{"a":"\ud800"}"#,
            "{",
            "",
            &deep,
        ] {
            assert_eq!(document(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(object(b"[]"), None);
    }
}
