//! JSON as PHP reads and writes it: what is signed of an answer, and the answer that goes with it.
//!
//! Whoever checks the signature decodes our answer with PHP, takes the signature out, sorts the names, and encodes it
//! again with `JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION`. So a [`Value`] is what
//! PHP's `json_decode(…, true)` makes of a text, and is written as PHP 8 would: decoded and encoded once more, it is the
//! same text, byte for byte, whether PHP decodes to arrays or to objects. What cannot be made so is refused when it is
//! read: numbers beyond floats, half a surrogate pair, more than 127 levels, and names that begin with NUL (no object
//! of PHP's has them).
//!
//! # Quirks
//! - PHP knows arrays only: `{}` becomes `[]`, and `{"0": …, "1": …}` a list.
//! - Of a name given twice the last value counts, at the first one's place.
//! - Integers beyond 64 bits become floats.
//! - PHP reads `-0` as `0`; here it is `-0.0`, which both read alike.
//! - Where a server's `serialize_precision` is not `-1`, PHP writes floats otherwise, and their signatures do not hold.

use std::collections::BTreeMap;
use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Names that are not signed.
const UNSIGNED: [&str; 2] = ["signature", "signaturePublicKey"];

/// Some JSON, as PHP has it.
#[derive(Clone)]
pub struct Value(Kind);

#[derive(Clone)]
enum Kind {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    /// Neither empty nor a list to PHP.
    Object(IndexMap<String, Value>),
}

impl Value {
    /// Reads a text.
    ///
    /// # Errors
    /// Where it is no JSON, or holds what PHP could not give back.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The text that PHP writes. Read again, it gives the same value.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Whether it is an array of PHP's: an object or a list.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self.0, Kind::List(_) | Kind::Object(_))
    }

    fn write(&self, out: &mut String) {
        match &self.0 {
            Kind::Null => out.push_str("null"),
            Kind::Bool(true) => out.push_str("true"),
            Kind::Bool(false) => out.push_str("false"),
            Kind::Integer(number) => out.push_str(&number.to_string()),
            Kind::Float(number) => write_float(*number, out),
            Kind::Text(text) => write_text(text, out),
            Kind::List(values) => {
                out.push('[');
                for (place, value) in values.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Kind::Object(fields) => write_object(fields, out),
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(Kind::Text(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self(Kind::Integer(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

fn write_object<'a, N: AsRef<str> + 'a>(
    fields: impl IntoIterator<Item = (&'a N, &'a Value)>,
    out: &mut String,
) {
    out.push('{');
    for (place, (name, value)) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_text(name.as_ref(), out);
        out.push(':');
        value.write(out);
    }
    out.push('}');
}

/// The shortest digits that read back as the same number, and where the point stands among them: 0.0012 is 12 and -2.
/// Where two are as near, the even one, as PHP has it; the standard library takes the larger one.
fn shortest(number: f64) -> (String, i32) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(number.abs());
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    // A float has at most 17 digits, and its exponent three.
    let count = |digits: &str| i32::try_from(digits.len()).unwrap_or(0);
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let point = exponent + count(whole) - (count(&all) - count(significant));
    (significant.trim_end_matches('0').to_owned(), point)
}

/// With an exponent where the point would stand more than 17 places on, or more than three before the digits.
fn write_float(number: f64, out: &mut String) {
    let (digits, point) = shortest(number);
    if number.is_sign_negative() {
        out.push('-');
    }
    let place = usize::try_from(point).unwrap_or(0);
    let text = match digits.len() {
        0 => "0.0".to_owned(),
        _ if !(-3..=17).contains(&point) => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            format!("{first}.{rest}e{:+}", point - 1)
        }
        _ if place == 0 => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        length if place >= length => format!("{digits:0<place$}.0"),
        _ => {
            let (whole, fraction) = digits.split_at(place);
            format!("{whole}.{fraction}")
        }
    };
    out.push_str(&text);
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let escape = format!("\\u{:04x}", u32::from(character));
                out.push_str(&escape);
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON that PHP can hold")
    }

    fn visit_unit<E: Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Kind, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "as PHP reads integers beyond 64 bits"
        )]
        let float = value as f64;
        Ok(i64::try_from(value).map_or(Kind::Float(float), Kind::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Kind, E> {
        if !value.is_finite() {
            return Err(E::custom("a number is out of range"));
        }
        Ok(Kind::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Kind, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Kind::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut fields = IndexMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if name.starts_with('\0') {
                return Err(A::Error::custom("a name begins with NUL"));
            }
            fields.insert(name, value);
        }
        if is_list(&fields) {
            return Ok(Kind::List(fields.into_values().collect()));
        }
        Ok(Kind::Object(fields))
    }
}

/// Whether PHP takes it for a list: nothing, or the names 0, 1, 2, … in this order.
fn is_list(fields: &IndexMap<String, Value>) -> bool {
    let mut names = fields.keys().enumerate();
    names.all(|(place, name)| *name == place.to_string())
}

/// An answer that is signed before it is given.
pub struct Answer(BTreeMap<&'static str, Value>);

impl Answer {
    /// An answer of these fields. A signature among them is left out. No name may be a number: PHP sorts those otherwise.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let fields = fields.into_iter();
        Self(
            fields
                .filter(|(name, _)| !UNSIGNED.contains(name))
                .collect(),
        )
    }

    /// What is signed.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        write_object(&self.0, &mut out);
        out
    }

    /// The body of the answer.
    #[must_use]
    pub fn signed(mut self, signature: String) -> String {
        self.0.insert(UNSIGNED[0], signature.into());
        self.canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        Value::read(text).map_or_else(|error| format!("refused: {error}"), |value| value.encode())
    }

    #[test]
    fn values_are_written_as_php_writes_them() {
        for (text, expected) in [
            ("{}", "[]"),
            (r#"{"0":1,"1":{}}"#, "[1,[]]"),
            (r#"{"1":1,"0":2}"#, r#"{"1":1,"0":2}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            ("1.0", "1.0"),
            ("1e16", "10000000000000000.0"),
            ("1e17", "1.0e+17"),
            ("1.5e300", "1.5e+300"),
            ("0.0001", "0.0001"),
            ("0.00001", "1.0e-5"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9.223372036854776e+18"),
            ("-9223372036854775809", "-9.223372036854776e+18"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("-12345.678", "-12345.678"),
            ("3501387712838.90625", "3501387712838.9062"),
            (
                r#""\/\u00e9\u2028\u0000\u007f""#,
                "\"/é\\u2028\\u0000\u{7f}\"",
            ),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }

    #[test]
    fn what_php_could_not_give_back_is_refused() {
        for text in ["1e400", r#""\ud800""#, r#"{"\u0000a":1}"#, "[1,]", "01", ""] {
            assert!(written(text).starts_with("refused"), "{text}");
        }
        let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(written(&deep(127)), deep(127));
        assert!(Value::read(&deep(128)).is_err());
    }

    #[test]
    fn answer_is_its_canonical_form_and_the_signature() {
        let fields = [
            ("siteUrl", "https://a.example/é"),
            ("signature", "forged"),
            ("identifier", "x"),
        ];
        let answer = Answer::new(fields.map(|(name, text)| (name, Value::from(text))));
        let canonical = r#"{"identifier":"x","siteUrl":"https://a.example/é"}"#;
        assert_eq!(answer.canonical(), canonical);
        let body = r#"{"identifier":"x","signature":"ab","siteUrl":"https://a.example/é"}"#;
        assert_eq!(answer.signed("ab".to_owned()), body);
    }
}
