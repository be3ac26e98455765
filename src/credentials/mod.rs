//! Typed credentials.

pub mod models;
