//! Tokens that were handed out.

pub mod http;
