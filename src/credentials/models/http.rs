//! `http`: a call to a web service.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Model, fields};
use crate::error::FieldError;

/// A call to a web service.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where to call.
    #[serde(deserialize_with = "fields::url")]
    #[schema(format = "uri")]
    pub endpoint: String,
    // Without a description of its own: the schema would say with it that the method is an object.
    #[serde(default)]
    #[schema(inline)]
    pub(crate) method: Method,
    /// The headers to send: a JSON object of strings, written as a string.
    #[serde(default = "no_headers", deserialize_with = "fields::header_map")]
    #[schema(default = "{}", content_media_type = "application/json")]
    pub headers: String,
    /// The body to send.
    #[serde(default)]
    #[schema(default = "", content_media_type = "text/plain")]
    pub body: String,
}

/// A method of HTTP.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(default = "GET")]
pub enum Method {
    /// `GET`
    #[default]
    Get,
    /// `PUT`
    Put,
    /// `POST`
    Post,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
}

impl Model for Http {
    /// The seed's own example names the address `access_key_id`.
    fn objection(fields: &Map<String, Value>) -> Option<FieldError> {
        let given = fields.get("access_key_id")?;
        if fields.contains_key("endpoint") {
            return None;
        }
        let detail = "is not known here: endpoint is meant, the address to call";
        Some(FieldError::at("/access_key_id", detail).found(Some(given)))
    }
}

fn no_headers() -> String {
    "{}".to_owned()
}
