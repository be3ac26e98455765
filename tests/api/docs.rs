//! The pages for readers: what they list is what there is, what they link to is there, and their commands run.

mod commands;

use std::collections::BTreeSet;
use std::path::Path;

use gatehouse::error::{Error, OAuthError};
use regex::Regex;

use crate::metrics::sources;

/// A file of the project.
fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The README, `SECURITY.md` and every page of `docs/`.
fn pages() -> Vec<String> {
    let found = std::fs::read_dir("docs").unwrap();
    let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.extend(["README.md", "SECURITY.md"].map(str::to_owned));
    pages.sort();
    pages
}

/// Status and code.
type Code = (u16, String);

/// What a pattern with a status and a code finds.
fn codes(pattern: &str, text: &str) -> BTreeSet<Code> {
    let found = Regex::new(pattern).unwrap();
    found
        .captures_iter(text)
        .map(|part| (part[1].parse().unwrap(), part[2].to_owned()))
        .collect()
}

/// The names that stand as arms of a `match`, up to the end of its function.
fn arms(text: &str, function: &str) -> BTreeSet<String> {
    let body = text.split_once(function).unwrap().1;
    let body = body.split_once("\n    }\n").unwrap().0;
    let arm = Regex::new(r#"=> "([a-z_]+)""#).unwrap();
    arm.captures_iter(body)
        .map(|part| part[1].to_owned())
        .collect()
}

/// Those of `OAuth`, as the program says them; that none is left out is seen from the source.
fn of_oauth() -> BTreeSet<Code> {
    let errors = [
        OAuthError::InvalidRequest(""),
        OAuthError::UnsupportedGrantType,
        OAuthError::InvalidScope,
        OAuthError::InvalidTarget,
        OAuthError::KeyLimit,
        OAuthError::SignedClientsOnly,
        OAuthError::OtherSite,
    ];
    let named: BTreeSet<String> = errors.iter().map(|error| error.name().to_owned()).collect();
    assert_eq!(named, arms(&text("src/error/oauth.rs"), "fn name("));
    let told = errors.map(|error| Error::from(error).entry());
    told.into_iter()
        .map(|entry| (entry.status.as_u16(), entry.code.to_owned()))
        .collect()
}

/// Each code with its status, as the program has them.
fn made() -> BTreeSet<Code> {
    let pair = r#"\b(\d{3}),\s*"([a-z_]+)""#;
    let mut all = codes(pair, &text("src/error/table.rs"));
    assert!(all.len() > 80, "{all:?}");
    all.extend(codes(pair, &text("src/idempotency/mod.rs")));
    all.extend(of_oauth());
    let workloads = arms(&text("src/federation/refusal.rs"), "fn code(");
    all.extend(workloads.into_iter().map(|code| (400, code)));
    let openbao = Regex::new(r#"\(\s*"([a-z_]+)",\s*""#).unwrap();
    let upstream = text("src/error/upstream.rs");
    all.extend(
        openbao
            .captures_iter(&upstream)
            .map(|part| (503, part[1].to_owned())),
    );
    let field = Error::unsupported_field("sort", "x").entry();
    all.insert((field.status.as_u16(), field.code.to_owned()));
    all
}

#[test]
fn every_error_is_documented_with_its_status_and_no_other_is() {
    let page = text("docs/errors.md");
    let row = r"(?m)^\| (\d{3}) \| `([a-z_]+)` \| [^|]+ \| [^|]+ \|$";
    let documented = codes(row, &page);
    let rows = page.lines().filter(|line| {
        let cell = line.strip_prefix("| ").and_then(|rest| rest.get(..3));
        cell.is_some_and(|cell| cell.bytes().all(|byte| byte.is_ascii_digit()))
    });
    assert_eq!(
        documented.len(),
        rows.count(),
        "a row is malformed or double"
    );
    let made = made();
    let differ: Vec<&Code> = documented.symmetric_difference(&made).collect();
    assert!(differ.is_empty(), "on one side only: {differ:?}");
}

/// The names of all tests.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    sources(Path::new("tests"), &mut files);
    let test =
        r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn ([a-z0-9_]+)";
    let test = Regex::new(test).unwrap();
    let found = files.iter().flat_map(|text| test.captures_iter(text));
    found.map(|part| part[1].to_owned()).collect()
}

#[test]
fn every_threat_names_tests_that_exist() {
    let page = text("docs/security.md");
    let (_, threats) = page.split_once("\n## Threats\n").unwrap();
    let (threats, _) = threats.split_once("\n## ").unwrap();
    let rows = threats.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<&str> = rows.skip(2).collect();
    assert!(rows.len() > 20, "{}", rows.len());
    let (name, tests) = (Regex::new("`([a-z0-9_]+)`").unwrap(), tests());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 4, "{row}");
        let named: Vec<_> = name.captures_iter(cells[3]).collect();
        assert!(!named.is_empty(), "nothing proves: {row}");
        for test in named {
            assert!(tests.contains(&test[1]), "there is no test {}", &test[1]);
        }
    }
}

/// The name that a heading has in addresses.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// What links of a page lead nowhere, as `page: link`.
fn broken(page: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let shown = text(page);
    let folder = Path::new(page).parent().unwrap();
    let leads = |link: &str| {
        if link.starts_with("https://") {
            return true;
        }
        let (file, part) = link.split_once('#').unwrap_or((link, ""));
        let file = match file {
            "" => page.into(),
            file => folder.join(file),
        };
        if part.is_empty() {
            return file.exists();
        }
        let Ok(text) = std::fs::read_to_string(&file) else {
            return false;
        };
        text.lines()
            .filter(|line| line.starts_with('#'))
            .any(|line| anchor(line) == part)
    };
    link.captures_iter(&shown)
        .filter(|part| !leads(&part[1]))
        .map(|part| format!("{page}: {}", &part[1]))
        .collect()
}

#[test]
fn every_link_leads_somewhere_and_every_page_is_linked_from_the_readme() {
    let pages = pages();
    let broken: Vec<String> = pages.iter().flat_map(|page| broken(page)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let readme = text("README.md");
    for page in pages.iter().filter(|page| page.starts_with("docs/")) {
        assert!(readme.contains(&format!("]({page})")), "{page}");
    }
}
