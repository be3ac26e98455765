//! The models of credentials: one file each, and one line each in the list below.
//!
//! A model is a struct whose fields are those of the contract, with their defaults. Reading it from a request's value
//! checks every rule; writing it out again gives the value as OpenBao keeps it: typed, with each default filled in and
//! `type` beside the fields. Its JSON Schema is what forms and the API description are made from.

mod fields;
mod ftp;
mod generic;
mod http;
mod s3;

pub use fields::Fields;
pub use ftp::Ftp;
pub use generic::Generic;
pub use http::{Http, Method};
pub use s3::S3;

use serde_json::{Map, Value};
use utoipa::PartialSchema;

use crate::error::{Error, FieldError, Result};
use crate::http::read_value;

/// The field beside a model's own that says which one it is.
const TYPE: &str = "type";

/// A model without regard to its type.
trait Model: serde::de::DeserializeOwned + serde::Serialize + PartialSchema {
    /// What is wrong with the fields as a whole, before each is read.
    fn objection(_fields: &Map<String, Value>) -> Option<FieldError> {
        None
    }
}

macro_rules! models {
    ($($name:literal $model:ident;)*) => {
        /// A credential's value.
        pub enum Credential {
            $(
                #[doc = concat!("Of the type `", $name, "`.")]
                $model($model)
            ),*
        }

        /// The names of all types.
        pub const TYPES: &[&str] = &[$($name),*];

        impl Credential {
            /// Which type it is of.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$model(_) => $name),*
                }
            }

            fn read_as(name: &str, fields: Map<String, Value>) -> Result<Option<Self>> {
                match name {
                    $($name => read::<$model>(fields).map(|model| Some(Self::$model(model))),)*
                    _ => Ok(None),
                }
            }

            fn own_fields(&self) -> serde_json::Result<Value> {
                match self {
                    $(Self::$model(model) => serde_json::to_value(model)),*
                }
            }
        }

        /// The JSON Schema of each type, by name.
        ///
        /// # Errors
        /// [`Error::Internal`] where a schema cannot be written out.
        pub fn schemas() -> Result<Map<String, Value>> {
            let mut schemas = Map::new();
            $(schemas.insert($name.to_owned(), schema::<$model>($name)?);)*
            Ok(schemas)
        }
    };
}

models! {
    "ftp"     Ftp;
    "s3"      S3;
    "http"    Http;
    "generic" Generic;
}

impl Credential {
    /// Reads the value of a request, at `/value` in its body.
    ///
    /// # Errors
    /// [`Error::InvalidField`] with the field, the rule and the type of what was found there, never the value.
    pub fn read(fields: Fields) -> Result<Self> {
        let mut fields = fields.0;
        let known = || format!("must be one of {}", TYPES.join(", "));
        let refused = |detail: String, found: Option<&Value>| {
            Error::InvalidField(vec![FieldError::at("/value/type", detail).found(found)])
        };
        match fields.remove(TYPE) {
            None => Err(refused(format!("is missing; {}", known()), None)),
            Some(Value::String(name)) => Self::read_as(&name, fields)?
                .ok_or_else(|| refused(known(), Some(&Value::String(name)))),
            Some(other) => Err(refused(known(), Some(&other))),
        }
    }

    /// The value as OpenBao keeps it and readers see it.
    ///
    /// # Errors
    /// [`Error::Internal`] where it cannot be written out.
    pub fn stored(&self) -> Result<Map<String, Value>> {
        let written = self.own_fields().map_err(|_| cannot_be_written())?;
        let Value::Object(own) = written else {
            return Err(cannot_be_written());
        };
        let mut all = Map::from_iter([(TYPE.to_owned(), Value::from(self.type_name()))]);
        all.extend(own);
        Ok(all)
    }

    /// Reads what OpenBao keeps.
    ///
    /// # Errors
    /// [`Error::Internal`] where that is none of the models: somebody else wrote it.
    pub fn from_stored(fields: Map<String, Value>) -> Result<Self> {
        Self::read(Fields(fields)).map_err(|_| {
            Error::Internal("a stored credential does not follow its model".to_owned())
        })
    }
}

fn cannot_be_written() -> Error {
    Error::Internal("a credential cannot be written out".to_owned())
}

fn read<T: Model>(fields: Map<String, Value>) -> Result<T> {
    if let Some(mut objection) = T::objection(&fields) {
        objection.pointer = format!("/value{}", objection.pointer);
        return Err(Error::InvalidField(vec![objection]));
    }
    read_value("/value", &Value::Object(fields))
}

/// A model's schema with `type`, which is no field of the struct.
fn schema<T: Model>(name: &str) -> Result<Value> {
    let unwritable = || Error::Internal(format!("the schema of {name} cannot be written out"));
    let mut schema = serde_json::to_value(T::schema()).map_err(|_| unwritable())?;
    let object = schema.as_object_mut().ok_or_else(unwritable)?;
    let fixed = serde_json::json!({ "const": name });
    match object.get_mut("properties").and_then(Value::as_object_mut) {
        Some(properties) => {
            properties.insert(TYPE.to_owned(), fixed);
        }
        None => {
            object.insert("properties".to_owned(), serde_json::json!({ TYPE: fixed }));
        }
    }
    match object.get_mut("required").and_then(Value::as_array_mut) {
        Some(required) => required.insert(0, Value::from(TYPE)),
        None => {
            object.insert("required".to_owned(), serde_json::json!([TYPE]));
        }
    }
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Map<String, Value>> {
        let fields = value.as_object().cloned().unwrap_or_default();
        Credential::read(Fields(fields))?.stored()
    }

    fn refusal(value: &Value) -> String {
        match read(value) {
            Err(Error::InvalidField(errors)) => {
                format!(
                    "{} {} ({})",
                    errors[0].pointer,
                    errors[0].detail,
                    errors[0].value_type.unwrap_or("-")
                )
            }
            Err(error) => error.to_string(),
            Ok(_) => "accepted".to_owned(),
        }
    }

    #[test]
    fn defaults_are_filled_in_and_numbers_stay_numbers() {
        let cases = [
            (
                json!({ "type": "ftp", "hostname": "h" }),
                json!({ "type": "ftp", "hostname": "h", "port": 21, "secure": false, "username": null, "password": null }),
            ),
            (
                json!({ "type": "s3", "access_key_id": "A", "secret_access_key": "S" }),
                json!({ "type": "s3", "hostname": null, "access_key_id": "A", "secret_access_key": "S", "region": "us-east-1" }),
            ),
            (
                json!({ "type": "http", "endpoint": "http://h/api" }),
                json!({ "type": "http", "endpoint": "http://h/api", "method": "GET", "headers": "{}", "body": "" }),
            ),
            (
                json!({ "type": "generic", "custom_key": "Custom Value", "none": null }),
                json!({ "type": "generic", "custom_key": "Custom Value", "none": null }),
            ),
        ];
        for (sent, stored) in cases {
            assert_eq!(read(&sent).ok().map(Value::Object), Some(stored));
        }
    }

    #[test]
    fn refusals_name_field_rule_and_type_but_not_the_value() {
        let cases = [
            (
                json!({}),
                "/value/type is missing; must be one of ftp, s3, http, generic (-)",
            ),
            (
                json!({ "type": "sftp" }),
                "/value/type must be one of ftp, s3, http, generic (string)",
            ),
            (
                json!({ "type": 1 }),
                "/value/type must be one of ftp, s3, http, generic (integer)",
            ),
            (
                json!({ "type": "ftp", "hostname": "h", "port": "21" }),
                "/value/port must be an integer from 1 to 65535 (string)",
            ),
            (
                json!({ "type": "ftp", "hostname": "h", "port": 70_000 }),
                "/value/port must be an integer from 1 to 65535 (integer)",
            ),
            (
                json!({ "type": "ftp", "hostname": "h", "port": 21.5 }),
                "/value/port must be an integer from 1 to 65535 (number)",
            ),
            (
                json!({ "type": "ftp", "hostname": "h", "secure": null }),
                "/value/secure must be a boolean (null)",
            ),
            (
                json!({ "type": "ftp", "hostname": "h", "passwort": "canary" }),
                "/value/passwort is not known here; known: hostname, port, secure, username, password (string)",
            ),
            (
                json!({ "type": "http", "access_key_id": "http://h" }),
                "/value/access_key_id is not known here: endpoint is meant, the address to call (string)",
            ),
            (
                json!({ "type": "http", "endpoint": "http://h", "headers": "{\"a\": 1}" }),
                "/value/headers must be a JSON object of at most 100 strings, written as a string (string)",
            ),
            (
                json!({ "type": "generic", "k": 1 }),
                "/value/k must be a string or null (integer)",
            ),
        ];
        for (sent, said) in cases {
            assert_eq!(refusal(&sent), said);
        }
    }

    #[test]
    fn schemas_hold_type_fields_and_defaults() {
        let schemas = schemas().unwrap_or_default();
        let ftp = &schemas["ftp"];
        assert_eq!(ftp["properties"]["type"]["const"], "ftp", "{ftp}");
        assert_eq!(ftp["properties"]["port"]["default"], 21, "{ftp}");
        assert_eq!(ftp["properties"]["port"]["maximum"], 65535, "{ftp}");
        assert_eq!(ftp["required"], json!(["type", "hostname"]), "{ftp}");
        assert_eq!(ftp["additionalProperties"], false, "{ftp}");
        assert_eq!(schemas.len(), TYPES.len());
        let generic = &schemas["generic"];
        assert_eq!(generic["required"], json!(["type"]), "{generic}");
        assert_eq!(
            schemas["http"]["properties"]["method"]["default"], "GET",
            "{}",
            schemas["http"]
        );
    }
}
