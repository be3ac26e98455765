//! Errors.

use std::ffi::c_char;

use gatehouse_client::Error;

use crate::guard;
use crate::text::{Text, pointer};

/// How a call went.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatehouseStatus {
    /// Well.
    Ok = 0,
    /// An argument or a setting is wrong; nothing was sent.
    InvalidArgument = 1,
    /// The server cannot be reached, or the connection broke.
    Transport = 2,
    /// No answer came in time.
    Timeout = 3,
    /// The server refused: see `gatehouse_error_code`.
    Refused = 4,
    /// The answer is not what it should be.
    Malformed = 5,
    /// The token has ended, and there is no way to another.
    Expired = 6,
    /// The server's certificate is not trusted, or no TLS comes about.
    Tls = 7,
    /// A fault of this library.
    Internal = 8,
}

/// Why a call failed. Free it with `gatehouse_error_free`. It never holds a secret.
pub struct GatehouseError {
    status: GatehouseStatus,
    code: Text,
    message: Text,
    request_id: Option<Text>,
    http_status: u16,
}

impl GatehouseError {
    pub(crate) fn new(error: &Error) -> Self {
        let refusal = error.refusal();
        Self {
            status: match error {
                Error::InvalidArgument(_) => GatehouseStatus::InvalidArgument,
                Error::Transport { .. } => GatehouseStatus::Transport,
                Error::Tls { .. } => GatehouseStatus::Tls,
                Error::Timeout { .. } => GatehouseStatus::Timeout,
                Error::Refused(_) => GatehouseStatus::Refused,
                Error::Malformed(_) => GatehouseStatus::Malformed,
                Error::Expired(_) => GatehouseStatus::Expired,
                _ => GatehouseStatus::Internal,
            },
            code: Text::lossy(error.code()),
            message: Text::lossy(&error.to_string()),
            request_id: refusal.and_then(|refusal| refusal.request_id.as_deref().map(Text::lossy)),
            http_status: error.status().unwrap_or_default(),
        }
    }

    pub(crate) fn panicked() -> Self {
        Self {
            status: GatehouseStatus::Internal,
            code: Text::lossy("internal"),
            message: Text::lossy("a fault of the library"),
            request_id: None,
            http_status: 0,
        }
    }

    pub(crate) fn status(&self) -> GatehouseStatus {
        self.status
    }
}

/// One sentence for people. Belongs to the error; NULL for NULL.
///
/// # Safety
/// `error` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_error_message(error: *const GatehouseError) -> *const c_char {
    guard::get(std::ptr::null(), || {
        // SAFETY: The caller promises that it is NULL or alive.
        unsafe { error.as_ref() }.map(|e| e.message.as_ptr())
    })
}

/// The code that never changes: the server's own for a refusal (`not_found`, `rate_limited` …), else
/// `invalid_argument`, `transport`, `tls`, `timeout`, `malformed`, `expired` or `internal`. Belongs to the error; NULL for
/// NULL.
///
/// # Safety
/// `error` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_error_code(error: *const GatehouseError) -> *const c_char {
    guard::get(std::ptr::null(), || {
        // SAFETY: The caller promises that it is NULL or alive.
        unsafe { error.as_ref() }.map(|e| e.code.as_ptr())
    })
}

/// What to tell the operators of Gatehouse. Belongs to the error; NULL where there is none.
///
/// # Safety
/// `error` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_error_request_id(error: *const GatehouseError) -> *const c_char {
    guard::get(std::ptr::null(), || {
        // SAFETY: The caller promises that it is NULL or alive.
        unsafe { error.as_ref() }.map(|e| pointer(e.request_id.as_ref()))
    })
}

/// The HTTP status of a refusal, else 0.
///
/// # Safety
/// `error` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_error_http_status(error: *const GatehouseError) -> u16 {
    // SAFETY: The caller promises that it is NULL or alive.
    guard::get(0, || unsafe { error.as_ref() }.map(|e| e.http_status))
}

/// Frees an error. NULL is nothing.
///
/// # Safety
/// `error` is NULL or alive. It is gone after this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_error_free(error: *mut GatehouseError) {
    // SAFETY: The caller promises the same.
    unsafe { guard::free(error) };
}
