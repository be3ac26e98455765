//! The alerting rules and the dashboard of `deploy/`: what they ask for is there, and can be asked.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::metrics::documented;

/// Labels that Prometheus adds, or the exporter.
const OTHERS: [&str; 3] = ["job", "instance", "quantile"];

/// The metrics that a query asks for, and what of it is not there: metrics, and labels of theirs.
fn look(query: &str) -> (BTreeSet<String>, Vec<String>) {
    let pattern = r"\b(up|[a-z]+_[a-z_]+)(?:\{([^}]*)\}|\[|\s|\)|$)";
    let (selectors, matchers) = (
        Regex::new(pattern).unwrap(),
        Regex::new(r#"([a-z_]+)\s*(?:=~|!~|!=|=)\s*""#).unwrap(),
    );
    let (known, mut metrics, mut labels) = (documented(), BTreeSet::new(), BTreeSet::new());
    let mut faults = Vec::new();
    labels.extend(OTHERS.map(str::to_owned));
    for part in selectors.captures_iter(query) {
        let name = part[1].trim_end_matches("_sum").trim_end_matches("_count");
        let Some(own) = known
            .get(name)
            .cloned()
            .or((name == "up").then(String::new))
        else {
            faults.push(format!("{name} is no metric"));
            continue;
        };
        let within = part.get(2).map_or("", |within| within.as_str());
        for matcher in matchers.captures_iter(within) {
            if matcher[1] != *own && !OTHERS.contains(&&matcher[1]) {
                faults.push(format!("{name} has no {}", &matcher[1]));
            }
        }
        metrics.insert(name.to_owned());
        labels.insert(own);
    }
    let groups = Regex::new(r"\bby \(([^)]*)\)").unwrap();
    for group in groups.captures_iter(query) {
        let by = group[1].split(',').map(str::trim);
        faults.extend(by.filter(|by| !labels.contains(*by)).map(str::to_owned));
    }
    let opened = |open, close| query.matches(open).count() == query.matches(close).count();
    if !(opened('(', ')') && opened('{', '}') && opened('[', ']')) {
        faults.push("unbalanced".to_owned());
    }
    (metrics, faults)
}

/// The metrics that queries ask for, which must all be there.
#[track_caller]
fn asked<'a>(queries: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let looked = queries.map(|query| {
        let (metrics, faults) = look(query);
        assert!(
            faults.is_empty() && !metrics.is_empty(),
            "{query}: {faults:?}"
        );
        metrics
    });
    looked.flatten().collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{pointer} of {value}"))
}

#[test]
fn alerts_ask_for_what_there_is_and_for_all_that_wants_one() {
    let rules = std::fs::read_to_string("deploy/prometheus/gatehouse.rules.yaml").unwrap();
    let rules: Value = serde_yaml_ng::from_str(&rules).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let mut names = BTreeSet::new();
    for rule in rules {
        assert!(names.insert(text(rule, "/alert")), "{rule}");
        assert!(["page", "ticket"].contains(&text(rule, "/labels/severity")));
        for told in ["summary", "description"] {
            assert!(text(rule, &format!("/annotations/{told}")).len() > 20);
        }
    }
    let asked = asked(rules.iter().map(|rule| text(rule, "/expr")));
    let told = std::fs::read_to_string("docs/metrics.md").unwrap();
    let wanted = told
        .lines()
        .filter(|line| line.to_lowercase().contains("alert"));
    let wanted = wanted.filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let wanted: BTreeSet<&str> = wanted.collect();
    assert!(wanted.len() > 4, "{wanted:?}");
    for metric in wanted {
        assert!(asked.contains(metric), "{metric} has no alert");
    }
}

#[test]
fn dashboard_asks_for_what_there_is_and_its_panels_stand_side_by_side() {
    let board = std::fs::read_to_string("deploy/grafana/gatehouse.json").unwrap();
    let board: Value = serde_json::from_str(&board).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(!text(panel, "/title").is_empty());
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|at| panel["gridPos"][at].as_u64().unwrap());
        assert!(x + w <= 24, "{panel}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(
                taken.insert(cell),
                "{} covers another",
                text(panel, "/title")
            );
        }
    }
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let targets: Vec<&Value> = targets.flatten().collect();
    assert!(targets.len() > 25, "{}", targets.len());
    let asked = asked(targets.iter().map(|target| text(target, "/expr")));
    assert!(asked.len() > 20, "{asked:?}");
}

#[test]
fn what_is_not_there_is_found() {
    for (query, number) in [
        ("gatehouse_leases > 1", 0),
        ("gatehouse_lease > 1", 1),
        ("sum(rate(gatehouse_requests_total{state=\"200\"}[5m]))", 1),
        ("sum by (code) (rate(gatehouse_requests_total[5m]))", 1),
        ("sum(rate(gatehouse_requests_total[5m])", 1),
        (
            "rate(no_such_total[5m]) / gatehouse_leases{kind=\"write\"}",
            2,
        ),
    ] {
        assert_eq!(look(query).1.len(), number, "{query}: {:?}", look(query));
    }
}
