//! Forms, as `OAuth` has them (RFC 6749, appendix B).

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode_str;

use super::json::{Reading, body};
use crate::error::{Error, OAuthError, Result};
use crate::types::Secret;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
const LIMIT: usize = 16 * 1024;
const MOST_FIELDS: usize = 32;
/// A text of 64 KiB, each byte of which may be written as three.
const LONG_LIMIT: usize = 256 * 1024;
const LONG_MOST_FIELDS: usize = 128;

/// The fields of a form (`application/x-www-form-urlencoded`, at most 16 KiB). None stands twice, none is empty.
pub struct Form(Vec<(String, Secret)>);

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// [`OAuthError::InvalidRequest`] where a field stands twice, or is no text.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::parse_with(bytes, MOST_FIELDS, |text| !text.contains(char::is_control))
    }

    /// The same of a form with texts of many lines, whose ends become `\n`.
    fn parse_long(bytes: &[u8]) -> Result<Self> {
        let mut form = Self::parse_with(bytes, LONG_MOST_FIELDS, |text| {
            let is_odd = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
            !text.contains(is_odd)
        })?;
        for (_, value) in &mut form.0 {
            if value.expose().contains('\r') {
                *value = Secret::new(value.expose().replace("\r\n", "\n"));
            }
        }
        Ok(form)
    }

    /// Reads a form of at most 256 KiB, with texts of many lines.
    pub fn long(request: &HttpRequest, payload: &mut Payload) -> Reading<Self> {
        body(request, payload, LONG_LIMIT, Some(MEDIA_TYPE), |bytes| {
            Self::parse_long(&bytes)
        })
    }

    fn parse_with(bytes: &[u8], most: usize, is_text: fn(&str) -> bool) -> Result<Self> {
        let refused = |what| Error::OAuth(OAuthError::InvalidRequest(what));
        let text = std::str::from_utf8(bytes).map_err(|_| refused("The form is not text."))?;
        let mut fields: Vec<(String, Secret)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let malformed = || refused("A field of the form is not URL-encoded text.");
            let name = decoded(name).ok_or_else(malformed)?;
            let value = unescaped(value).filter(|value| is_text(value));
            let value = value.ok_or_else(malformed)?;
            if fields.len() >= most {
                return Err(refused("The form has too many fields."));
            }
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(refused("A field of the form stands twice."));
            }
            fields.push((name, Secret::new(value)));
        }
        // One without a value counts as left out.
        fields.retain(|(_, value)| !value.expose().is_empty());
        Ok(Self(fields))
    }

    /// A field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.secret(name).map(Secret::expose)
    }

    /// A field that is secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value)
    }
}

/// A name or a value; `None` where it is not what it stands for, whole.
#[must_use]
pub fn decoded(text: &str) -> Option<String> {
    unescaped(text).filter(|text| !text.contains(char::is_control))
}

fn unescaped(text: &str) -> Option<String> {
    let escapes = text.split('%').skip(1);
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.into_iter().all(is_escape) {
        return None;
    }
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8().ok()?;
    Some(text.into_owned())
}

impl FromRequest for Form {
    type Error = Error;
    type Future = Reading<Self>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        body(request, payload, LIMIT, Some(MEDIA_TYPE), |bytes| {
            Self::parse(&bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_once_and_are_text() {
        let form = Form::parse(b"a=1+2&b=%C3%A9%26&c=&d").ok();
        let get = |name| form.as_ref().and_then(|form| form.get(name));
        assert_eq!((get("a"), get("b")), (Some("1 2"), Some("é&")));
        assert_eq!((get("c"), get("d"), get("e")), (None, None, None));
        let many: Vec<String> = (0..33).map(|n| format!("f{n}=1")).collect();
        for bad in [
            "a=1&a=1",
            "a=1&%61=2",
            "a=&a=1",
            "a=%",
            "a=%4",
            "a=%zz",
            "a=%FF",
            "a=%00",
            "a=x%0d%0ay",
            &many.join("&"),
        ] {
            assert!(Form::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Form::parse(b"a=\xff").is_err());
    }

    #[test]
    fn a_long_form_has_lines() {
        let form = Form::parse_long(b"a=x%0D%0Ay%0Az%09&b=%0d").ok();
        let get = |name| form.as_ref().and_then(|form| form.get(name));
        assert_eq!((get("a"), get("b")), (Some("x\ny\nz\t"), Some("\r")));
        for bad in ["a=%00", "a=%1b", "a%0a=1", "a=%ff"] {
            assert!(Form::parse_long(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
