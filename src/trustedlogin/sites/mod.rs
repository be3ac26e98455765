//! What clients store, and what Connectors look up.

pub mod http;
mod read;

pub use read::new_site;
