//! Clients.

use std::ffi::c_char;

use gatehouse_client::{Credential, Error, Gatehouse, Login, Result, TokenRequest, Vault};

use crate::error::{GatehouseError, GatehouseStatus};
use crate::guard;
use crate::settings::{self, GatehouseSettings};
use crate::text;

/// A client of Gatehouse, or of OpenBao with a token. Any thread may use it. Free it with `gatehouse_client_free`, or
/// with `gatehouse_client_close`.
pub struct GatehouseClient(Kind);

enum Kind {
    Gatehouse(Gatehouse),
    Vault(Vault),
}

impl GatehouseClient {
    /// The client of the service.
    pub(crate) fn gatehouse(&self) -> Result<&Gatehouse> {
        match &self.0 {
            Kind::Gatehouse(gatehouse) => Ok(gatehouse),
            Kind::Vault(_) => Err(Error::InvalidArgument(
                "this client only reads from OpenBao; the call needs one of Gatehouse".to_owned(),
            )),
        }
    }

    pub(crate) fn read_credential(&self, key: &str) -> Result<Credential> {
        match &self.0 {
            Kind::Gatehouse(gatehouse) => gatehouse.read_credential(key),
            Kind::Vault(vault) => vault.read_credential(key),
        }
    }
}

/// Makes a client that calls Gatehouse as a worker. It logs in when the first call needs it. Nothing is sent yet.
///
/// `settings` may be NULL. On success `*out` is the client, which the caller owns; else it is NULL, and `*error`, if
/// `error` is not NULL, an error which the caller owns.
///
/// # Safety
/// Texts end with a zero; `out` and `error` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_client_new_worker(
    url: *const c_char,
    email: *const c_char,
    password: *const c_char,
    settings: *const GatehouseSettings,
    out: *mut *mut GatehouseClient,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let make = || {
        // SAFETY: The caller promises that each is NULL or ends with a zero.
        let (email, password) = unsafe {
            (
                text::needed(email, "email")?,
                text::needed(password, "password")?,
            )
        };
        // SAFETY: As above.
        unsafe { of_service(url, Login::worker(email, password), settings) }
    };
    // SAFETY: The caller promises that both are NULL or can be written to.
    unsafe { guard::guard(error, || guard::hand_out(out, make)) }
}

/// Makes a client that calls Gatehouse with a vendor's private or public key. Else as `gatehouse_client_new_worker`.
///
/// # Safety
/// Texts end with a zero; `out` and `error` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_client_new_key(
    url: *const c_char,
    key: *const c_char,
    settings: *const GatehouseSettings,
    out: *mut *mut GatehouseClient,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let make = || {
        // SAFETY: The caller promises that it is NULL or ends with a zero.
        let key = unsafe { text::needed(key, "key") }?;
        // SAFETY: As above.
        unsafe { of_service(url, Login::key(key), settings) }
    };
    // SAFETY: The caller promises that both are NULL or can be written to.
    unsafe { guard::guard(error, || guard::hand_out(out, make)) }
}

/// Makes a client that reads credentials straight from OpenBao with a token. `vault_hostname` is
/// `{OpenBao}/v1/[namespace/]{vendor}-credentials`. A thread of the library renews the token. Else as
/// `gatehouse_client_new_worker`.
///
/// # Safety
/// Texts end with a zero; `out` and `error` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_client_new_openbao(
    vault_hostname: *const c_char,
    token: *const c_char,
    settings: *const GatehouseSettings,
    out: *mut *mut GatehouseClient,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let make = || {
        // SAFETY: The caller promises that each is NULL or ends with a zero.
        let (hostname, token) = unsafe {
            (
                text::needed(vault_hostname, "vault_hostname")?,
                text::needed(token, "token")?,
            )
        };
        // SAFETY: The caller promises that it is NULL or can be read.
        let settings = unsafe { settings::read(settings) }?;
        let vault = Vault::with_token(hostname, token, settings)?;
        Ok(GatehouseClient(Kind::Vault(vault)))
    };
    // SAFETY: The caller promises that both are NULL or can be written to.
    unsafe { guard::guard(error, || guard::hand_out(out, make)) }
}

/// Makes a client that reads credentials straight from OpenBao with a token which `gatehouse` gets, now and whenever
/// another is needed. `gatehouse` may be freed before it.
///
/// # Safety
/// `gatehouse` is NULL or alive; `out` and `error` are NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_client_new_openbao_through(
    gatehouse: *const GatehouseClient,
    out: *mut *mut GatehouseClient,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let make = || {
        // SAFETY: The caller promises that it is NULL or alive.
        let gatehouse = unsafe { guard::needed(gatehouse, "gatehouse") }?.gatehouse()?;
        let vault = Vault::through(gatehouse, TokenRequest::default())?;
        Ok(GatehouseClient(Kind::Vault(vault)))
    };
    // SAFETY: The caller promises that both are NULL or can be written to.
    unsafe { guard::guard(error, || guard::hand_out(out, make)) }
}

/// Gives back the token that the client got through Gatehouse, if any, and frees the client, also where it fails.
/// Freeing takes as long as `gatehouse_client_free` does, giving back one more attempt.
///
/// # Safety
/// `client` is NULL or alive, and no other thread uses it. It is gone after this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_client_close(
    client: *mut GatehouseClient,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let close = || {
        if client.is_null() {
            return Err(Error::InvalidArgument("client is NULL".to_owned()));
        }
        // SAFETY: It came from `hand_out`, so from `Box::into_raw`, and the caller gives it up.
        match unsafe { Box::from_raw(client) }.0 {
            Kind::Vault(vault) => vault.close(),
            Kind::Gatehouse(_) => Ok(()),
        }
    };
    // SAFETY: The caller promises that it is NULL or can be written to.
    unsafe { guard::guard(error, close) }
}

/// Frees a client and stops its thread, and waits for what the thread is doing: for `attempt_timeout_ms` at most, and
/// longer only where it fetches a token while another thread logs the same worker in. A token lives on until it ends.
/// NULL is nothing.
///
/// # Safety
/// `client` is NULL or alive, and no other thread uses it. It is gone after this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_client_free(client: *mut GatehouseClient) {
    // SAFETY: The caller promises the same.
    unsafe { guard::free(client) };
}

/// # Safety
/// `url` is NULL or ends with a zero, `settings` is NULL or can be read.
unsafe fn of_service(
    url: *const c_char,
    login: Login,
    settings: *const GatehouseSettings,
) -> Result<GatehouseClient> {
    // SAFETY: The caller promises the same.
    let (url, settings) = unsafe { (text::needed(url, "url")?, settings::read(settings)?) };
    let gatehouse = Gatehouse::new(url, login, settings)?;
    Ok(GatehouseClient(Kind::Gatehouse(gatehouse)))
}
