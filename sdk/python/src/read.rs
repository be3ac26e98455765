//! What comes from Python.

use std::collections::BTreeMap;

use gatehouse_client::{Credential, Error, Ftp, Http, Method, S3, Secret, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;
use crate::text::Text;

/// A credential, from one of the four classes.
pub(crate) fn credential(given: &Bound<'_, PyAny>) -> PyResult<Credential> {
    let models = given.py().import("gatehouse_client._models")?;
    let is = |class: &str| given.is_instance(&models.getattr(class)?);
    if is("Ftp")? {
        ftp(given).map(Credential::Ftp)
    } else if is("S3")? {
        s3(given).map(Credential::S3)
    } else if is("Http")? {
        http(given).map(Credential::Http)
    } else if is("Generic")? {
        generic(given)
    } else {
        Err(wrong(given, "a credential is an Ftp, S3, Http or Generic"))
    }
}

fn wrong(given: &Bound<'_, PyAny>, what: &str) -> PyErr {
    errors::raised(given.py(), &Error::InvalidArgument(what.to_owned()))
}

fn text<T: From<Text>>(given: &Bound<'_, PyAny>, name: &str) -> PyResult<T> {
    given.getattr(name)?.extract().map(Text::into)
}

fn optional<T: From<Text>>(given: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<T>> {
    let text: Option<Text> = given.getattr(name)?.extract()?;
    Ok(text.map(Text::into))
}

fn ftp(given: &Bound<'_, PyAny>) -> PyResult<Ftp> {
    Ok(Ftp {
        hostname: text(given, "hostname")?,
        port: given
            .getattr("port")?
            .extract()
            .map_err(|_| wrong(given, "port is 1 to 65535"))?,
        secure: given.getattr("secure")?.extract()?,
        username: optional(given, "username")?,
        password: optional(given, "password")?,
    })
}

fn s3(given: &Bound<'_, PyAny>) -> PyResult<S3> {
    Ok(S3 {
        hostname: optional(given, "hostname")?,
        access_key_id: text(given, "access_key_id")?,
        secret_access_key: text(given, "secret_access_key")?,
        region: text(given, "region")?,
    })
}

fn http(given: &Bound<'_, PyAny>) -> PyResult<Http> {
    let headers: BTreeMap<Text, Text> = given.getattr("headers")?.cast::<PyDict>()?.extract()?;
    Ok(Http {
        endpoint: text(given, "endpoint")?,
        method: Method::from_name(&text::<String>(given, "method")?)
            .ok_or_else(|| wrong(given, "method is GET, PUT, POST, HEAD or OPTIONS"))?,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        body: text(given, "body")?,
    })
}

fn generic(given: &Bound<'_, PyAny>) -> PyResult<Credential> {
    let fields: BTreeMap<Text, Option<Text>> = given.getattr("fields")?.extract()?;
    let secret = |(name, value): (Text, Option<Text>)| (name.into(), value.map(Secret::from));
    Ok(Credential::Generic(
        fields.into_iter().map(secret).collect(),
    ))
}

/// A time with a zone.
pub(crate) fn moment(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Timestamp>> {
    let Some(given) = given else {
        return Ok(None);
    };
    let models = given.py().import("gatehouse_client._models")?;
    let microseconds: i64 = models.call_method1("microseconds", (given,))?.extract()?;
    Timestamp::from_microsecond(microseconds)
        .map(Some)
        .map_err(|_| wrong(given, "the time is out of range"))
}
