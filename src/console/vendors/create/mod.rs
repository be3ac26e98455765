//! A new vendor.

pub mod http;
