//! The key pairs of a vendor.

pub mod http;
