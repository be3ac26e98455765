//! One user of a vendor.

pub mod http;
