//! The design's numbers, side by side in one run: `make bench`.
//!
//! The real program and a real OpenBao and PostgreSQL of its own, durable as in production. What a row compares takes
//! turns, round by round, so that what else the machine does falls on all of it; a row is the median of the rounds'
//! ratios, with the least and the most. Names of rows as arguments run these alone. Those of `make soak` are rows too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot go on fails, and prints what it found"
)]

mod connections;
mod envelopes;
mod lists;
mod load;
mod overload;
mod paced;
mod place;
mod refusals;
mod report;
mod shipping;
mod soak;
mod tokens;
mod vendors;

/// What tests stand on: the service as a process, and a vendor's Connector.
#[expect(dead_code, unused_imports, reason = "most of it is for tests")]
#[path = "../../tests/api/support/mod.rs"]
mod support;
/// What of the tests those stand on.
#[expect(dead_code, reason = "most of it is for tests")]
#[path = "../../tests/api/probe"]
mod probe {
    pub mod peers;

    const CANARY: &str = "canary";
}

use std::path::Path;

use place::Bench;
use report::Report;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    // Of `cargo bench` itself.
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let wanted: Vec<&str> = wanted
        .into_iter()
        .filter(|name| !name.starts_with("--"))
        .collect();
    let is_named = |name: &str| wanted.contains(&name);
    let is_wanted = |name: &str| wanted.is_empty() || is_named(name);
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let name = format!("bench-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    runtime.block_on(async {
        let bench = Bench::start(&folder).await;
        let mut report = Report::new();
        println!("{}", report::machine());
        // First, as nothing of what other rows began is to be looked after yet.
        if is_wanted("refusals") {
            refusals::run(&bench, &mut report).await;
        }
        if is_wanted("tokens") {
            tokens::run(&bench, &mut report).await;
        }
        if is_wanted("envelopes") {
            envelopes::run(&bench, &mut report).await;
        }
        if is_wanted("shipping") {
            shipping::run(&bench, &mut report).await;
        }
        if is_wanted("lists") {
            lists::run(&bench, &mut report).await;
        }
        // These take long, and must be asked for: `make soak`.
        if is_named("overload") {
            overload::run(&bench, &mut report).await;
        }
        if is_named("connections") {
            connections::run(&bench, &mut report).await;
        }
        if is_named("soak") {
            soak::run(&bench, &mut report).await;
        }
        if is_wanted("vendors") {
            vendors::run(bench, &mut report).await;
        }
        println!("{}", report.table());
    });
    std::fs::remove_dir_all(&folder).unwrap();
}
