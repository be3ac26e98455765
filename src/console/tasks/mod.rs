//! Background work.

pub mod http;
