//! A vendor is suspended, resumed, cancelled.

pub mod http;
