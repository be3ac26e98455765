//! What is sent to webhooks, and sent again.

pub mod edit;
pub mod http;
