//! Credentials of the vendor whose administrator is signed in. No operator sees them.

pub mod edit;
pub mod form;
pub mod http;
mod view;
