//! Bodies of the dialect, read field by field, so that one answer names everything that is wrong.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::openapi::{Object as AnyObject, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, FieldError, Result};
use crate::http::read_value;
use crate::types::ExpiresAt;

const REQUIRED: &str = "is required";

/// A body: an object, in which no name is given twice. Names that nobody asks for are tolerated.
pub struct Body(Map<String, Value>);

impl Body {
    /// Its fields, to be read.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            object: &self.0,
            faults: Vec::new(),
        }
    }
}

impl PartialSchema for Body {
    fn schema() -> RefOr<Schema> {
        AnyObject::new().into()
    }
}

impl ToSchema for Body {
    fn name() -> Cow<'static, str> {
        "TrustedLoginBody".into()
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Body;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Body, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if object.insert(name, value).is_some() {
                        return Err(A::Error::custom("must not name a field twice"));
                    }
                }
                Ok(Body(object))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The fields of a body, and what is wrong with those that were read so far. A field that is `null` or an empty text
/// counts as left out. What a reader gives of a field at fault means nothing: [`Fields::finish`] or
/// [`Fields::finish_with`] refuses it.
///
/// ```
/// use gatehouse::trustedlogin::fields::Body;
/// let body: Body = serde_json::from_str(r#"{"identifier": "abc", "wpUserId": 7}"#)?;
/// let mut fields = body.fields();
/// let identifier = fields.text("identifier", 4096);
/// let user = fields.optional_integer("wpUserId", 0..=i64::MAX);
/// assert!(fields.finish().is_ok());
/// assert_eq!((identifier.as_str(), user), ("abc", Some(7)));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    faults: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// A field as it came; `None` where it is left out.
    pub fn value(&mut self, name: &str) -> Option<&'a Value> {
        let value = self.object.get(name)?;
        if value.is_null() || value.as_str() == Some("") {
            return None;
        }
        if holds_nul(value) {
            self.fault(name, "must not hold NUL characters");
            return None;
        }
        Some(value)
    }

    /// Says what is wrong with a field: `The {name} field {detail}.`
    pub fn fault(&mut self, name: &str, detail: impl Into<String>) {
        let fault = FieldError::new(name, detail).found(self.object.get(name));
        self.faults.push(fault);
    }

    /// Where a field is left out, says that it is required.
    fn require(&mut self, name: &str, is_given: bool) {
        let pointer = format!("/{name}");
        let is_at_fault = |fault: &FieldError| fault.pointer.starts_with(&pointer);
        if !is_given && !self.faults.iter().any(is_at_fault) {
            self.fault(name, REQUIRED);
        }
    }

    /// A text of at most so many bytes.
    pub fn optional_text(&mut self, name: &str, most: usize) -> Option<String> {
        match self.value(name)? {
            Value::String(text) if text.len() <= most => return Some(text.clone()),
            Value::String(_) => self.fault(name, format!("must be at most {most} bytes")),
            _ => self.fault(name, "must be a string"),
        }
        None
    }

    /// The same, required.
    pub fn text(&mut self, name: &str, most: usize) -> String {
        let text = self.optional_text(name, most);
        self.require(name, text.is_some());
        text.unwrap_or_default()
    }

    /// A text of lower-case hexadecimal digits, as many as said.
    pub fn optional_hex(&mut self, name: &str, digits: usize) -> Option<String> {
        let text = self.optional_text(name, usize::MAX)?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == digits && text.bytes().all(is_hex) {
            return Some(text);
        }
        self.fault(
            name,
            format!("must be {digits} lower-case hexadecimal digits"),
        );
        None
    }

    /// The same, required.
    pub fn hex(&mut self, name: &str, digits: usize) -> String {
        let text = self.optional_hex(name, digits);
        self.require(name, text.is_some());
        text.unwrap_or_default()
    }

    /// One of a few words, required.
    pub fn one_of<'w>(&mut self, name: &str, words: &[&'w str]) -> &'w str {
        let text = self.optional_text(name, usize::MAX);
        self.require(name, text.is_some());
        let Some(text) = text else { return "" };
        let known = words.iter().copied().find(|word| *word == text);
        if known.is_none() {
            self.fault(name, format!("must be {}", words.join(" or ")));
        }
        known.unwrap_or_default()
    }

    /// An integer.
    pub fn optional_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match self.value(name)? {
            Value::Number(number) if !number.is_f64() => number.as_i64(),
            _ => {
                self.fault(name, "must be an integer");
                return None;
            }
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            self.fault(name, format!("must be between {least} and {most}"));
        }
        number
    }

    /// The same, required.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> i64 {
        let number = self.optional_integer(name, range);
        self.require(name, number.is_some());
        number.unwrap_or_default()
    }

    /// A time: RFC 3339 with a zone, or Unix seconds. Required.
    pub fn moment(&mut self, name: &str) -> Option<Timestamp> {
        let at = self
            .optional::<ExpiresAt>(name)
            .and_then(|ExpiresAt(at)| at);
        self.require(name, at.is_some());
        at
    }

    /// A field of a type that has its own rules.
    pub fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.value(name)?;
        match read_value(&format!("/{name}"), value) {
            Ok(read) => return Some(read),
            Err(Error::InvalidField(faults)) => self.faults.extend(faults),
            Err(_) => self.fault(name, "breaks a rule"),
        }
        None
    }

    /// The same, required.
    pub fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let read = self.optional(name);
        self.require(name, read.is_some());
        read
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::InvalidField`] with every fault.
    pub fn finish(self) -> Result<()> {
        self.finish_with(Some(()))
    }

    /// The same, and gives what was made of the fields: `None` only where one of them is at fault.
    ///
    /// # Errors
    /// [`Error::InvalidField`] with every fault.
    pub fn finish_with<T>(self, made: Option<T>) -> Result<T> {
        let made = made.filter(|_| self.faults.is_empty());
        made.ok_or(Error::InvalidField(self.faults))
    }
}

/// Whether a text in it has a NUL, which no text in PostgreSQL has.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(parts) => parts.iter().any(holds_nul),
        Value::Object(parts) => parts
            .iter()
            .any(|(name, part)| name.contains('\0') || holds_nul(part)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;
    use crate::types::SiteUrl;

    fn faults(text: &str, read: impl Fn(&mut Fields<'_>)) -> Vec<String> {
        let refused = parse_json::<Body>(text.as_bytes()).and_then(|body| {
            let mut fields = body.fields();
            read(&mut fields);
            fields.finish()
        });
        match refused {
            Ok(()) => Vec::new(),
            Err(Error::InvalidField(faults)) => faults
                .iter()
                .map(|fault| format!("{} {}", fault.pointer, fault.detail))
                .collect(),
            Err(error) => vec![error.entry().code.to_owned()],
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let read = |fields: &mut Fields<'_>| {
            fields.text("name", 3);
            fields.integer("number", 0..=9);
            fields.one_of("code", &["one", "two"]);
            fields.hex("digest", 4);
            fields.required::<SiteUrl>("url");
            fields.moment("at");
        };
        let good = r#"{"name":"abc","number":9,"code":"two","digest":"00ff","url":"https://a.example",
                       "at":"2026-11-22T14:30:45+00:00","more":{"of":["what","nobody","asks"]}}"#;
        assert_eq!(faults(good, read), [""; 0]);
        let names = ["name", "number", "code", "digest", "url", "at"];
        let missing = names.map(|name| format!("/{name} is required"));
        assert_eq!(faults("{}", read), missing);
        let empty = r#"{"name":"","number":null,"code":"","digest":"","url":"","at":0}"#;
        assert_eq!(faults(empty, read), missing);
        let bad = r#"{"name":"abcd","number":10,"code":"three","digest":"00FF","url":"ftp://a","at":"soon"}"#;
        assert_eq!(
            faults(bad, read),
            [
                "/name must be at most 3 bytes",
                "/number must be between 0 and 9",
                "/code must be one or two",
                "/digest must be 4 lower-case hexadecimal digits",
                "/url must be an http or https URL of at most 2,048 characters without user name, password and fragment",
                "/at must be an RFC 3339 time with a zone, or Unix seconds",
            ]
        );
        let types = r#"{"name":1,"number":"9","code":[],"digest":{},"url":true,"at":[]}"#;
        assert_eq!(faults(types, read).len(), names.len());
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let read = |fields: &mut Fields<'_>| {
            fields.value("a");
        };
        assert_eq!(
            faults(r#"{"a":1,"a":1}"#, read),
            [" must not name a field twice"]
        );
        assert_eq!(faults("[]", read), [" must be an object"]);
        assert_eq!(faults("{", read), ["malformed_body"]);
        for nul in [r#"{"a":"b\u0000"}"#, r#"{"a":[{"b\u0000":1}]}"#] {
            assert_eq!(faults(nul, read), ["/a must not hold NUL characters"]);
        }
        assert_eq!(faults(r#"{"b":"\u0000"}"#, read), [""; 0]);
    }
}
