//! What the client sends and how it takes answers, against a small real server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod server;
mod vault;
