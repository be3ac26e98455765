//! TrustedLogin's dialect below `/api/v1/`: reads what its plugins send, calls the domains, and answers as those plugins
//! read it. Fields that nobody asks for are tolerated, as newer plugins send more.

pub mod canonical;
pub mod connector;
pub mod fields;
pub mod http;
pub mod messages;
pub mod reports;
pub mod signing;
pub mod sites;

pub use signing::Signer;

use crate::auth::VendorCaller;
use crate::error::{Error, Result};
use crate::vendors::{Subscription, Vendor};

/// Whether an account in a path is the caller's own.
///
/// # Errors
/// [`Error::NotFound`] where it is not.
pub fn own_account(caller: &VendorCaller, id: &str) -> Result<()> {
    if id == caller.vendor.id.to_string() {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

/// Lets vendors pass that have paid.
///
/// # Errors
/// [`Error::SubscriptionUnpaid`].
pub fn subscribed(vendor: &Vendor) -> Result<()> {
    match vendor.profile.subscription {
        Subscription::Active | Subscription::Trial => Ok(()),
        Subscription::Unpaid => Err(Error::SubscriptionUnpaid),
    }
}
