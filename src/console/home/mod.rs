//! What matters now.

pub mod http;
pub mod store;
