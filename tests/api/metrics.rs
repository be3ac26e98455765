//! The list of metrics: as documented, and bounded whatever is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

use crate::support::TestApp;

pub fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Each metric with its label, as the program names them.
fn made() -> BTreeMap<String, String> {
    let pattern =
        r#"(?:counter|gauge|histogram)!\(\s*"(gatehouse_[a-z_]+)"(?:,\s*"([a-z]+)"\s*=>)?"#;
    let (pattern, mut files) = (Regex::new(pattern).unwrap(), Vec::new());
    sources(Path::new("src"), &mut files);
    let found = files.iter().flat_map(|text| pattern.captures_iter(text));
    let of =
        |part: Option<regex::Match>| part.map_or_else(String::new, |part| part.as_str().to_owned());
    found
        .map(|part| (of(part.get(1)), of(part.get(2))))
        .collect()
}

/// Each metric with its label, as the documentation names them.
pub fn documented() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("docs/metrics.md").unwrap();
    let row = Regex::new(r"(?m)^\| `(gatehouse_[a-z_]+)` \| (?:`([a-z]+)` )?\| [^|]+ \|$").unwrap();
    let of =
        |part: Option<regex::Match>| part.map_or_else(String::new, |part| part.as_str().to_owned());
    row.captures_iter(&text)
        .map(|part| (of(part.get(1)), of(part.get(2))))
        .collect()
}

#[test]
fn every_metric_is_documented_with_its_label_and_no_other_is() {
    assert_eq!(documented(), made());
}

#[tokio::test]
async fn what_strangers_ask_makes_no_new_label() {
    let test = TestApp::start().await;
    let vendor = test.vendor("a-vendor-that-no-metric-names").await;
    test.get("/sites").bearer(&vendor.private_key).send().await;
    for n in 0..40 {
        test.get(&format!("/no-such-path-{n}?x={n}")).send().await;
        test.get("/sites").bearer(&format!("sk_{n}")).send().await;
    }
    let known = made();
    for (metric, label, value) in &labels(&test).await {
        if ["quantile", "le"].contains(&label.as_str()) {
            continue;
        }
        assert_eq!(known.get(metric), Some(label), "{metric} {label} {value}");
        assert!(
            !value.contains("no-such") && !value.contains("no-metric"),
            "{metric} {value}"
        );
    }
}

/// Each metric with each value of each label.
async fn labels(test: &TestApp) -> BTreeSet<(String, String, String)> {
    let said = test.get("/metrics").send().await.text;
    let line =
        Regex::new(r#"(?m)^([a-z_]+?)(?:_sum|_count|_bucket)?\{([a-z]+)="([^"]*)""#).unwrap();
    line.captures_iter(&said)
        .map(|part| (part[1].to_owned(), part[2].to_owned(), part[3].to_owned()))
        .collect()
}
