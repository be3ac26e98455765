//! A credential in the form it is stored in.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use zeroize::Zeroizing;

use super::{Credential, Http};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// A credential on its way out of the process.
pub(crate) struct Wire<'a>(pub(crate) &'a Credential);

pub(super) fn json(credential: &Credential) -> Result<Secret> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    serde_json::to_writer(&mut *bytes, &Wire(credential)).map_err(unwritable)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Secret::from(text)),
        Err(_) => Err(unwritable(())),
    }
}

/// The one reason there can be.
fn unwritable<E>(_: E) -> Error {
    Error::InvalidArgument("a generic credential must not have a field named type".to_owned())
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.0.type_name())?;
        match self.0 {
            Credential::Ftp(ftp) => {
                map.serialize_entry("hostname", &ftp.hostname)?;
                map.serialize_entry("port", &ftp.port)?;
                map.serialize_entry("secure", &ftp.secure)?;
                map.serialize_entry("username", &ftp.username)?;
                map.serialize_entry("password", &ftp.password.as_ref().map(Secret::expose))?;
            }
            Credential::S3(s3) => {
                map.serialize_entry("hostname", &s3.hostname)?;
                map.serialize_entry("access_key_id", &s3.access_key_id)?;
                map.serialize_entry("secret_access_key", s3.secret_access_key.expose())?;
                map.serialize_entry("region", &s3.region)?;
            }
            Credential::Http(http) => {
                map.serialize_entry("endpoint", &http.endpoint)?;
                map.serialize_entry("method", http.method.as_str())?;
                map.serialize_entry("headers", &*headers::<S>(http)?)?;
                map.serialize_entry("body", http.body.expose())?;
            }
            Credential::Generic(fields) => {
                if fields.contains_key("type") {
                    return Err(serde::ser::Error::custom("type"));
                }
                for (name, value) in fields {
                    map.serialize_entry(name, &value.as_ref().map(Secret::expose))?;
                }
            }
        }
        map.end()
    }
}

fn headers<S: Serializer>(http: &Http) -> std::result::Result<Zeroizing<String>, S::Error> {
    let shown: BTreeMap<&str, &str> = http
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    serde_json::to_string(&shown)
        .map(Zeroizing::new)
        .map_err(serde::ser::Error::custom)
}
