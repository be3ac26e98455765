//! Changing a credential.

pub mod http;
