//! What goes to Python, as objects of the classes in `_models.py`.

use std::collections::BTreeMap;

use gatehouse_client::{
    Credential, CredentialInfo, CredentialRecord, IssuedToken, Page, RegisteredSite, Secret, Site,
    Timestamp, TokenState,
};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Made into an object of Python.
pub(crate) trait ToPython {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

fn models(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import("gatehouse_client._models")
}

/// An object of a class, from its fields by name.
fn object<'py>(
    py: Python<'py>,
    class: &str,
    fields: &[(&str, Bound<'py, PyAny>)],
) -> PyResult<Bound<'py, PyAny>> {
    let named = PyDict::new(py);
    for (name, value) in fields {
        named.set_item(name, value)?;
    }
    models(py)?.getattr(class)?.call((), Some(&named))
}

/// A simple value.
fn value<'py, T: IntoPyObjectExt<'py>>(py: Python<'py>, value: T) -> PyResult<Bound<'py, PyAny>> {
    value.into_bound_py_any(py)
}

fn secret<'py>(py: Python<'py>, secret: Option<&Secret>) -> PyResult<Bound<'py, PyAny>> {
    value(py, secret.map(Secret::expose))
}

fn moment(py: Python<'_>, at: Option<Timestamp>) -> PyResult<Bound<'_, PyAny>> {
    match at {
        Some(at) => models(py)?.call_method1("moment", (at.as_microsecond(),)),
        None => Ok(py.None().into_bound(py)),
    }
}

impl ToPython for Credential {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = match self {
            Self::Ftp(ftp) => vec![
                ("hostname", value(py, &ftp.hostname)?),
                ("port", value(py, ftp.port)?),
                ("secure", value(py, ftp.secure)?),
                ("username", value(py, ftp.username.as_ref())?),
                ("password", secret(py, ftp.password.as_ref())?),
            ],
            Self::S3(s3) => vec![
                ("hostname", value(py, s3.hostname.as_ref())?),
                ("access_key_id", value(py, &s3.access_key_id)?),
                (
                    "secret_access_key",
                    secret(py, Some(&s3.secret_access_key))?,
                ),
                ("region", value(py, &s3.region)?),
            ],
            Self::Http(http) => {
                let headers: BTreeMap<_, _> = http
                    .headers
                    .iter()
                    .map(|(name, secret)| (name, secret.expose()))
                    .collect();
                vec![
                    ("endpoint", value(py, &http.endpoint)?),
                    ("method", value(py, http.method.as_str())?),
                    ("headers", value(py, headers)?),
                    ("body", secret(py, Some(&http.body))?),
                ]
            }
            Self::Generic(fields) => {
                let fields: BTreeMap<_, _> = fields
                    .iter()
                    .map(|(name, secret)| (name, secret.as_ref().map(Secret::expose)))
                    .collect();
                vec![("fields", value(py, fields)?)]
            }
        };
        let class = match self {
            Self::Ftp(_) => "Ftp",
            Self::S3(_) => "S3",
            Self::Http(_) => "Http",
            Self::Generic(_) => "Generic",
        };
        object(py, class, &fields)
    }
}

impl ToPython for CredentialInfo {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = [
            ("id", value(py, self.id)?),
            ("key", value(py, &self.key)?),
            ("type", value(py, &self.type_name)?),
            ("version", value(py, self.version)?),
            ("inserted_at", moment(py, Some(self.inserted_at))?),
            ("updated_at", moment(py, self.updated_at)?),
            ("rotate_by", moment(py, self.rotate_by)?),
            ("last_used_at", moment(py, self.last_used_at)?),
        ];
        object(py, "CredentialInfo", &fields)
    }
}

impl ToPython for CredentialRecord {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = [
            ("info", self.info.to_python(py)?),
            ("credential", self.credential.to_python(py)?),
        ];
        object(py, "CredentialRecord", &fields)
    }
}

impl<T: ToPython> ToPython for Vec<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let items: Vec<_> = self
            .iter()
            .map(|item| item.to_python(py))
            .collect::<PyResult<_>>()?;
        Ok(PyList::new(py, items)?.into_any())
    }
}

impl<T: ToPython> ToPython for Page<T> {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = [
            ("items", self.items.to_python(py)?),
            ("next_cursor", value(py, self.next_cursor.as_ref())?),
        ];
        object(py, "Page", &fields)
    }
}

impl ToPython for IssuedToken {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = [
            ("token", secret(py, self.token.as_ref())?),
            ("wrap_token", secret(py, self.wrap_token.as_ref())?),
            ("accessor", value(py, &self.accessor)?),
            ("policies", value(py, &self.policies)?),
            ("ttl", value(py, self.ttl)?),
            ("expires_at", moment(py, Some(self.expires_at))?),
            ("renewable", value(py, self.renewable)?),
            ("vault_url", value(py, &self.vault_url)?),
            ("vault_hostname", value(py, self.vault_hostname.as_ref())?),
            ("store", value(py, &self.store)?),
            ("path", value(py, &self.path)?),
            ("issuance_id", value(py, &self.issuance_id)?),
        ];
        object(py, "IssuedToken", &fields)
    }
}

impl ToPython for Site {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = [
            ("secret_id", value(py, &self.secret_id)?),
            ("site_url", value(py, self.site_url.as_ref())?),
            ("store", value(py, &self.store)?),
            ("path", value(py, &self.path)?),
            ("created_at", moment(py, self.created_at)?),
            ("expires_at", moment(py, self.expires_at)?),
        ];
        object(py, "Site", &fields)
    }
}

impl ToPython for RegisteredSite {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = [
            ("site_id", value(py, &self.site_id)?),
            ("expires_at", moment(py, self.expires_at)?),
            ("token", secret(py, self.token.as_ref())?),
        ];
        object(py, "RegisteredSite", &fields)
    }
}

impl ToPython for TokenState {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let remaining = self.remaining.map(|left| left.as_secs_f64());
        let fields = [
            ("accessor", value(py, self.accessor.as_ref())?),
            ("remaining", value(py, remaining)?),
            ("replaced", value(py, self.replaced)?),
            ("renewed", value(py, self.renewed)?),
            ("trouble", value(py, self.trouble.as_ref())?),
        ];
        object(py, "TokenState", &fields)
    }
}
