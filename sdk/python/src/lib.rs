//! The native half of the Python package `gatehouse_client`. What Python callers need to know stands in
//! `gatehouse_client/_native.pyi`; the classes that go in and come out are Python's own, in `_models.py`.

mod client;
mod convert;
mod errors;
mod read;
mod settings;
mod text;
mod vault;

use pyo3::prelude::*;

/// The native half of the package.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::vault::Vault;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

/// Runs a call without the GIL, so that other threads of Python go on meanwhile.
fn call<T: Send>(
    py: Python<'_>,
    call: impl FnOnce() -> gatehouse_client::Result<T> + Send,
) -> PyResult<T> {
    py.detach(call).map_err(|error| errors::raised(py, &error))
}
