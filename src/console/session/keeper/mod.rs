//! Whoever looks after webhooks at the pages: those of the platform, or of a vendor.

pub mod http;
