//! Sites.

use std::ffi::c_char;

use gatehouse_client::{Secret, SiteRegistration};

use crate::client::GatehouseClient;
use crate::error::{GatehouseError, GatehouseStatus};
use crate::{guard, text};

/// Registers a site, so that the support team can find it by its access key. Saying the same again changes nothing.
/// `access_key` and `site_url` may be NULL. On failure `*error`, if `error` is not NULL, is an error which the caller
/// owns.
///
/// # Safety
/// `client` is NULL or alive, texts end with a zero, `error` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_site_register(
    client: *const GatehouseClient,
    secret_id: *const c_char,
    access_key: *const c_char,
    site_url: *const c_char,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let register = || {
        // SAFETY: The caller promises that all are NULL or can be read.
        let (client, secret_id, access_key, site_url) = unsafe {
            (
                guard::needed(client, "client")?,
                text::needed(secret_id, "secret_id")?,
                text::optional(access_key, "access_key")?,
                text::optional(site_url, "site_url")?,
            )
        };
        let mut site = SiteRegistration::new(secret_id);
        site.access_key = access_key.map(Secret::from);
        site.site_url = site_url.map(ToOwned::to_owned);
        client.gatehouse()?.register_site(&site).map(drop)
    };
    // SAFETY: The caller promises that it is NULL or can be written to.
    unsafe { guard::guard(error, register) }
}

/// Removes a site: its tokens die, its secret is deleted. One that is not known counts as removed. On failure
/// `*error`, if `error` is not NULL, is an error which the caller owns.
///
/// # Safety
/// `client` is NULL or alive, `secret_id` ends with a zero, `error` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gatehouse_site_remove(
    client: *const GatehouseClient,
    secret_id: *const c_char,
    error: *mut *mut GatehouseError,
) -> GatehouseStatus {
    let remove = || {
        // SAFETY: The caller promises that both are NULL or can be read.
        let (client, secret_id) = unsafe {
            (
                guard::needed(client, "client")?,
                text::needed(secret_id, "secret_id")?,
            )
        };
        client.gatehouse()?.remove_site(secret_id).map(drop)
    };
    // SAFETY: The caller promises that it is NULL or can be written to.
    unsafe { guard::guard(error, remove) }
}
