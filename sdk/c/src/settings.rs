//! Limits and trust.

use std::ffi::c_char;
use std::time::Duration;

use gatehouse_client::{Result, Settings};

use crate::text;

/// How a client behaves. Set it to zero first (`GatehouseSettings settings = {0};`); zero and NULL mean the default.
#[repr(C)]
pub struct GatehouseSettings {
    /// The certificates to trust, as PEM. Default: those of the system, or of the file that `SSL_CERT_FILE` names.
    pub ca_pem: *const c_char,
    /// How long making a connection may take, in milliseconds. Default: 5 seconds.
    pub connect_timeout_ms: u32,
    /// How long one attempt may take. Default: 15 seconds.
    pub attempt_timeout_ms: u32,
    /// How long a call may take, with all its attempts and pauses. Default: 60 seconds.
    pub total_timeout_ms: u32,
    /// How often a call that may be repeated is tried. Default: 4.
    pub attempts: u32,
    /// Whether http:// is accepted for other hosts than this machine. Secrets then travel in the clear.
    pub allow_plain_http: bool,
}

/// # Safety
/// `settings` is NULL or points to settings whose texts are NULL or end with a zero.
pub(crate) unsafe fn read(settings: *const GatehouseSettings) -> Result<Settings> {
    let mut read = Settings::default();
    // SAFETY: The caller promises that it is NULL or can be read.
    let Some(given) = (unsafe { settings.as_ref() }) else {
        return Ok(read);
    };
    // SAFETY: The caller promises that it is NULL or ends with a zero.
    let ca_pem = unsafe { text::optional(given.ca_pem, "ca_pem") }?;
    read.ca_pem = ca_pem.map(ToOwned::to_owned);
    read.allow_plain_http = given.allow_plain_http;
    set(&mut read.connect_timeout, given.connect_timeout_ms);
    set(&mut read.attempt_timeout, given.attempt_timeout_ms);
    set(&mut read.total_timeout, given.total_timeout_ms);
    if given.attempts > 0 {
        read.attempts = given.attempts;
    }
    Ok(read)
}

fn set(limit: &mut Duration, milliseconds: u32) {
    if milliseconds > 0 {
        *limit = Duration::from_millis(milliseconds.into());
    }
}
