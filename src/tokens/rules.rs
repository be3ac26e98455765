//! The rules of who gets which token. The token path asks them, and so does [`super::explain`].

use jiff::Timestamp;

use super::Kind;
use crate::error::{Error, Result};
use crate::sites::{Site, State};
use crate::vendors::Vendor;

/// Write tokens for the whole store are the vendor's to allow.
///
/// # Errors
/// [`Error::StoreWideRefused`].
pub fn store_wide_writes(vendor: &Vendor) -> Result<()> {
    if vendor.store_wide_writes {
        Ok(())
    } else {
        Err(Error::StoreWideRefused)
    }
}

/// Where the vendor says so, client plugins get wrapped tokens only. How long the wrapping token lives is the vendor's to
/// say, too.
///
/// # Errors
/// [`Error::WrapRequired`], or the field `wrapTtl`.
pub fn wrapping(vendor: &Vendor, is_for_plugin: bool, wrap_ttl: Option<u32>) -> Result<()> {
    let says = vendor.token_settings.wrap;
    let (least, most) = says.lives();
    match wrap_ttl {
        None if says.only && is_for_plugin => Err(Error::WrapRequired),
        Some(seconds) if !(least..=most).contains(&seconds) => {
            let rule = format!("must be {least} to {most} seconds");
            Err(Error::field("wrapTtl", rule))
        }
        _ => Ok(()),
    }
}

/// Read tokens are handed out unless support is paused.
///
/// # Errors
/// [`Error::SupportPaused`].
pub fn support(vendor: &Vendor, now: Timestamp) -> Result<()> {
    if vendor.is_support_paused(now) {
        Err(Error::SupportPaused)
    } else {
        Ok(())
    }
}

/// What the token is for must be there.
///
/// # Errors
/// [`Error::NotProvisioned`].
pub fn provisioned(vendor: &Vendor, kind: Kind) -> Result<()> {
    if vendor.provisioned < kind.rules().needs {
        Err(Error::NotProvisioned)
    } else {
        Ok(())
    }
}

/// A site is read only while it is registered, and written over only by who may (`over_registered`).
///
/// # Errors
/// [`Error::NotFound`] or [`Error::AccessKeyRequired`].
pub fn site(kind: Kind, site: Option<&Site>, over_registered: bool) -> Result<()> {
    let is_registered = site.is_some_and(|site| site.state == State::Registered);
    match kind {
        Kind::ReadSite if !is_registered => Err(Error::NotFound),
        Kind::WriteSite if is_registered && !over_registered => Err(Error::AccessKeyRequired),
        _ => Ok(()),
    }
}
