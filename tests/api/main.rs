//! The integration tests: HTTP to a real server, on a real OpenBao and a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that cannot go on fails"
)]

mod support;

mod hvac;
mod keeper;
mod paths;
mod rights;
mod seed;
mod tokens;
