//! The client of the service.
#![expect(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands over what it owns"
)]

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gatehouse_client::{
    CredentialUpdate, Error, Gatehouse, Login, ReadTokenRequest, Removal, Result, Secret,
    SiteRegistration, TokenRequest, WriteTokenRequest,
};
use pyo3::prelude::*;

use crate::call;
use crate::convert::ToPython;
use crate::read;
use crate::settings::Given;
use crate::text::{Text, labels};
use crate::vault::Vault;

type Object<'py> = PyResult<Bound<'py, PyAny>>;
type Labels = Option<BTreeMap<Text, Text>>;

/// A client of Gatehouse.
#[pyclass(frozen, module = "gatehouse_client")]
pub(crate) struct Client {
    /// None when closed.
    gatehouse: Mutex<Option<Gatehouse>>,
}

impl Client {
    fn new(py: Python<'_>, url: &str, login: Login, given: Given) -> PyResult<Self> {
        let settings = given.settings(py)?;
        let gatehouse = call(py, || Gatehouse::new(url, login, settings))?;
        Ok(Self {
            gatehouse: Mutex::new(Some(gatehouse)),
        })
    }

    fn open(&self) -> Result<Gatehouse> {
        let held = self
            .gatehouse
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.clone()
            .ok_or_else(|| Error::InvalidArgument("the client is closed".to_owned()))
    }

    /// Calls without the GIL.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        with: impl FnOnce(&Gatehouse) -> Result<T> + Send,
    ) -> PyResult<T> {
        call(py, || with(&self.open()?))
    }
}

#[pymethods]
impl Client {
    /// A worker. It is logged in when the first call needs it.
    #[staticmethod]
    #[pyo3(signature = (url, email, password, *, ca_pem=None, connect_timeout=None, attempt_timeout=None,
        total_timeout=None, attempts=None, allow_plain_http=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn worker(
        py: Python<'_>,
        url: Text,
        email: Text,
        password: Text,
        ca_pem: Option<Text>,
        connect_timeout: Option<f64>,
        attempt_timeout: Option<f64>,
        total_timeout: Option<f64>,
        attempts: Option<u32>,
        allow_plain_http: bool,
    ) -> PyResult<Self> {
        let given = Given {
            ca_pem: ca_pem.map(String::from),
            connect_timeout,
            attempt_timeout,
            total_timeout,
            attempts,
            allow_plain_http,
        };
        Self::new(py, &url, Login::worker(&email, password), given)
    }

    /// The vendor, or a plugin, by its key.
    #[staticmethod]
    #[pyo3(signature = (url, key, *, ca_pem=None, connect_timeout=None, attempt_timeout=None, total_timeout=None,
        attempts=None, allow_plain_http=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn key(
        py: Python<'_>,
        url: Text,
        key: Text,
        ca_pem: Option<Text>,
        connect_timeout: Option<f64>,
        attempt_timeout: Option<f64>,
        total_timeout: Option<f64>,
        attempts: Option<u32>,
        allow_plain_http: bool,
    ) -> PyResult<Self> {
        let given = Given {
            ca_pem: ca_pem.map(String::from),
            connect_timeout,
            attempt_timeout,
            total_timeout,
            attempts,
            allow_plain_http,
        };
        Self::new(py, &url, Login::key(key), given)
    }

    /// Reads a credential.
    fn read_credential<'py>(&self, py: Python<'py>, key: Text) -> Object<'py> {
        self.run(py, |client| client.read_credential(&key))?
            .to_python(py)
    }

    /// Reads a credential and what is known of it.
    fn credential_record<'py>(&self, py: Python<'py>, key: Text) -> Object<'py> {
        self.run(py, |client| client.credential_record(&key))?
            .to_python(py)
    }

    /// Stores a new credential. For the vendor.
    #[pyo3(signature = (key, credential, *, rotate_by=None))]
    fn create_credential<'py>(
        &self,
        py: Python<'py>,
        key: Text,
        credential: &Bound<'py, PyAny>,
        rotate_by: Option<&Bound<'py, PyAny>>,
    ) -> Object<'py> {
        let (credential, rotate_by) = (read::credential(credential)?, read::moment(rotate_by)?);
        self.run(py, |client| {
            client.create_credential(&key, &credential, rotate_by)
        })?
        .to_python(py)
    }

    /// Replaces a credential; where `if_version` is given, only that version. Without `rotate_by` a date that was set
    /// before is removed. For the vendor.
    #[pyo3(signature = (key, credential, *, if_version=None, rotate_by=None))]
    fn update_credential<'py>(
        &self,
        py: Python<'py>,
        key: Text,
        credential: &Bound<'py, PyAny>,
        if_version: Option<u32>,
        rotate_by: Option<&Bound<'py, PyAny>>,
    ) -> Object<'py> {
        let credential = read::credential(credential)?;
        let update = CredentialUpdate {
            if_version,
            rotate_by: read::moment(rotate_by)?,
        };
        self.run(py, |client| {
            client.update_credential(&key, &credential, update)
        })?
        .to_python(py)
    }

    /// Deletes a credential. For the vendor.
    fn delete_credential(&self, py: Python<'_>, key: Text) -> PyResult<()> {
        self.run(py, |client| client.delete_credential(&key))
    }

    /// A page of the vendor's credentials, without their values.
    #[pyo3(signature = (limit=50, cursor=None))]
    fn list_credentials<'py>(
        &self,
        py: Python<'py>,
        limit: u32,
        cursor: Option<Text>,
    ) -> Object<'py> {
        self.run(py, |client| {
            client.list_credentials(limit, cursor.as_deref())
        })?
        .to_python(py)
    }

    /// A token that reads credentials straight from OpenBao.
    #[pyo3(signature = (*, key=None, ttl=None, wrap_ttl=None, keep_alive=None, metadata=None, worker=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn credential_token<'py>(
        &self,
        py: Python<'py>,
        key: Option<Text>,
        ttl: Option<u32>,
        wrap_ttl: Option<u32>,
        keep_alive: Option<bool>,
        metadata: Labels,
        worker: Option<Text>,
    ) -> Object<'py> {
        let request = TokenRequest {
            key: key.map(String::from),
            ttl,
            wrap_ttl,
            keep_alive,
            metadata: labels(metadata),
            worker: worker.map(String::from),
        };
        self.run(py, |client| client.credential_token(&request))?
            .to_python(py)
    }

    /// Gets such a token, and keeps it alive.
    #[pyo3(signature = (*, key=None, ttl=None, metadata=None, worker=None))]
    fn vault(
        &self,
        py: Python<'_>,
        key: Option<Text>,
        ttl: Option<u32>,
        metadata: Labels,
        worker: Option<Text>,
    ) -> PyResult<Vault> {
        let request = TokenRequest {
            key: key.map(String::from),
            ttl,
            metadata: labels(metadata),
            worker: worker.map(String::from),
            ..TokenRequest::default()
        };
        let vault = self.run(py, |client| {
            gatehouse_client::Vault::through(client, request)
        })?;
        Ok(Vault::from(vault))
    }

    /// A token that writes a site's secret. For plugins and the vendor.
    #[pyo3(signature = (*, secret_id=None, access_key=None, wrap_ttl=None, metadata=None))]
    fn write_token<'py>(
        &self,
        py: Python<'py>,
        secret_id: Option<Text>,
        access_key: Option<Text>,
        wrap_ttl: Option<u32>,
        metadata: Labels,
    ) -> Object<'py> {
        let request = WriteTokenRequest {
            secret_id: secret_id.map(String::from),
            access_key: access_key.map(Secret::from),
            wrap_ttl,
            metadata: labels(metadata),
        };
        self.run(py, |client| client.write_token(&request))?
            .to_python(py)
    }

    /// A token that reads a site's secret. For the vendor.
    #[pyo3(signature = (*, secret_id=None, wrap_ttl=None, metadata=None))]
    fn read_token<'py>(
        &self,
        py: Python<'py>,
        secret_id: Option<Text>,
        wrap_ttl: Option<u32>,
        metadata: Labels,
    ) -> Object<'py> {
        let request = ReadTokenRequest {
            secret_id: secret_id.map(String::from),
            wrap_ttl,
            metadata: labels(metadata),
        };
        self.run(py, |client| client.read_token(&request))?
            .to_python(py)
    }

    /// Registers a site. For plugins and the vendor.
    #[pyo3(signature = (secret_id, *, access_key=None, site_url=None, expires_at=None, metadata=None,
        with_token=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn register_site<'py>(
        &self,
        py: Python<'py>,
        secret_id: Text,
        access_key: Option<Text>,
        site_url: Option<Text>,
        expires_at: Option<&Bound<'py, PyAny>>,
        metadata: Labels,
        with_token: bool,
    ) -> Object<'py> {
        let site = SiteRegistration {
            secret_id: secret_id.into(),
            site_url: site_url.map(String::from),
            access_key: access_key.map(Secret::from),
            expires_at: read::moment(expires_at)?,
            metadata: labels(metadata),
            issuance_id: None,
            with_token,
        };
        self.run(py, |client| client.register_site(&site))?
            .to_python(py)
    }

    /// The sites with any of these access keys. For the vendor.
    fn search_sites<'py>(&self, py: Python<'py>, access_keys: Vec<Text>) -> Object<'py> {
        let keys: Vec<&str> = access_keys.iter().map(|key| &**key).collect();
        self.run(py, |client| client.search_sites(&keys))?
            .to_python(py)
    }

    /// One site. For the vendor.
    fn site<'py>(&self, py: Python<'py>, secret_id: Text) -> Object<'py> {
        self.run(py, |client| client.site(&secret_id))?
            .to_python(py)
    }

    /// A page of the vendor's sites.
    #[pyo3(signature = (limit=50, cursor=None))]
    fn list_sites<'py>(&self, py: Python<'py>, limit: u32, cursor: Option<Text>) -> Object<'py> {
        self.run(py, |client| client.list_sites(limit, cursor.as_deref()))?
            .to_python(py)
    }

    /// Removes a site. True when it is done, false when the service finishes it later.
    fn remove_site(&self, py: Python<'_>, secret_id: Text) -> PyResult<bool> {
        self.run(py, |client| client.remove_site(&secret_id))
            .map(|removal| removal == Removal::Done)
    }

    /// Drops keys and log-in. A vault that was made of it stays open.
    fn close(&self) {
        let mut held = self
            .gatehouse
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *held = None;
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Closes.
    fn __exit__(
        &self,
        kind: Option<&Bound<'_, PyAny>>,
        error: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> bool {
        let _ = (kind, error, traceback);
        self.close();
        false
    }
}
