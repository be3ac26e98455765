//! Texts that come from Python.

use std::collections::BTreeMap;
use std::ops::Deref;

use gatehouse_client::{Error, Secret};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors;

/// A text. One that UTF-8 cannot say is refused without being shown: the exception that Python has for this holds it
/// whole.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text(String);

impl FromPyObject<'_, '_> for Text {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let text = given.cast::<PyString>()?;
        match text.to_cow() {
            Ok(text) => Ok(Self(text.into_owned())),
            Err(_) => Err(errors::raised(
                given.py(),
                &Error::InvalidArgument(
                    "a text holds half of a surrogate pair, which UTF-8 has not".to_owned(),
                ),
            )),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl From<Text> for Secret {
    fn from(text: Text) -> Self {
        Self::new(text.0)
    }
}

/// Labels by name; none where they are left out.
pub(crate) fn labels(given: Option<BTreeMap<Text, Text>>) -> BTreeMap<String, String> {
    given
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
