//! The fields of credentials. Each text belongs to its credential; NULL means null, or a credential of another type.

use std::ffi::c_char;
use std::ptr::null;

use crate::credential::{GatehouseCredential, Model};
use crate::guard;
use crate::text::{Text, pointer};

/// Looks into the model, if there is one.
///
/// # Safety
/// `credential` is NULL or alive.
unsafe fn look<T>(
    credential: *const GatehouseCredential,
    otherwise: T,
    at: impl FnOnce(&Model) -> Option<T>,
) -> T {
    // SAFETY: The caller promises that it is NULL or alive.
    guard::get(otherwise, || at(&unsafe { credential.as_ref() }?.model))
}

type Pairs = [(Text, Option<Text>)];

fn headers(model: &Model) -> Option<&Pairs> {
    match model {
        Model::Http { headers, .. } => Some(headers),
        _ => None,
    }
}

fn fields(model: &Model) -> Option<&Pairs> {
    match model {
        Model::Generic(fields) => Some(fields),
        _ => None,
    }
}

/// The server.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_ftp_hostname(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::Ftp { hostname, .. } => Some(hostname.as_ptr()),
            _ => None,
        })
    }
}

/// The port; 0 for a credential of another type.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_ftp_port(credential: *const GatehouseCredential) -> u16 {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, 0, |model| match model {
            Model::Ftp { port, .. } => Some(*port),
            _ => None,
        })
    }
}

/// Whether the connection is made with TLS.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_ftp_secure(credential: *const GatehouseCredential) -> bool {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, false, |model| match model {
            Model::Ftp { secure, .. } => Some(*secure),
            _ => None,
        })
    }
}

/// Who logs in; may be NULL.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_ftp_username(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::Ftp { username, .. } => Some(pointer(username.as_ref())),
            _ => None,
        })
    }
}

/// With which password; may be NULL.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_ftp_password(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::Ftp { password, .. } => Some(pointer(password.as_ref())),
            _ => None,
        })
    }
}

/// The endpoint; NULL for Amazon's own.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_s3_hostname(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::S3 { hostname, .. } => Some(pointer(hostname.as_ref())),
            _ => None,
        })
    }
}

/// The public half of the key.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_s3_access_key_id(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::S3 { access_key_id, .. } => Some(access_key_id.as_ptr()),
            _ => None,
        })
    }
}

/// The secret half of the key.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_s3_secret_access_key(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::S3 {
                secret_access_key, ..
            } => Some(secret_access_key.as_ptr()),
            _ => None,
        })
    }
}

/// The region.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_s3_region(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::S3 { region, .. } => Some(region.as_ptr()),
            _ => None,
        })
    }
}

/// The URL.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_http_endpoint(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::Http { endpoint, .. } => Some(endpoint.as_ptr()),
            _ => None,
        })
    }
}

/// The method: GET, PUT, POST, HEAD or OPTIONS.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_http_method(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::Http { method, .. } => Some(method.as_ptr()),
            _ => None,
        })
    }
}

/// The body, empty where there is none.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_http_body(
    credential: *const GatehouseCredential,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| match model {
            Model::Http { body, .. } => Some(body.as_ptr()),
            _ => None,
        })
    }
}

/// How many headers there are.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_http_header_count(
    credential: *const GatehouseCredential,
) -> usize {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe { look(credential, 0, |model| headers(model).map(<[_]>::len)) }
}

/// The name of the header with this number, from 0 on.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_http_header_name(
    credential: *const GatehouseCredential,
    index: usize,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| {
            Some(headers(model)?.get(index)?.0.as_ptr())
        })
    }
}

/// The value of the header with this number, from 0 on.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_http_header_value(
    credential: *const GatehouseCredential,
    index: usize,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| {
            Some(pointer(headers(model)?.get(index)?.1.as_ref()))
        })
    }
}

/// How many fields there are.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_generic_field_count(
    credential: *const GatehouseCredential,
) -> usize {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe { look(credential, 0, |model| fields(model).map(<[_]>::len)) }
}

/// The name of the field with this number, from 0 on.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_generic_field_name(
    credential: *const GatehouseCredential,
    index: usize,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| {
            Some(fields(model)?.get(index)?.0.as_ptr())
        })
    }
}

/// The value of the field with this number, from 0 on. NULL where the field is null.
///
/// # Safety
/// `credential` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_generic_field_value(
    credential: *const GatehouseCredential,
    index: usize,
) -> *const c_char {
    // SAFETY: The caller promises that it is NULL or alive.
    unsafe {
        look(credential, null(), |model| {
            Some(pointer(fields(model)?.get(index)?.1.as_ref()))
        })
    }
}
