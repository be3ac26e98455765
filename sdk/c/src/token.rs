//! Tokens of OpenBao.

use std::ffi::c_char;

use gatehouse_client::{Error, IssuedToken, Result, Secret, TokenRequest};

use crate::client::GatehouseClient;
use crate::error::{GatehouseError, GatehouseStatus};
use crate::guard;
use crate::text::{self, Text, pointer};

/// A token of OpenBao that reads credentials. Free it with `gatehouse_token_free`, which wipes it.
pub struct GatehouseToken {
    token: Text,
    accessor: Text,
    vault_hostname: Option<Text>,
    seconds: u64,
}

impl GatehouseToken {
    fn new(issued: &IssuedToken) -> Result<Self> {
        let token = issued.token.as_ref().map(Secret::expose);
        Ok(Self {
            token: Text::new(
                token.ok_or_else(|| Error::Malformed("it holds no token".to_owned()))?,
            )?,
            accessor: Text::new(&issued.accessor)?,
            vault_hostname: Text::optional(issued.vault_hostname.as_deref())?,
            seconds: issued.ttl,
        })
    }
}

/// Gets a token that reads credentials straight from OpenBao: the one of `key`, or, where it is NULL, all that the
/// caller may read. A client of `gatehouse_client_new_openbao_through` does this by itself.
///
/// On success `*out` is the token, which the caller owns; else it is NULL, and `*error`, if `error` is not NULL, an
/// error which the caller owns.
///
/// # Safety
/// `client` is NULL or alive, `key` is NULL or ends with a zero; `out` and `error` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_token_get(
    client: *const GatehouseClient,
    key: *const c_char,
    out: *mut *mut GatehouseToken,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let make = || {
        // SAFETY: The caller promises that both are NULL or can be read.
        let (client, key) = unsafe {
            (
                guard::needed(client, "client")?,
                text::optional(key, "key")?,
            )
        };
        let request = TokenRequest {
            key: key.map(ToOwned::to_owned),
            ..TokenRequest::default()
        };
        GatehouseToken::new(&client.gatehouse()?.credential_token(&request)?)
    };
    // SAFETY: The caller promises that both are NULL or can be written to.
    unsafe { guard::guard(error, || guard::hand_out(out, make)) }
}

/// The token itself. Belongs to the token; NULL for NULL.
///
/// # Safety
/// `token` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_token_text(token: *const GatehouseToken) -> *const c_char {
    guard::get(std::ptr::null(), || {
        // SAFETY: The caller promises that it is NULL or alive.
        Some(unsafe { token.as_ref() }?.token.as_ptr())
    })
}

/// What names the token without being it. Belongs to the token; NULL for NULL.
///
/// # Safety
/// `token` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_token_accessor(token: *const GatehouseToken) -> *const c_char {
    guard::get(std::ptr::null(), || {
        // SAFETY: The caller promises that it is NULL or alive.
        Some(unsafe { token.as_ref() }?.accessor.as_ptr())
    })
}

/// The address to read from with it: what `gatehouse_client_new_openbao` takes. Belongs to the token; NULL for NULL.
///
/// # Safety
/// `token` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_token_vault_hostname(
    token: *const GatehouseToken,
) -> *const c_char {
    guard::get(std::ptr::null(), || {
        // SAFETY: The caller promises that it is NULL or alive.
        Some(pointer(unsafe { token.as_ref() }?.vault_hostname.as_ref()))
    })
}

/// How many seconds the token lives at first; 0 for NULL.
///
/// # Safety
/// `token` is NULL or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_token_seconds(token: *const GatehouseToken) -> u64 {
    // SAFETY: The caller promises that it is NULL or alive.
    guard::get(0, || Some(unsafe { token.as_ref() }?.seconds))
}

/// Wipes and frees a token, and all texts that came from it. It lives on in OpenBao until it ends. NULL is nothing.
///
/// # Safety
/// `token` is NULL or alive. It is gone after this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_token_free(token: *mut GatehouseToken) {
    // SAFETY: The caller promises the same.
    unsafe { guard::free(token) };
}
