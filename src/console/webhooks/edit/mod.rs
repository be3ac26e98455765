//! Making and changing webhooks.

pub mod http;
