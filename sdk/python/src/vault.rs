//! Credentials straight from OpenBao.
#![expect(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands over what it owns"
)]

use std::sync::{PoisonError, RwLock};

use gatehouse_client::{Error, Result, Secret};
use pyo3::prelude::*;

use crate::call;
use crate::convert::ToPython;
use crate::settings::Given;
use crate::text::Text;

/// Reads credentials straight from OpenBao. A thread renews the token. Close it, or use it with `with`; one that is
/// dropped instead ends its thread without waiting, and its token lives on until it ends.
#[pyclass(frozen, module = "gatehouse_client")]
pub(crate) struct Vault {
    /// None when closed.
    vault: RwLock<Option<gatehouse_client::Vault>>,
}

impl From<gatehouse_client::Vault> for Vault {
    fn from(vault: gatehouse_client::Vault) -> Self {
        Self {
            vault: RwLock::new(Some(vault)),
        }
    }
}

impl Vault {
    fn with<T>(&self, read: impl FnOnce(&gatehouse_client::Vault) -> Result<T>) -> Result<T> {
        let vault = self.vault.read().unwrap_or_else(PoisonError::into_inner);
        match &*vault {
            Some(vault) => read(vault),
            None => Err(Error::InvalidArgument("the vault is closed".to_owned())),
        }
    }
}

/// Python drops a vault with the GIL, so nothing may be waited for.
impl Drop for Vault {
    fn drop(&mut self) {
        let vault = self.vault.get_mut();
        if let Some(vault) = vault.unwrap_or_else(PoisonError::into_inner).take() {
            vault.let_go();
        }
    }
}

#[pymethods]
impl Vault {
    /// Reads with this token below `vault_hostname`, `{OpenBao}/v1/[namespace/]{vendor}-credentials`.
    #[staticmethod]
    #[pyo3(signature = (vault_hostname, token, *, ca_pem=None, connect_timeout=None, attempt_timeout=None,
        total_timeout=None, attempts=None, allow_plain_http=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn with_token(
        py: Python<'_>,
        vault_hostname: Text,
        token: Text,
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
        let settings = given.settings(py)?;
        let token = Secret::from(token);
        call(py, || {
            gatehouse_client::Vault::with_token(&vault_hostname, token, settings)
        })
        .map(Self::from)
    }

    /// Reads a credential.
    fn read_credential<'py>(&self, py: Python<'py>, key: Text) -> PyResult<Bound<'py, PyAny>> {
        call(py, || self.with(|vault| vault.read_credential(&key)))?.to_python(py)
    }

    /// How the token is.
    fn token_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        call(py, || self.with(|vault| Ok(vault.token_state())))?.to_python(py)
    }

    /// Stops, and gives the token back to OpenBao where it came through Gatehouse. It waits for calls that other threads
    /// are in, then up to `attempt_timeout` for the thread that renews, and as long again for giving back. Only where a
    /// token is being fetched while another thread logs the same worker in, it waits for that too.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || {
            let vault = self
                .vault
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            vault.map_or(Ok(()), gatehouse_client::Vault::close)
        })
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Closes. Where the block failed, its exception goes on, and not one from closing.
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyAny>>,
        error: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let _ = (error, traceback);
        match self.close(py) {
            Err(failure) if kind.is_none() => Err(failure),
            _ => Ok(false),
        }
    }
}
