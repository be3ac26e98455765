//! What must hold of everything that parses, whatever bytes come: one function for each target.
//!
//! The fuzzer calls them with bytes of its own (`make fuzz`), and `tests/api/fuzz_seeds.rs` with each file below
//! `seeds/`, in every run of the tests. A property that does not hold panics.

pub mod audit_log;
pub mod canonical_json;
pub mod jwt;
pub mod list_query;
pub mod namespace;
pub mod policy;
pub mod request_body;
pub mod secret_id;
pub mod web_url;
pub mod webhook;

/// A target: its name, and what must hold of any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. Each has a file of this name in `targets/`, and a folder of it in `seeds/`.
pub const TARGETS: [Target; 10] = [
    ("audit_log", audit_log::holds),
    ("canonical_json", canonical_json::holds),
    ("jwt", jwt::holds),
    ("list_query", list_query::holds),
    ("namespace", namespace::holds),
    ("policy", policy::holds),
    ("request_body", request_body::holds),
    ("secret_id", secret_id::holds),
    ("web_url", web_url::holds),
    ("webhook", webhook::holds),
];
