//! Faults one after another under a steady load, with real processes and signals: `make drill`.
//!
//! Three nodes of OpenBao, PostgreSQL and the service are processes of their own. After each fault everything that was
//! answered is held against what is in OpenBao and PostgreSQL. Names of faults as arguments do these alone. The report is
//! printed and written to `target/drill.md`; a difference ends the drill with 1.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a drill that cannot go on fails, and prints what it found"
)]

mod faults;
mod load;
mod oracle;
mod place;
mod report;

/// What tests stand on: the service as a process, and calls.
#[expect(dead_code, unused_imports, reason = "most of it is for tests")]
#[path = "../api/support/mod.rs"]
mod support;
/// What of the tests those stand on.
#[expect(dead_code, reason = "most of it is for tests")]
#[path = "../api/probe"]
mod probe {
    pub mod peers;

    const CANARY: &str = "canary";
}

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use faults::Fault;
use oracle::Accessors;
use place::Place;
use report::{Report, Times};

const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(4);
/// Longer than any recovery may take.
const LONGEST: Duration = Duration::from_secs(40);

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let mut all = faults::all();
    let unknown = wanted
        .iter()
        .find(|one| all.iter().all(|fault| fault.name != *one));
    assert!(unknown.is_none(), "there is no fault {unknown:?}");
    all.retain(|fault| is_wanted(fault.name));
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = format!("drill-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/drill.md");
    let report = runtime.block_on(async {
        let mut place = Place::start(&folder).await;
        let (mut report, mut seen) = (Report::default(), Accessors::default());
        for fault in &all {
            drill(&mut place, fault, &mut report, &mut seen).await;
            println!("{}", report.last());
            // What there is stays where a later fault cannot be got over.
            std::fs::write(&file, report.text()).unwrap();
        }
        oracle::check_itself(&place, &mut seen).await;
        report
    });
    drop(runtime);
    place::clear(&folder);
    println!("\n{}", report.table());
    ExitCode::from(u8::from(report.differences > 0))
}

/// One fault under load, from before it until after it.
async fn drill(place: &mut Place, fault: &Fault, report: &mut Report, seen: &mut Accessors) {
    let load = Arc::clone(&place.load);
    load.records.lock().unwrap().clear();
    load.is_over.store(false, Ordering::Relaxed);
    let callers: Vec<_> = (0..load::CALLERS)
        .map(|_| {
            let load = Arc::clone(&load);
            tokio::spawn(async move { load.call().await })
        })
        .collect();
    tokio::time::sleep(BEFORE).await;
    let hurt = Instant::now();
    (fault.begin)(place).await;
    tokio::time::sleep(fault.lasts).await;
    (fault.end)(place).await;
    let mended = Instant::now();
    while mended.elapsed() < LONGEST {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if report::first_good(&load.records.lock().unwrap(), mended).is_some() {
            break;
        }
    }
    tokio::time::sleep(AFTER).await;
    load.is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let found = oracle::look(place, seen).await;
    for node in &place.cluster.nodes {
        node.forget_audit();
    }
    let records = load.records.lock().unwrap().clone();
    report.add(fault, &records, Times { hurt, mended }, found);
}
