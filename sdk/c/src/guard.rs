//! What stands around every function: no panic gets out, and each failure becomes a status and an error object.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gatehouse_client::{Error, Result};

use crate::error::{GatehouseError, GatehouseStatus};

/// Runs `call`, and hands its error out where the caller wants it.
///
/// # Safety
/// `error` is NULL or points to where a pointer can be written.
pub(crate) unsafe fn guard(
    error: *mut *mut GatehouseError,
    call: impl FnOnce() -> Result<()>,
) -> GatehouseStatus {
    let failed = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(GatehouseError::new(&failure)),
        Err(_) => Some(GatehouseError::panicked()),
    };
    let status = failed
        .as_ref()
        .map_or(GatehouseStatus::Ok, GatehouseError::status);
    if !error.is_null() {
        let object = failed.map_or(std::ptr::null_mut(), |failed| {
            Box::into_raw(Box::new(failed))
        });
        // SAFETY: It is not NULL, and the caller promises that it can be written to.
        unsafe { error.write(object) };
    }
    status
}

/// Runs a getter; a panic becomes `otherwise`.
pub(crate) fn get<T>(otherwise: T, call: impl FnOnce() -> Option<T>) -> T {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Some(value)) => value,
        Ok(None) | Err(_) => otherwise,
    }
}

/// Hands a new object out.
///
/// # Safety
/// `out` is NULL or points to where a pointer can be written.
pub(crate) unsafe fn hand_out<T>(out: *mut *mut T, make: impl FnOnce() -> Result<T>) -> Result<()> {
    if out.is_null() {
        return Err(Error::InvalidArgument("out is NULL".to_owned()));
    }
    // SAFETY: It is not NULL, and the caller promises that it can be written to.
    unsafe { out.write(std::ptr::null_mut()) };
    let object = Box::new(make()?);
    // SAFETY: As above.
    unsafe { out.write(Box::into_raw(object)) };
    Ok(())
}

/// The object behind a pointer from C.
///
/// # Safety
/// `object` is NULL or came from this library and was not freed.
pub(crate) unsafe fn needed<'a, T>(object: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe { object.as_ref() }.ok_or_else(|| Error::InvalidArgument(format!("{name} is NULL")))
}

/// Takes an object back and drops it.
///
/// # Safety
/// `object` is NULL or came from this library and was not freed.
pub(crate) unsafe fn free<T>(object: *mut T) {
    if object.is_null() {
        return;
    }
    // SAFETY: It came from `hand_out` or `guard`, so from `Box::into_raw`, and the caller gives it up.
    let object = unsafe { Box::from_raw(object) };
    // A panic while dropping has nowhere to go.
    drop(catch_unwind(AssertUnwindSafe(move || drop(object))));
}
