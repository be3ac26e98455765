//! When something ends, as callers write it.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An end date as callers send it: RFC 3339 with a zone, or Unix seconds. `0`, `false` and `null` mean never, as
/// plugins send them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiresAt(pub Option<Timestamp>);

/// 1 January 2200: a later date is seconds mixed up with milliseconds, not a date somebody means.
const LATEST: i64 = 7_258_118_400;

impl ExpiresAt {
    fn from_seconds<E: Error>(seconds: i64) -> Result<Self, E> {
        match seconds {
            0 => Ok(Self(None)),
            1..=LATEST => Timestamp::from_second(seconds)
                .map(|at| Self(Some(at)))
                .map_err(E::custom),
            _ => Err(E::custom("must be between 1970 and 2200, in seconds")),
        }
    }
}

impl PartialSchema for ExpiresAt {
    fn schema() -> RefOr<Schema> {
        let types = [Type::String, Type::Integer, Type::Boolean, Type::Null];
        let any = ObjectBuilder::new().schema_type(SchemaType::from_iter(types));
        let says = "RFC 3339 with a zone, or Unix seconds, up to the year 2200. `0`, `false` and `null` mean never.";
        any.description(Some(says)).into()
    }
}

impl ToSchema for ExpiresAt {}

impl<'de> Deserialize<'de> for ExpiresAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct When;
        impl Visitor<'_> for When {
            type Value = ExpiresAt;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time with a zone, or Unix seconds")
            }
            fn visit_unit<E: Error>(self) -> Result<ExpiresAt, E> {
                Ok(ExpiresAt(None))
            }
            fn visit_bool<E: Error>(self, given: bool) -> Result<ExpiresAt, E> {
                if given {
                    Err(E::custom("must be a time, or false for never"))
                } else {
                    Ok(ExpiresAt(None))
                }
            }
            fn visit_i64<E: Error>(self, seconds: i64) -> Result<ExpiresAt, E> {
                ExpiresAt::from_seconds(seconds)
            }
            fn visit_u64<E: Error>(self, seconds: u64) -> Result<ExpiresAt, E> {
                ExpiresAt::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<ExpiresAt, E> {
                let at: Timestamp = text.parse().map_err(|_| {
                    E::custom("must be an RFC 3339 time with a zone, or Unix seconds")
                })?;
                ExpiresAt::from_seconds(at.as_second().max(-1))
            }
        }
        deserializer.deserialize_any(When)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_dates_are_read_or_refused() {
        let read = |text: &str| {
            serde_json::from_str::<ExpiresAt>(text)
                .map(|e| e.0.map(Timestamp::as_second))
                .ok()
        };
        assert_eq!(read("1764000000"), Some(Some(1_764_000_000)));
        assert_eq!(read(r#""2026-11-22T00:00:00Z""#), Some(Some(1_795_305_600)));
        for never in ["0", "false", "null"] {
            assert_eq!(read(never), Some(None), "{never}");
        }
        for bad in [
            "-1",
            "1764000000000",
            "1.5",
            "true",
            r#""2026-13-01T00:00:00Z""#,
            r#""2026-11-22T00:00:00""#,
            r#""soon""#,
            "[]",
            "292277026596",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
