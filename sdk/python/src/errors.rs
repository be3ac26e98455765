//! Errors as the exceptions of `_errors.py`.

use gatehouse_client::{Error, Refusal};
use pyo3::prelude::*;

/// The exception to raise.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match exception(py, error) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("gatehouse_client._errors")?;
    let message = error.to_string();
    match error.refusal() {
        None => module.call_method1("failure", (error.kind(), message)),
        Some(refusal) => module.call_method1("refusal", arguments(message, refusal)),
    }
}

type Arguments = (
    String,
    String,
    u16,
    String,
    Option<String>,
    Vec<(String, String)>,
    Option<f64>,
    Option<u32>,
);

fn arguments(message: String, refusal: &Refusal) -> Arguments {
    let fields = refusal.errors.iter();
    (
        message,
        refusal.code.clone(),
        refusal.status,
        refusal.detail.clone(),
        refusal.request_id.clone(),
        fields
            .map(|field| (field.pointer.clone(), field.detail.clone()))
            .collect(),
        refusal.retry_after.map(|pause| pause.as_secs_f64()),
        refusal.current_version,
    )
}
