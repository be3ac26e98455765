//! Lines of an audit log, and the file they stand in: whatever stands in one, the others are told.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use gatehouse::access_logs::line::{Entry, Told, read, read_last};
use gatehouse::access_logs::position::Position;
use gatehouse::access_logs::tail::Tail;
use tempfile::TempDir;

const FENCE: &str = "gatehouse";
const GOOD: &str = concat!(
    r#"{"time":"2026-11-22T03:50:45.003Z","type":"response","auth":{"accessor":"A.n"},"request":{"id":"r","#,
    r#""operation":"read","client_token_accessor":"A.n","namespace":{"id":"root"},"#,
    r#""path":"acme1-store/0123456789abcdef","data":{"time":"hmac-sha256:00"},"remote_address":"127.0.0.1"}}"#,
);

/// What stands in a file between two good lines.
pub fn holds(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        told(line);
        torn(line);
    }
    if data.len() <= 64 * 1024 {
        followed(data);
    }
}

fn told(line: &[u8]) {
    let open = read(line, None);
    let fenced = read(line, Some(FENCE));
    assert_eq!(
        open.is_ok(),
        fenced.is_ok(),
        "whether it is a line is no matter of namespaces"
    );
    if open.is_ok() {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok());
    }
    let (open, fenced) = (entry(open.ok()), entry(fenced.ok()));
    assert!(open.is_none() || fenced.is_none(), "told in two namespaces");
    for entry in open.into_iter().chain(fenced) {
        is_plain(&entry);
    }
}

fn entry(told: Option<Told>) -> Option<Entry> {
    match told? {
        Told::Access(entry) => Some(entry),
        Told::Unwrap(_) | Told::Nothing => None,
    }
}

/// Nothing that a stranger wrote is stored but in the forms of ours.
fn is_plain(entry: &Entry) {
    for text in [&entry.accessor, &entry.request_id] {
        assert!(
            text.len() <= 200 && text.bytes().all(|b| (0x21..0x7f).contains(&b)),
            "{text:?}"
        );
    }
    let named = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    assert!(
        entry.name.len() <= 128 && entry.name.chars().all(named),
        "{:?}",
        entry.name
    );
    assert!(["store", "credentials"].contains(&entry.area));
    let known = [
        "create", "read", "update", "delete", "list", "scan", "patch", "help", "other",
    ];
    assert!(known.contains(&entry.operation));
    assert!(["done", "refused", "failed"].contains(&entry.outcome));
    if entry.is_read {
        assert_eq!((entry.operation, entry.outcome), ("read", "done"));
    }
    assert_eq!(
        entry.secret_id().is_some(),
        entry.area == "store" && !entry.name.is_empty()
    );
}

/// A writer died in the middle of a line: the next one's first stands behind it, and is told.
fn torn(line: &[u8]) {
    let both = [line, GOOD.as_bytes()].concat();
    let last = read(&both, None).ok().or_else(|| read_last(&both, None));
    assert_eq!(
        last,
        read(GOOD.as_bytes(), None).ok(),
        "behind {:?}",
        String::from_utf8_lossy(line)
    );
}

/// The file as it grows: all lines come, once and in order, and also where the reader begins anew after each.
fn followed(data: &[u8]) {
    let folder = TempDir::new_in(folder()).expect("a folder");
    let path = folder.path().join("audit.log");
    let good = format!("{GOOD}\n");
    let middle = data.len() / 2;
    let pieces = [
        good.as_bytes(),
        &data[..middle],
        &data[middle..],
        b"\n",
        good.as_bytes(),
    ];
    let mut at = Position {
        passed: Some(Vec::new()),
        ..Position::default()
    };
    let mut tail = Tail::new(path.clone(), &at);
    let (mut whole, mut anew) = (Vec::new(), Vec::new());
    for piece in pieces {
        append(&path, piece);
        drain(&mut tail, &mut whole, &mut Position::default());
        let from = at.clone();
        drain(&mut Tail::new(path.clone(), &from), &mut anew, &mut at);
    }
    let all = pieces.concat();
    let right: Vec<&[u8]> = all
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(whole, right);
    assert_eq!(anew, right);
}

/// In memory, where there is such a folder: the fuzzer writes millions.
fn folder() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        Path::new(".")
    }
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("the file");
    file.write_all(bytes).expect("written");
}

fn drain(tail: &mut Tail, into: &mut Vec<Vec<u8>>, at: &mut Position) {
    while let Some(batch) = tail.read_on().expect("read") {
        assert!(
            !batch.lost && batch.broken == 0,
            "lines are said to be lost"
        );
        *at = batch.position(batch.end);
        into.extend(batch.lines.into_iter().map(|line| line.text));
    }
}
