//! Typed credentials.

pub mod models;
pub mod probe;
