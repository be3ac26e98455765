//! Entries of the lockbox.

pub mod http;
