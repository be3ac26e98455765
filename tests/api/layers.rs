//! The rules of who may import what, checked on the source itself.

use std::fs;
use std::path::Path;

use regex::Regex;

/// A file of the source: its path below `src/`, and its text without comments.
struct Source {
    path: String,
    code: String,
    lines: usize,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        Self {
            path: path.to_owned(),
            code: code.join("\n"),
            lines: text.lines().count(),
        }
    }

    fn is_below(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    fn is_one_of(&self, files: &[&str]) -> bool {
        files.contains(&self.path.as_str())
    }

    fn is_named(&self, name: &str) -> bool {
        self.path.rsplit('/').next() == Some(name)
    }
}

/// Where a name of a crate or module may stand.
struct Rule {
    what: &'static str,
    pattern: &'static str,
    allowed: fn(&Source) -> bool,
}

const RULES: [Rule; 7] = [
    Rule {
        what: "actix_web stays in handlers and around them",
        pattern: r"\bactix_web\b",
        allowed: |file| {
            file.is_named("http.rs")
                || file.is_below(&["http/", "auth/", "routes/"])
                || file.is_one_of(&[
                    "server.rs",
                    "health.rs",
                    "error.rs",
                    "error/field.rs",
                    "error/oauth.rs",
                    "error/problem.rs",
                    "error/table.rs",
                    "error/upstream.rs",
                    "telemetry.rs",
                    "telemetry/traces.rs",
                ])
        },
    },
    Rule {
        what: "tokio_postgres stays in store.rs and db/, and in error.rs for its From",
        pattern: r"\b(tokio_postgres|deadpool_postgres)\b",
        allowed: |file| {
            file.is_named("store.rs") || file.is_below(&["db/"]) || file.is_one_of(&["error.rs"])
        },
    },
    Rule {
        what: "vaultrs and rustify stay in vault/",
        pattern: r"\b(vaultrs|rustify)(::|\b.*;)",
        allowed: |file| file.is_below(&["vault/"]),
    },
    Rule {
        what: "the environment is read in config.rs only",
        pattern: r"\bstd::env\b|\benv::(var|vars|set_var|args)\b|[^_!(]\benv!\(",
        allowed: |file| {
            // The search path, the project's folder, and what tests of debug builds choose.
            file.is_below(&["config"])
                || file.is_one_of(&["dev/tools.rs", "cli/dev.rs", "kill_point.rs"])
        },
    },
    Rule {
        what: "names are resolved and addresses dialled in egress/ only",
        pattern: r"\b(lookup_host|to_socket_addrs|TcpStream::connect)\b",
        allowed: |file| file.is_below(&["egress/"]),
    },
    Rule {
        what: "vault/, db/ and egress/ know no domain, and nothing of HTTP",
        pattern: r"\bcrate::(\{[^}]*)?\b(vendors|sites|tokens|trustedlogin|users|webhooks|events|tasks|http|routes|app|auth|error)\b",
        allowed: |file| !file.is_below(&["vault/", "db/", "egress/"]),
    },
    Rule {
        what: "types/ does no input or output and knows nothing else of the crate",
        pattern: r"\bcrate::|\btokio\b|\bstd::(fs|net|io)\b",
        allowed: |file| !file.is_below(&["types/"]),
    },
];

fn offences(file: &Source) -> Vec<String> {
    let mut found: Vec<String> = RULES
        .iter()
        .filter(|rule| {
            !(rule.allowed)(file) && Regex::new(rule.pattern).unwrap().is_match(&file.code)
        })
        .map(|rule| format!("{}: {}", file.path, rule.what))
        .collect();
    let vague = |part: &str| {
        ["utils", "util", "common", "helpers", "helper", "misc"]
            .contains(&part.trim_end_matches(".rs"))
    };
    if file.path.split('/').any(vague) {
        found.push(format!("{}: says nothing by its name", file.path));
    }
    if file.lines > 400 {
        found.push(format!(
            "{}: {} lines, split it at 400",
            file.path, file.lines
        ));
    }
    found
}

fn files_below(folder: &Path, prefix: &str, into: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), into);
        } else if Path::new(&name).extension().is_some_and(|e| e == "rs") {
            into.push(Source::new(
                &name,
                &fs::read_to_string(entry.path()).unwrap(),
            ));
        }
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    files_below(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        "",
        &mut files,
    );
    files
}

#[test]
fn source_keeps_to_the_layers() {
    let files = sources("src");
    assert!(files.len() > 50, "the source must be found");
    let found: Vec<String> = files.iter().flat_map(offences).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Tests that still have to be split.
const GROWN: [&str; 3] = ["api/rights.rs", "api/seed.rs", "api/support/app.rs"];

#[test]
fn tests_are_small_files_too() {
    let files = sources("tests");
    let grown: Vec<_> = files
        .iter()
        .filter(|file| file.lines > 400 && !file.is_one_of(&GROWN))
        .map(|file| format!("{}: {} lines", file.path, file.lines))
        .collect();
    assert!(grown.is_empty(), "{grown:#?}");
}

#[test]
fn each_rule_can_be_broken() {
    let broken = [
        ("sites/remove.rs", "use actix_web::web;"),
        ("vendors/mod.rs", "fn f() { actix_web::rt::spawn(x); }"),
        ("sites/http.rs", "use tokio_postgres::Row;"),
        ("app.rs", "use deadpool_postgres::Pool;"),
        ("tokens/issue.rs", "use vaultrs::token;"),
        ("tasks/purge.rs", "let e: rustify::errors::ClientError = x;"),
        ("app.rs", "let home = std::env::var(\"HOME\");"),
        ("server.rs", "use std::env;"),
        ("vault/kv.rs", "use crate::sites::Site;"),
        ("vault/kv.rs", "use crate::{types::SecretId, vendors};"),
        ("db/pool.rs", "use crate::error::Error;"),
        ("egress/mod.rs", "use crate::webhooks;"),
        (
            "webhooks/deliver.rs",
            "let to = TcpStream::connect(x).await;",
        ),
        ("types/ids.rs", "use crate::app::App;"),
        ("types/ids.rs", "use std::fs;"),
        ("sites/utils.rs", ""),
        ("common/mod.rs", ""),
        ("helpers.rs", ""),
    ];
    for (path, text) in broken {
        let found = offences(&Source::new(path, text));
        assert_eq!(found.len(), 1, "{path} {text}: {found:?}");
    }
    let long = offences(&Source::new("sites/mod.rs", &"\n".repeat(401)));
    assert_eq!(long.len(), 1, "{long:?}");
}

#[test]
fn what_is_allowed_is_no_offence() {
    let right = [
        ("sites/http.rs", "use actix_web::web;"),
        ("http/json.rs", "use actix_web::web;"),
        ("sites/store.rs", "use tokio_postgres::Row;"),
        ("error.rs", "impl From<tokio_postgres::Error> for Error {}"),
        ("vault/call.rs", "use rustify::Endpoint;"),
        ("config.rs", "std::env::var(name)"),
        ("dev/tools.rs", "use std::env;"),
        ("vault/kv.rs", "use crate::types::{Namespace, SecretId};"),
        (
            "sites/remove.rs",
            "// actix_web and tokio_postgres stay out",
        ),
        (
            "telemetry.rs",
            "format!(\"{filter},vaultrs=off,rustify=off\")",
        ),
        ("sites/mod.rs", ""),
    ];
    for (path, text) in right {
        let found = offences(&Source::new(path, text));
        assert!(found.is_empty(), "{path} {text}: {found:?}");
    }
}
