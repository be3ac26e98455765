//! What clients store, and what Connectors look up.

pub mod http;
mod open;
mod read;
pub mod store;

pub use open::Opening;
pub use read::new_site;
