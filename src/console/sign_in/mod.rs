//! An operator signs in to the console, and out of it.

pub mod http;
