//! The sites of a vendor.

pub mod http;
