//! Users of a vendor.

pub mod http;
pub mod one;
