//! Bodies: read with a limit in size and time, and refused precisely.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::{Decided, digest};
use crate::app::App;
use crate::error::{Error, FieldError, Result};
use crate::telemetry;

/// Of a body, unless its handler says otherwise.
pub const LIMIT: usize = 64 * 1024;
/// Of a body with an entry of a lockbox: a value of 64 KiB, however its characters are escaped.
pub const ENTRY_LIMIT: usize = 512 * 1024;
const FILE_LIMIT: usize = 4 * 1024 * 1024;
const TIME: Duration = Duration::from_secs(5);
/// For bodies larger than that.
const BACKUP_TIME: Duration = Duration::from_mins(1);

/// A body as it came: at most 64 KiB unless it says otherwise, within 5 seconds.
pub struct RawBody<const MOST: usize = LIMIT>(pub Bytes);

impl<const MOST: usize> FromRequest for RawBody<MOST> {
    type Error = Error;
    type Future = Reading<Self>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        body(request, payload, MOST, None, |bytes| Ok(Self(bytes)))
    }
}

/// A file of JSON lines, `application/x-ndjson`: at most 4 MiB unless it says otherwise.
pub struct FileBody<const MOST: usize = FILE_LIMIT>(pub Bytes);

impl<const MOST: usize> FromRequest for FileBody<MOST> {
    type Error = Error;
    type Future = Reading<Self>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = Some("application/x-ndjson");
        body(request, payload, MOST, kind, |bytes| Ok(Self(bytes)))
    }
}

/// A JSON body, at most 64 KiB unless it says otherwise. An empty one counts as `{}`, and then needs no `Content-Type`.
pub struct Json<T, const MOST: usize = LIMIT>(pub T);

impl<T: DeserializeOwned + 'static, const MOST: usize> FromRequest for Json<T, MOST> {
    type Error = Error;
    type Future = Reading<Self>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        body(request, payload, MOST, Some("application/json"), |bytes| {
            let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
            parse(text).map(Self)
        })
    }
}

/// A body that is being read.
pub(super) type Reading<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// Reads a body of at most `most` bytes, once the caller is let in; where it is not empty, it must be of the media type.
pub(super) fn body<T: 'static>(
    request: &HttpRequest,
    payload: &mut Payload,
    most: usize,
    media_type: Option<&'static str>,
    parse: fn(Bytes) -> Result<T>,
) -> Reading<T> {
    let (decided, request, payload) = (Decided::wait(request), request.clone(), payload.take());
    Box::pin(async move {
        decided.await;
        let bytes = read(&request, payload, most).await?;
        let is_right = media_type.is_none_or(|right| bytes.is_empty() || says(&request, right));
        if is_right {
            parse(bytes)
        } else {
            Err(Error::UnsupportedMediaType)
        }
    })
}

async fn read(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Bytes> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Error::UnsupportedMediaType);
    }
    let declared = request
        .headers()
        .get("content-length")
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(Error::BodyTooLarge);
    }
    let collect = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Error::MalformedBody)?;
            if body.len() + chunk.len() > limit {
                return Err(Error::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    let time = if limit > FILE_LIMIT {
        BACKUP_TIME
    } else {
        TIME
    };
    let body = tokio::time::timeout(time, collect).await;
    still_active(request)?;
    let body = body.unwrap_or(Err(Error::BodyTimeout))?;
    digest::note(request, &body);
    Ok(body)
}

/// The caller was judged by the head of the request. Its vendor may have been suspended while the body came.
fn still_active(request: &HttpRequest) -> Result<()> {
    let vendor = telemetry::current().seen.vendor();
    let app = request.app_data::<Data<App>>();
    let known = app
        .zip(vendor)
        .and_then(|(app, vendor)| app.directory.by_id(vendor));
    known.map_or(Ok(()), |vendor| vendor.refuse_inactive())
}

fn says(request: &HttpRequest, media_type: &str) -> bool {
    let mut types = request.headers().get_all(CONTENT_TYPE);
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(text) = only.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let right_type = parts
        .next()
        .is_some_and(|t| t.eq_ignore_ascii_case(media_type));
    right_type
        && parts.all(|p| {
            !p.to_ascii_lowercase().starts_with("charset=")
                || p[8..].trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
}

/// Reads a JSON body into `T`. 400 where it is no JSON, 422 with the field where a rule is broken.
///
/// # Errors
/// As said.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // serde would take a list of a struct's fields for the struct.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        let found = document(bytes).ok_or(Error::MalformedBody)?;
        let error = FieldError::at("", "must be an object").found(Some(&found));
        return Err(Error::InvalidField(vec![error]));
    }
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        let found = match error.inner().classify() {
            Category::Data => document(bytes),
            _ => None,
        };
        found.map_or(Error::MalformedBody, |found| {
            broken_rule("", &found, &error)
        })
    })?;
    source.end().map_err(|_| Error::MalformedBody)?;
    Ok(value)
}

/// Reads a part of a body, at the JSON pointer `at`, into `T`.
///
/// # Errors
/// 422 with the field where a rule is broken.
pub fn read_value<T: DeserializeOwned>(at: &str, value: &Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| broken_rule(at, value, &error))
}

/// The whole body, where it is one JSON document, whatever it says.
fn document(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// What serde says of a field, without the value it found there.
fn broken_rule(
    at: &str,
    within: &Value,
    error: &serde_path_to_error::Error<serde_json::Error>,
) -> Error {
    let said = error.inner().to_string();
    let said = said
        .rsplit_once(" at line ")
        .map_or(said.as_str(), |(said, _)| said);
    let after_expected = |otherwise| {
        // The last one: a value may hold the words too.
        said.rsplit_once(", expected ")
            .map_or(otherwise, |(_, expected)| expected)
    };
    let detail = if said.starts_with("invalid ") {
        format!("must be {}", after_expected("another value"))
    } else if said.starts_with("unknown ") {
        let known = after_expected("nothing").replace('`', "");
        let known = known.trim_start_matches("one of ");
        format!("is not known here; known: {known}")
    } else {
        said.replace('`', "")
    };
    let pointer = pointer(error.path());
    let found = within.pointer(&pointer);
    Error::InvalidField(vec![
        FieldError::at(format!("{at}{pointer}"), detail).found(found),
    ])
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let token = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key: name } | Segment::Enum { variant: name } => {
            format!("/{}", escaped(name))
        }
        Segment::Unknown => String::new(),
    };
    path.iter().map(token).collect()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::types::{Metadata, SecretId};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Probe {
        #[expect(dead_code, reason = "only its reading matters here")]
        secret_id: SecretId,
        #[serde(default)]
        #[expect(dead_code, reason = "only its reading matters here")]
        metadata: Metadata,
    }

    fn refusal(text: &str) -> String {
        match parse::<Probe>(text.as_bytes()) {
            Ok(_) => "accepted".to_owned(),
            Err(Error::InvalidField(errors)) => {
                format!("{} {}", errors[0].pointer, errors[0].detail)
            }
            Err(error) => error.entry().code.to_owned(),
        }
    }

    #[test]
    fn a_bad_body_is_told_apart_and_its_values_are_not_repeated() {
        assert_eq!(refusal(r#"{"secretId":"0123456789abcdef"}"#), "accepted");
        assert_eq!(
            refusal(r#"{"secretId":"\t../canary-store/s1"}"#),
            "/secretId must be 16 to 128 characters of a-z, 0-9, _ and -"
        );
        assert_eq!(
            refusal(r#"{"secretId":12345}"#),
            "/secretId must be a string"
        );
        assert!(refusal("{}").contains("missing field secretId"));
        assert!(
            refusal(r#"{"secretId":"0123456789abcdef","policies":["root"]}"#)
                .contains("is not known here")
        );
        assert!(
            refusal(r#"{"secretId":"0123456789abcdef","secretId":"0123456789abcdef"}"#)
                .contains("duplicate field")
        );
        for bad in [
            "",
            "{",
            r#"{"secretId":"0123456789abcdef"}{}"#,
            "[1,]",
            "{'a':1}",
            "\u{feff}{}",
            "{\"secretId\":NaN}",
        ] {
            assert_eq!(refusal(bad), "malformed_body", "{bad}");
        }
        assert_eq!(
            parse::<Probe>(b"{\"secretId\":\"\xff\"}")
                .err()
                .map(|e| e.entry().code),
            Some("malformed_body")
        );
    }
}
